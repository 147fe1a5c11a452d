// SPDX-License-Identifier: GPL-3.0-or-later

extension TableOperation {
  /// Whether an operation adds or removes something.
  public enum Sense: String, Sendable, Hashable {
    case add
    case remove
  }

  /// Whether it adds or removes something.
  public var sense: Sense {
    switch self {
    case .addTable, .addObject, .addChain, .addSet, .addElements, .addRule: .add
    case .deleteTable, .deleteObject, .deleteChain, .deleteSet, .deleteElements, .deleteRule: .remove
    }
  }

  /// The kind of object that it changes, as nft calls it.
  public var subject: String {
    switch self {
    case .addTable, .deleteTable: "table"
    case .addObject, .deleteObject: "counter"
    case .addChain, .deleteChain: "chain"
    case .addSet(let set): set.dataType == 0 && set.objectType == 0 ? "set" : "map"
    case .deleteSet: "set"
    case .addElements, .deleteElements: "element"
    case .addRule, .deleteRule: "rule"
    }
  }

  /// What it changes, in one line. A rule given by its handle is looked up in `observed`, the table in the
  /// kernel.
  public func detail(in observed: KernelTable?) -> String {
    switch self {
    case .addTable, .deleteTable: return "inet \(observed?.name ?? Ruleset.tableName)"
    case .addObject(let object, _), .deleteObject(let object): return object.name
    case .addChain(let name, let base):
      return base.map { "\(name) (hook \($0.hook), priority \($0.priority), policy \($0.policy))" } ?? name
    case .deleteChain(let name), .deleteSet(let name): return name
    case .addSet(let set): return set.name
    case .addElements(let set, let elements), .deleteElements(let set, let elements):
      return "\(set.name): \(elements.count) element\(elements.count == 1 ? "" : "s")"
    case .addRule(let chain, let rule, _): return "\(chain): \(Self.text(rule))"
    case .deleteRule(let chain, let handle):
      let rule = observed?.chains.first { $0.name == chain }?.rules.first { $0.handle == handle }
      return "\(chain): \(rule.map(Self.text) ?? "handle \(handle)")"
    }
  }

  /// A rule's comment; its expressions if it has none.
  private static func text(_ rule: KernelRule) -> String {
    rule.comment ?? rule.expressions.map { "[ \(ExpressionText.text($0)) ]" }.joined(separator: " ")
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// Sends the packets of usual interfaces to chains of their own, before the base chain asks for any interface.
struct InterfaceDispatch {
  /// With more interfaces than these, one look-up costs less than the comparisons.
  private static let mostComparisons = 2

  /// The chains that the new rules lead to.
  private(set) var added: [RuleChain] = []
  /// The maps that the new rules look up.
  private(set) var maps: [NamedSet] = []
  private let partial: PartialEvaluation
  private let interfaces: [InterfaceName]
  private var names: Set<String>

  init(_ ruleset: Ruleset, _ partial: PartialEvaluation, _ interfaces: [InterfaceName]) {
    self.partial = partial
    self.interfaces = interfaces
    names = Set(ruleset.chains.map(\.name) + ruleset.sets.map(\.name))
  }

  /// The rules that a base chain has instead of its own.
  mutating func rules(of chain: RuleChain) -> [Rule] {
    let rules = Self.repliesFirst(chain.rules)
    // With one such rule there is nothing to gain.
    guard rules.count(where: \.asksInputInterface) > 1 else { return rules }
    let common = Array(rules.prefix { !$0.asksInputInterface })
    let rest = Array(rules.dropFirst(common.count))
    let actions = interfaces.map { (interface: $0, action: action(chain.name, rest, $0)) }
    return common + dispatch(chain.name, actions) + partial.rules(rest, notFrom: interfaces)
  }

  /// What to do with packets from an interface that reach these rules.
  private mutating func action(_ base: String, _ rules: [Rule], _ interface: InterfaceName) -> VerdictCode {
    let left = partial.rules(rules, from: interface)
    // At the end of a base chain its policy decides.
    if let (verdict, _) = left.only {
      if case .jump(let chain) = verdict { return .goto(chain: chain) }
      return verdict
    }
    if let same = added.first(where: { $0.name.hasPrefix("\(base)/") && $0.rules == left }) {
      return .goto(chain: same.name)
    }
    let name = unused("\(base)/\(Identifier.clean(interface.description))")
    added.append(RuleChain(name: name, rules: left))
    return .goto(chain: name)
  }

  /// The rules that give the packets of each interface their verdict.
  private mutating func dispatch(
    _ base: String, _ actions: [(interface: InterfaceName, action: VerdictCode)]
  ) -> [Rule] {
    if actions.count <= Self.mostComparisons {
      return actions.map { interface, action in
        Rule(
          [.interface(.input, .equal, .exact(interface))], action: Action(action),
          origin: Origin(reason: "from \(interface)"))
      }
    }
    let name = unused("\(base)/tunnels")
    let elements = SetElements(
      keyLength: NamedSet.Key.interfaceName.length,
      unsorted: actions.flatMap { SetKey.interface($0.interface) + [0] },
      values: actions.map { .verdict($0.action) })
    maps.append(NamedSet(name: name, key: .interfaceName, kind: .verdicts, elements: elements))
    return [
      Rule([], action: .byInputInterface(map: name), origin: Origin(reason: "by tunnel"))
    ]
  }

  private mutating func unused(_ name: String) -> String {
    var (result, number) = (name, 1)
    while !names.insert(result).inserted {
      number += 1
      result = "\(name)/\(number)"
    }
    return result
  }

  /// The rules in an order in which replies are accepted before other packets.
  ///
  /// Rules that accept and do nothing else may change places, and most of them match few packets.
  private static func repliesFirst(_ rules: [Rule]) -> [Rule] {
    let first = rules.prefix { $0.onlyAccepts }
    return first.filter(\.areReplies) + first.filter { !$0.areReplies } + rules.dropFirst(first.count)
  }
}

extension Rule {
  /// Whether it asks for the interface through which a packet arrived.
  fileprivate var asksInputInterface: Bool {
    if case .byInputInterface = action { return true }
    return matches.contains {
      switch $0 {
      case .interface(.input, _, _), .interfaceSet(.input, _, _): true
      default: false
      }
    }
  }

  /// Whether it asks for no more than that a packet is a reply of a known connection.
  fileprivate var areReplies: Bool {
    !matches.isEmpty
      && matches.allSatisfy {
        switch $0 {
        case .ctDirection(.reply), .ctState: true
        default: false
        }
      }
  }

  /// Whether all that it does is to accept packets.
  fileprivate var onlyAccepts: Bool { action == .accept && !hasEffect }
}

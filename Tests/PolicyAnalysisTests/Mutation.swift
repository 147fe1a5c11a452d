// SPDX-License-Identifier: GPL-3.0-or-later

import Ruleset

/// One rule of a table that was made wrong, to see whether anything notices.
struct Mutation: Sendable {
  /// How a rule can be wrong.
  enum Kind: Sendable, Hashable {
    /// It is not there.
    case missing
    /// It accepts what it should refuse, or the other way round.
    case verdictInverted
    /// The condition at this place among its expressions holds where it should not.
    case conditionInverted(expression: Int)
  }

  /// What is wrong.
  let kind: Kind
  /// The chain of the rule.
  let chain: String
  /// The rule's place in its chain, from 0.
  let rule: Int
  /// The table with this one mistake.
  let table: KernelTable

  /// Every table that differs from this one by one mistake.
  static func all(of table: KernelTable) -> [Mutation] {
    var mutations: [Mutation] = []
    for (place, chain) in table.chains.enumerated() {
      // A drop's log changes no verdict, so no verdict can tell of its absence: it is not mutated. That every drop has one
      // is a test of the compiler's.
      for (index, rule) in chain.rules.enumerated() where !rule.isDropLog {
        func add(_ kind: Kind, _ change: (inout [KernelRule]) -> Void) {
          var mutant = table
          change(&mutant.chains[place].rules)
          mutations.append(Mutation(kind: kind, chain: chain.name, rule: index, table: mutant))
        }
        add(.missing) { $0.remove(at: index) }
        for (number, expression) in rule.expressions.enumerated() {
          if let inverted = Self.verdictInverted(expression) {
            add(.verdictInverted) { $0[index].expressions[number] = inverted }
          }
          if let inverted = Self.conditionInverted(expression) {
            add(.conditionInverted(expression: number)) { $0[index].expressions[number] = inverted }
          }
        }
      }
    }
    return mutations
  }

  private static func verdictInverted(_ expression: Expression) -> Expression? {
    switch expression {
    case .verdict(.accept): .verdict(.drop)
    case .verdict(.drop), .reject: .verdict(.accept)
    // What leads to a refusal.
    case .verdict(.goto(let chain))
    where ["drop/", "reject/", "reset/"].contains(where: { chain.hasPrefix($0) }): .verdict(.accept)
    default: nil
    }
  }

  private static func conditionInverted(_ expression: Expression) -> Expression? {
    switch expression {
    case .compare(let operation, let source, let data):
      inverse[operation].map { .compare(operation: $0, source: source, data: data) }
    case .lookup(let set, let source, nil, let inversion):
      .lookup(set: set, source: source, destination: nil, inverted: inversion == .plain ? .inverted : .plain)
    default: nil
    }
  }

  private static let inverse: [UInt32: UInt32] = [
    NFT.equal: NFT.notEqual, NFT.notEqual: NFT.equal, NFT.less: NFT.greaterOrEqual,
    NFT.greaterOrEqual: NFT.less, NFT.lessOrEqual: NFT.greater, NFT.greater: NFT.lessOrEqual,
  ]
}

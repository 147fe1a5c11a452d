// SPDX-License-Identifier: GPL-3.0-or-later

import Ruleset

/// A table with one deliberate mistake in a rule, to check that the tests or the proof detect it.
struct Mutation: Sendable {
  /// The kind of mistake.
  enum Kind: Sendable, Hashable {
    /// The rule is missing.
    case missing
    /// The rule accepts instead of refusing, or refuses instead of accepting.
    case verdictInverted
    /// The condition at this index among the expressions is inverted.
    case conditionInverted(expression: Int)
  }

  /// The mistake.
  let kind: Kind
  /// The chain of the rule.
  let chain: String
  /// The index of the rule in its chain, from 0.
  let rule: Int
  /// The table with this mistake.
  let table: KernelTable

  /// All tables that differ from this one by one mistake.
  static func all(of table: KernelTable) -> [Mutation] {
    var mutations: [Mutation] = []
    for (place, chain) in table.chains.enumerated() {
      // A log rule changes no verdict, so a missing one cannot be detected by verdicts: it is not mutated. A
      // test of the compiler checks that every drop has one.
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
    // A goto to a chain that refuses.
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

// SPDX-License-Identifier: GPL-3.0-or-later

import Ruleset
import Testing

@Suite("Origins of rules") struct RuleOriginTests {
  static let origin = Origin(file: "policy.yaml", lines: [7], reason: "a grant")
  static let accept = Lowering.rule(Rule([], action: .accept, origin: origin))
  static let drop = Lowering.rule(Rule([], action: .drop, origin: Origin(reason: "the rest")))

  static func table(_ rules: [KernelRule], chain: String = "input") -> KernelTable {
    KernelTable(
      family: NFT.familyInet, name: Ruleset.tableName,
      chains: [KernelChain(name: chain, base: nil, rules: rules)])
  }

  /// The rule as the kernel returns it.
  static func read(_ rule: KernelRule, handle: UInt64) -> KernelRule {
    KernelRule(expressions: rule.expressions, userdata: rule.userdata, handle: handle)
  }

  @Test("are not part of what is compared with the kernel")
  func equality() {
    #expect(Self.accept.origin == Self.origin)
    #expect(Self.read(Self.accept, handle: 9) == Self.accept)
  }

  @Test("are those of equal rules in the same chain")
  func pairs() {
    let compiled = Self.table([Self.accept, Self.drop])
    let foreign = KernelRule(expressions: [.verdict(.drop)], userdata: [], handle: 3)
    let read = [Self.read(Self.drop, handle: 5), foreign, Self.read(Self.accept, handle: 4)]
    let paired = Self.table(read).withOrigins(of: compiled)
    #expect(paired.chains[0].rules.map(\.origin) == [Self.drop.origin, nil, Self.origin])
    #expect(paired.chains[0].rules.map(\.handle) == [5, 3, 4])
    let elsewhere = Self.table(read, chain: "output").withOrigins(of: compiled)
    #expect(elsewhere.chains[0].rules.allSatisfy { $0.origin == nil })
  }

  @Test("are only those of the own table")
  func ownTable() {
    var other = Self.table([Self.read(Self.accept, handle: 1)])
    other.name = "other"
    let tables = [other, Self.table([Self.read(Self.accept, handle: 1)])].withOrigins(
      of: Self.table([Self.accept]))
    #expect(tables.map { $0.chains[0].rules[0].origin } == [nil, Self.origin])
  }
}

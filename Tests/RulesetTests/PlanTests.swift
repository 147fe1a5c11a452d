// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import TestSupport
import Testing

@Suite("A plan")
struct PlanTests {
  @Test("of a table against itself is empty")
  func ofEqualTablesIsEmpty() {
    let table = Self.table(rules: ["one", "two"], elements: [1, 2, 3])
    #expect(Plan(desired: table, observed: table).isEmpty)
  }

  @Test("against nothing creates the table with everything in it")
  func againstNothing() {
    let plan = Plan(desired: Self.table(rules: ["one", "two"], elements: [1]), observed: nil)
    #expect(
      plan.operations.map(\.subject) == ["table", "counter", "chain", "set", "element", "rule", "rule"])
    #expect(plan.operations.allSatisfy { $0.sense == .add })
  }

  @Test(
    "replaces only the rules between the equal rules at both ends",
    arguments: [
      (["a", "b", "c"], ["a", "x", "c"], 1, 1), (["a", "b"], ["a", "b", "c"], 0, 1),
      (["a", "b"], ["b"], 1, 0),
      (["a"], [], 1, 0), ([], ["a"], 0, 1), (["a", "a"], ["a"], 1, 0),
      (["a", "b", "c", "d"], ["a", "c", "b", "d"], 2, 2),
    ])
  func replacesTheMiddle(_ old: [String], _ new: [String], _ removed: Int, _ added: Int) {
    let plan = Plan(desired: Self.table(rules: new), observed: Self.table(rules: old))
    #expect(plan.scope == .inPlace)
    #expect(plan.operations.count { $0.sense == .remove } == removed)
    #expect(plan.operations.count { $0.sense == .add } == added)
    #expect(Self.applied(plan, to: old) == new)
  }

  @Test("for random rule lists turns one into the other", arguments: 0..<200 as Range<UInt64>)
  func leadsFromOneToTheOther(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    func rules() -> [String] {
      (0..<Int.random(in: 0...6, using: &random)).map { _ in
        ["a", "b", "c"].randomElement(using: &random) ?? "a"
      }
    }
    let (old, new) = (rules(), rules())
    let plan = Plan(desired: Self.table(rules: new), observed: Self.table(rules: old))
    #expect(Self.applied(plan, to: old) == new, "seed \(seed): \(old) to \(new)")
    #expect(plan.isEmpty == (old == new))
  }

  @Test("sends only the elements that differ")
  func sendsWhatDiffers() {
    let plan = Plan(desired: Self.table(elements: [1, 3, 4]), observed: Self.table(elements: [1, 2, 3]))
    #expect(plan.operations.count == 2)
    guard case .deleteElements(_, let removed) = plan.operations.first,
      case .addElements(_, let added) = plan.operations.last
    else {
      Issue.record("\(plan.operations)")
      return
    }
    #expect(Array(removed.key(0)) == [0, 0, 0, 2])
    #expect(Array(added.key(0)) == [0, 0, 0, 4])
  }

  @Test("creates the table again if a base chain changed, and keeps its counter values")
  func makesAnew() {
    var moved = Self.table(rules: ["a"])
    moved.chains[0].base = BaseChain(hook: 0, priority: 7, policy: .drop)
    let plan = Plan(
      desired: Self.table(rules: ["a"]), observed: moved,
      counters: ["hits": CounterState(packets: 5, bytes: 500)])
    #expect(plan.scope == .whole)
    #expect(plan.operations.first == .deleteTable)
    #expect(
      plan.operations.contains(
        .addObject(KernelObject(name: "hits", type: 1), CounterState(packets: 5, bytes: 500))))
  }

  @Test("is not empty for a dormant table, but is empty for a table with an owner")
  func seesDormancy() {
    var observed = Self.table()
    observed.flags = 1
    #expect(!Plan(desired: Self.table(), observed: observed).isEmpty)
    observed.flags = 2 | 4
    #expect(Plan(desired: Self.table(), observed: observed).isEmpty)
  }

  @Test("deletes objects only after the rules that refer to them")
  func removesInOrder() throws {
    var observed = Self.table()
    observed.sets.append(
      KernelSet(name: "old", keyType: 7, keyLength: 4, elements: SetElements(keyLength: 4)))
    observed.chains.append(
      KernelChain(
        name: "old", base: nil,
        rules: [
          KernelRule(
            expressions: [.lookup(set: "old", source: 1, destination: nil, inverted: .plain)], handle: 77)
        ]))
    let plan = Plan(desired: Self.table(), observed: observed)
    #expect(
      plan.operations == [
        .deleteRule(chain: "old", handle: 77), .deleteSet(name: "old"), .deleteChain(name: "old"),
      ])
  }

  static func table(rules: [String] = [], elements: [UInt8] = []) -> KernelTable {
    KernelTable(
      family: 1, name: "wgfence",
      chains: [
        KernelChain(
          name: "raw", base: BaseChain(hook: 0, priority: -300, policy: .accept),
          rules: rules.enumerated().map { index, text in
            KernelRule(
              expressions: [.verdict(.accept)], userdata: Userdata.text(text, type: 0),
              handle: UInt64(index + 1))
          })
      ],
      sets: [
        KernelSet(
          name: "set", keyType: 7, keyLength: 4,
          elements: SetElements(keyLength: 4, unsorted: elements.flatMap { [0, 0, 0, $0, 0] }))
      ],
      objects: [KernelObject(name: "hits", type: 1)])
  }

  /// The rules of a chain after the rule operations of a plan, executed as by the kernel.
  private static func applied(_ plan: Plan, to old: [String]) -> [String] {
    var rules = old.enumerated().map { (handle: UInt64($0 + 1), text: $1) }
    for operation in plan.operations {
      switch operation {
      case .deleteRule(_, let handle): rules.removeAll { $0.handle == handle }
      case .addRule(_, let rule, .end): rules.append((0, rule.comment ?? ""))
      case .addRule(_, let rule, .before(let handle)):
        let index = rules.firstIndex { $0.handle == handle } ?? rules.count
        rules.insert((0, rule.comment ?? ""), at: index)
      default: break
      }
    }
    return rules.map(\.text)
  }
}

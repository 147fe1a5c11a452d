// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import KernelTestSupport
import Ruleset
import Testing

@Suite("Making a store equal to a ruleset")
struct EnforcerTests {
  static let desired = KernelTable(
    family: NFT.familyInet, name: Ruleset.tableName,
    chains: [KernelChain(name: "raw", base: BaseChain(hook: 0, priority: -300, policy: .drop), rules: [])],
    objects: [KernelObject(name: "hits", type: NFT.objectCounter)])

  @Test("sends nothing if nothing differs")
  func sendsNothing() throws {
    var store = MemoryRuleset(holding: Self.desired)
    #expect(try Enforcer.apply(Self.desired, to: &store).plan.isEmpty)
    #expect(store.sent.isEmpty)
  }

  @Test("plans again if another program was faster, three times at most", arguments: [1, 2, 3])
  func plansAgain(_ times: Int) throws {
    var store = MemoryRuleset()
    // The other program leaves a table that a plan without it cannot be made from.
    store.faults = (0..<times).map { index in
      .overtaken([
        .addTable(flags: 0, userdata: []), .addChain(name: "other\(index)", base: nil),
      ])
    }
    if times < 3 {
      let outcome = try Enforcer.apply(Self.desired, to: &store)
      #expect(outcome.generation == UInt32(times) + 2)
      #expect(store.sent.count == times + 1)
      #expect(store.holds(Self.desired))
    } else {
      #expect(throws: EnforcementError.self) { try Enforcer.apply(Self.desired, to: &store) }
      #expect(store.table?.chains.map(\.name) == ["other0", "other1", "other2"])
    }
  }

  @Test("uses the read-back if the answer was lost")
  func readsBackWhenUncertain() throws {
    var store = MemoryRuleset()
    store.faults = [.lostAnswer]
    #expect(try Enforcer.apply(Self.desired, to: &store).generation == 2)
  }

  @Test("the error names the refused operation, and nothing was changed")
  func namesWhatWasRefused() throws {
    var wrong = Self.desired
    wrong.chains[0].rules = [KernelRule(expressions: [.verdict(.jump(chain: "nowhere"))])]
    var store = MemoryRuleset()
    let error = #expect(throws: EnforcementError.self) { try Enforcer.apply(wrong, to: &store) }
    guard case .refused(let refused) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(refused.operation == .addRule(chain: "raw", wrong.chains[0].rules[0], place: .end))
    #expect(refused.code == ENOENT)
    #expect(error?.description.contains("nothing was changed") == true)
    #expect(store.table == nil)
  }

  @Test("reports an error if the read-back differs from what was acknowledged")
  func provesByReadingBack() {
    var store = MemoryRuleset()
    store.faults = [.altered { $0.chains[0].base?.policy = .accept }]
    let error = #expect(throws: EnforcementError.self) { try Enforcer.apply(Self.desired, to: &store) }
    guard case .notEqual = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("counters continue if the table is created again")
  func keepsCounters() throws {
    var other = Self.desired
    other.chains[0].base?.priority = 5
    var store = MemoryRuleset(holding: other)
    store.count("hits", bytes: 4)
    let outcome = try Enforcer.apply(Self.desired, to: &store)
    #expect(outcome.plan.scope == .whole)
    #expect(store.holds(Self.desired))
    #expect(try store.counters() == ["hits": CounterState(packets: 1, bytes: 4)])
  }

  @Test("a table that another program owns is left alone")
  func owned() throws {
    var store = MemoryRuleset()
    store.change([.addTable(flags: NFT.tableOwner, userdata: [])])
    let error = #expect(throws: EnforcementError.self) { try Enforcer.apply(Self.desired, to: &store) }
    guard case .refused(let refused) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(refused.code == EPERM)
  }
}

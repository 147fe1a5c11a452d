// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Ruleset
import Testing

@Suite("Making a store equal to a ruleset")
struct EnforcerTests {
  /// A store with scripted results.
  struct Script: RulesetStore {
    var table: KernelTable?
    var current: UInt32 = 10
    /// The errors of the commits, in order; nil means success.
    var commits: [StoreError?] = []
    /// The table after a commit, if it is another one than desired.
    var leaves: KernelTable??
    var desired: KernelTable
    var sent: [[TableOperation]] = []

    mutating func read() throws(StoreError) -> StoredTable {
      StoredTable(table: table, generation: current)
    }
    mutating func generation() throws(StoreError) -> UInt32 { current }
    mutating func counters() throws(StoreError) -> [String: CounterState] {
      ["hits": CounterState(packets: 3, bytes: 4)]
    }

    mutating func commit(_ operations: [TableOperation], generation: UInt32) throws(StoreError) {
      sent.append(operations)
      if !commits.isEmpty, let error = commits.removeFirst() {
        if case .uncertain = error {
          table = desired
          current += 1
        }
        throw error
      }
      guard generation == current else { throw .stale }
      table = leaves ?? desired
      current += 1
    }
  }

  static let desired = KernelTable(
    family: 1, name: "wgfence",
    chains: [KernelChain(name: "raw", base: BaseChain(hook: 0, priority: -300, policy: .drop), rules: [])],
    objects: [KernelObject(name: "hits", type: 1)])

  @Test("sends nothing if nothing differs")
  func sendsNothing() throws {
    var store = Script(table: Self.desired, desired: Self.desired)
    #expect(try Enforcer.apply(Self.desired, to: &store).plan.isEmpty)
    #expect(store.sent.isEmpty)
  }

  @Test("plans again if another program was faster, three times at most", arguments: [1, 2, 3])
  func plansAgain(_ times: Int) throws {
    var store = Script(commits: Array(repeating: .stale, count: times), desired: Self.desired)
    if times < 3 {
      #expect(try Enforcer.apply(Self.desired, to: &store).generation == 11)
      #expect(store.sent.count == times + 1)
    } else {
      #expect(throws: EnforcementError.self) { try Enforcer.apply(Self.desired, to: &store) }
      #expect(store.table == nil)
    }
  }

  @Test("uses the read-back if the answer was lost")
  func readsBackWhenUncertain() throws {
    var store = Script(commits: [.uncertain(reason: "ENOBUFS")], desired: Self.desired)
    #expect(try Enforcer.apply(Self.desired, to: &store).generation == 11)
  }

  @Test("the error names the refused operation")
  func namesWhatWasRefused() {
    var store = Script(commits: [.refused(operation: 2, reason: "no such thing")], desired: Self.desired)
    let error = #expect(throws: EnforcementError.self) { try Enforcer.apply(Self.desired, to: &store) }
    #expect(error?.description.contains("chain raw") == true)
    #expect(error?.description.contains("nothing was changed") == true)
  }

  @Test("reports an error if the read-back differs from what was acknowledged")
  func provesByReadingBack() {
    var other = Self.desired
    other.chains[0].base?.policy = .accept
    var store = Script(leaves: .some(other), desired: Self.desired)
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
    var store = Script(table: other, desired: Self.desired)
    let outcome = try Enforcer.apply(Self.desired, to: &store)
    #expect(
      outcome.plan.operations.contains(
        .addObject(Self.desired.objects[0], CounterState(packets: 3, bytes: 4))))
  }
}

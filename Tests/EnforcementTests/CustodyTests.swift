// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import NetworkModel
import PolicyCompiler
import PolicyLanguage
import Ruleset
import Testing

@Suite("Doing what was decided")
struct CustodyTests {
  /// A store that holds what it is given, and refuses when it is told to.
  struct Memory: RulesetStore {
    var table: KernelTable?
    var number: UInt32 = 1
    var isRefusing = false
    /// What the next transactions lead to, in their order.
    var plans: [KernelTable?] = []

    mutating func read() throws(StoreError) -> StoredTable { StoredTable(table: table, generation: number) }
    mutating func generation() throws(StoreError) -> UInt32 { number }
    mutating func counters() throws(StoreError) -> [String: CounterState] { [:] }

    mutating func commit(_ operations: [TableOperation], generation: UInt32) throws(StoreError) {
      if isRefusing { throw .refused(operation: 0, reason: "no memory") }
      guard generation == number else { throw .stale }
      if operations == [.deleteTable] { table = nil } else { table = plans.removeFirst() }
      number += 1
    }
  }

  final class Quiet: CustodySurroundings {
    var said: [String] = []
    var reading = KeeperTests.refused
    func readPolicy() -> PolicyReading? { reading }
    func now() -> Moment { KeeperTests.now }
    func say(_ severity: Keeper.Severity, _ text: PrintableText) { said.append(text.description) }
  }

  /// A directory that is gone at the end, whatever was put into it.
  final class Folder {
    let path: String
    init() throws {
      var template = Array("/tmp/wgfence-XXXXXX".utf8CString)
      path = String(cString: try #require(mkdtemp(&template)))
    }
    deinit {
      let state = StateDirectory("\(path)/state")
      for number in state.numbers() { try? state.remove(number: number) }
      for name in ["state", "boot", "lock-down", "panic", "lock"] { unlink("\(path)/state/\(name)") }
      unlink("\(path)/state")
      for name in ["state/rulesets", "state", ""] { rmdir("\(path)/\(name)") }
    }
    var state: StateDirectory { StateDirectory("\(path)/state") }
    /// Nothing can be written from now on: a file stands where the directory should be.
    func breakState() {
      rename("\(path)/state", "\(path)/away")
      close(open("\(path)/state", O_CREAT | O_WRONLY, 0o600))
    }
    func mendState() {
      unlink("\(path)/state")
      rename("\(path)/away", "\(path)/state")
    }
  }

  static let resort = Lowering.table(PolicyCompiler.lastResort)

  static func custody(_ folder: Folder, _ quiet: Quiet, _ state: KeptState = KeptState()) -> Custody<Memory> {
    Custody(
      Keeper(state, inForce: nil), store: Memory(), directory: folder.state, ownership: .shared,
      lastResort: resort, surroundings: quiet)
  }

  /// Lets a custody put a policy in force.
  static func apply(
    _ candidate: Candidate, _ custody: inout Custody<Memory>, confirm: Int64? = nil
  ) throws -> String? {
    custody.store.plans = [candidate.table(.policy)]
    return custody.perform(
      try custody.keeper.apply(
        candidate, by: "eric",
        confirm: confirm.map { Keeper.Confirm(seconds: $0, connections: []) }, at: KeeperTests.now))
  }

  @Test("what is applied is kept under a number, and loaded at boot with its lock-down and panic")
  func keeps() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var custody = Self.custody(folder, quiet)
    let candidate = try KeeperTests.candidate("a")
    #expect(try Self.apply(candidate, &custody) == nil)
    #expect(folder.state.state().value?.inForce == 1)
    for slot in StateDirectory.Slot.allCases {
      #expect(folder.state.ruleset(slot).value?.provenance.digest == "a")
    }
    let boot = try #require(folder.state.ruleset(.boot).value?.table)
    #expect(Plan(desired: candidate.table(.policy), observed: boot).isEmpty)
  }

  @Test("a grant whose time is over stays over where the clock is set back")
  func clockSetBack() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    let (before, after) = (try #require(CalendarDate("2026-11-20")), try #require(CalendarDate("2026-11-28")))
    let text = """
      version: 1
      tunnels:
        wg0: { prefixes: [10.0.0.0/24], listen: 51820 }
      machines:
        server: { addresses: { wg0: 10.0.0.1 } }
        laptop: { addresses: { wg0: 10.0.0.2 } }
      allow:
        - { to: server, services: [ssh], from: laptop }
        - { to: server, services: [redis], from: laptop, until: 2026-11-25 }
      """
    let decoded = PolicyDecoder.decode(bytes: Array(text.utf8), path: "p.yaml", today: before) { _ in
      .unreadable(reason: "none")
    }
    let candidate = try Candidate(
      try #require(decoded.policy), machine: "server", digest: "a", today: before, live: LiveEndpoints())
    let ended = candidate.again(today: after, live: LiveEndpoints())
    #expect(ended.table(.policy) != candidate.table(.policy))
    let inForce = Provenance(
      kind: .policy, path: "p.yaml", digest: "a", machine: "server", by: "eric",
      since: Int64(after.dayNumber) * 86_400)
    var custody = Custody(
      Keeper(KeptState(), inForce: inForce), store: Memory(), directory: folder.state, ownership: .shared,
      lastResort: Self.resort, surroundings: quiet)
    custody.store.plans = [ended.table(.policy)]
    #expect(
      custody.perform(
        try custody.keeper.apply(candidate, by: "eric", confirm: nil, at: KeeperTests.now)) == nil)
    #expect(custody.candidate?.today == after)
  }

  @Test("a trial is not loaded at boot, and its confirmation makes no second copy of it")
  func trial() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var custody = Self.custody(folder, quiet)
    _ = try Self.apply(try KeeperTests.candidate("a"), &custody)
    #expect(try Self.apply(try KeeperTests.candidate("b", port: 8888), &custody, confirm: 60) == nil)
    #expect(folder.state.ruleset(.boot).value?.provenance.digest == "a")
    #expect(folder.state.state().value?.pending?.back == 1)
    custody.perform(try custody.keeper.confirm(by: "eric"))
    #expect(folder.state.ruleset(.boot).value?.provenance.digest == "b")
    #expect(folder.state.numbers() == [1, 2])
    #expect(folder.state.state().value?.inForce == 2)
    #expect(folder.state.state().value?.pending == nil)
  }

  @Test("a trial that went back is not what a rollback leads to")
  func discards() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var custody = Self.custody(folder, quiet)
    let first = try KeeperTests.candidate("a")
    _ = try Self.apply(first, &custody)
    _ = try Self.apply(try KeeperTests.candidate("b", port: 8888), &custody, confirm: 60)
    custody.store.plans = [first.table(.policy)]
    custody.perform(custody.keeper.ring(at: KeeperTests.later(60)))
    #expect(folder.state.numbers() == [1])
    #expect(custody.keeper.state.inForce == 1)
  }

  @Test("a trial whose way back cannot be written is not begun")
  func promise() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var custody = Self.custody(folder, quiet)
    _ = try Self.apply(try KeeperTests.candidate("a"), &custody)
    let before = custody.store.table
    folder.breakState()
    let failure = try Self.apply(try KeeperTests.candidate("b", port: 8888), &custody, confirm: 60)
    #expect(failure?.contains("the way back could not be written") == true)
    #expect(custody.store.table == before)
    #expect(custody.keeper.state.pending == nil)
    folder.mendState()
  }

  @Test("on a full disk a policy holds all the same, is no way back, and is kept once it can be")
  func fullDisk() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var custody = Self.custody(folder, quiet)
    _ = try Self.apply(try KeeperTests.candidate("a"), &custody)
    folder.breakState()
    let second = try KeeperTests.candidate("b", port: 8888)
    #expect(try Self.apply(second, &custody) == nil)
    #expect(custody.store.table == second.table(.policy))
    #expect(custody.unkept != nil)
    #expect(throws: Refusal.self) {
      try Self.apply(try KeeperTests.candidate("c", port: 9), &custody, confirm: 60)
    }
    folder.mendState()
    custody.keepAgain()
    #expect(custody.unkept == nil)
    #expect(folder.state.ruleset(.boot).value?.provenance.digest == "b")
    #expect(custody.keeper.state.inForce == 2)
  }

  /// Declares a panic while a candidate holds.
  static func panic(_ candidate: Candidate, _ custody: inout Custody<Memory>) -> String? {
    // The policy file says the same, so that nothing has to be read from the disk.
    _ = custody.keeper.read(.accepted(candidate), at: KeeperTests.now)
    custody.store.plans = [candidate.table(.panic)]
    return custody.perform(custody.keeper.panic(by: "eric", at: KeeperTests.now))
  }

  @Test("a panic on a full disk takes effect, is not said to be stored, and is stored once it can be")
  func panicOnFullDisk() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var custody = Self.custody(folder, quiet)
    let candidate = try KeeperTests.candidate("a")
    _ = try Self.apply(candidate, &custody)
    folder.breakState()
    #expect(Self.panic(candidate, &custody) == nil)
    #expect(custody.store.table == candidate.table(.panic))
    #expect(custody.unkept != nil)
    #expect(quiet.said.count { $0.contains("not stored") } == 2)
    folder.mendState()
    custody.keepAgain()
    #expect(custody.unkept == nil)
    #expect(folder.state.state().value?.panic != nil)
    #expect(folder.state.ruleset(.boot).value?.provenance.kind == .panic)
  }

  @Test("a state that is stored does not hide that the ruleset for boot is not")
  func partlyStored() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var custody = Self.custody(folder, quiet)
    let candidate = try KeeperTests.candidate("a")
    _ = try Self.apply(candidate, &custody)
    // A directory where the file should be: only this one cannot be replaced.
    unlink("\(folder.state.path)/boot")
    mkdir("\(folder.state.path)/boot", 0o700)
    #expect(Self.panic(candidate, &custody) == nil)
    #expect(folder.state.state().value?.panic != nil)
    #expect(custody.unkept != nil)
    rmdir("\(folder.state.path)/boot")
    custody.keepAgain()
    #expect(custody.unkept == nil)
    #expect(folder.state.ruleset(.boot).value?.provenance.kind == .panic)
  }

  @Test("the end of a panic that cannot be stored is said not to be")
  func endOfPanicOnFullDisk() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var custody = Self.custody(folder, quiet)
    let candidate = try KeeperTests.candidate("a")
    _ = try Self.apply(candidate, &custody)
    _ = Self.panic(candidate, &custody)
    #expect(custody.unkept == nil)
    folder.breakState()
    custody.store.plans = [candidate.table(.policy)]
    #expect(custody.perform(try custody.keeper.endPanic(by: "eric")) == nil)
    #expect(custody.unkept != nil)
    folder.mendState()
    #expect(folder.state.state().value?.panic != nil)
    custody.keepAgain()
    #expect(folder.state.state().value?.panic == nil)
  }

  @Test("a panic that the kernel refuses is not hidden from whoever asks what is stored")
  func refusedPanicOnFullDisk() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var custody = Self.custody(folder, quiet)
    let candidate = try KeeperTests.candidate("a")
    _ = try Self.apply(candidate, &custody)
    folder.breakState()
    custody.store.isRefusing = true
    let failure = try #require(Self.panic(candidate, &custody))
    #expect(failure.contains("no memory") && failure.contains("could not be written"))
    folder.mendState()
  }

  @Test("what the kernel refuses changes neither kernel nor disk")
  func refusal() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var custody = Self.custody(folder, quiet)
    _ = try Self.apply(try KeeperTests.candidate("a"), &custody)
    let before = custody.store.table
    custody.store.isRefusing = true
    #expect(try Self.apply(try KeeperTests.candidate("b", port: 8888), &custody) != nil)
    #expect(try Self.apply(try KeeperTests.candidate("b", port: 8888), &custody, confirm: 60) != nil)
    #expect(custody.store.table == before)
    #expect(folder.state.numbers() == [1])
    #expect(folder.state.state().value?.inForce == 1)
    #expect(folder.state.state().value?.pending == nil)
  }

  @Test("a way back whose file is damaged leads to the same ruleset as boot does")
  func damagedWayBack() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var custody = Self.custody(folder, quiet)
    let first = try KeeperTests.candidate("a")
    _ = try Self.apply(first, &custody)
    _ = try Self.apply(try KeeperTests.candidate("b", port: 8888), &custody, confirm: 60)
    try folder.state.remove(number: 1)
    custody.store.plans = [first.table(.policy)]
    custody.perform(custody.keeper.ring(at: KeeperTests.later(60)))
    #expect(custody.store.table == first.table(.policy))
    #expect(custody.keeper.state.pending == nil)
  }

  @Test("a table that was taken out is not put back by what is read or heard")
  func release() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var custody = Self.custody(folder, quiet)
    let candidate = try KeeperTests.candidate("a")
    _ = try Self.apply(candidate, &custody)
    try custody.release()
    #expect(custody.store.table == nil)
    quiet.reading = .accepted(try KeeperTests.candidate("b"))
    custody.perform([.readPolicy])
    custody.verify(author: "nft[8]")
    #expect(custody.store.table == nil)
    // It holds again at the next start.
    #expect(folder.state.state().value?.inForce == 1)
  }
}

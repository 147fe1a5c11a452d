// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import KernelTestSupport
import NetworkModel
import PolicyCompiler
import PolicyLanguage
import Ruleset
import Testing

@Suite("Carrying out decisions")
struct ControllerDriverTests {
  final class Quiet: ControllerEnvironment {
    var said: [String] = []
    var reading = ControllerTests.refused
    func readPolicy() -> PolicyReading? { reading }
    var moment = ControllerTests.now
    func now() -> Moment { moment }
    var adoptions: [KernelTable] = []
    var retranslations = 0
    func adoptConnections(before desired: KernelTable) { adoptions.append(desired) }
    func endTranslatedConnections(from old: KernelTable, to new: KernelTable) { retranslations += 1 }
    func say(_ severity: Controller.Severity, _ text: PrintableText) { said.append(text.description) }
  }

  /// A directory that is deleted at the end, with its content.
  final class Folder {
    let path: String
    init() throws {
      var template = Array("/tmp/wgfence-XXXXXX".utf8CString)
      path = String(cString: try #require(mkdtemp(&template)))
    }
    deinit {
      let state = StateDirectory("\(path)/state")
      for number in state.numbers() { try? state.remove(number: number) }
      for name in ["state", "boot", "lock-down", "panic", "lock"] {
        unlink("\(path)/state/\(name)")
      }
      unlink("\(path)/state")
      for name in ["state/rulesets", "state", ""] { rmdir("\(path)/\(name)") }
    }
    var state: StateDirectory { StateDirectory("\(path)/state") }
    /// From now on nothing can be written: the directory is replaced by a file.
    func breakState() {
      rename("\(path)/state", "\(path)/away")
      close(open("\(path)/state", O_CREAT | O_WRONLY, 0o600))
    }
    func repairState() {
      unlink("\(path)/state")
      rename("\(path)/away", "\(path)/state")
    }
  }

  static let resort = Lowering.table(PolicyCompiler.lastResort)

  static func driver(
    _ folder: Folder, _ quiet: Quiet, _ state: PersistedState = PersistedState(),
    past: Controller.Past = .rulesets
  ) -> ControllerDriver<MemoryRuleset> {
    ControllerDriver(
      Controller(state, inForce: nil, past: past), store: MemoryRuleset(), directory: folder.state,
      ownership: .shared,
      lastResort: resort, environment: quiet)
  }

  /// Applies a policy with a driver.
  static func apply(
    _ candidate: Candidate, _ driver: inout ControllerDriver<MemoryRuleset>, confirm: Int64? = nil
  ) throws -> String? {
    return driver.perform(
      try driver.controller.apply(
        candidate, by: "eric",
        confirm: confirm.map { Controller.Confirm(seconds: $0, connections: []) }, at: ControllerTests.now))
  }

  @Test("what is applied is stored under a number, and for boot, with its lock-down and panic rulesets")
  func stores() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    let candidate = try ControllerTests.candidate("a")
    #expect(try Self.apply(candidate, &driver) == nil)
    #expect(folder.state.state().value?.inForce == 1)
    for slot in StateDirectory.Slot.allCases {
      #expect(folder.state.ruleset(slot).value?.provenance.digest == "a")
    }
    let boot = try #require(folder.state.ruleset(.boot).value?.table)
    #expect(Plan(desired: candidate.table(.policy), observed: boot).isEmpty)
  }

  @Test("what only observes drops nothing after a restart or in a lock-down either, but a panic is enforced")
  func storesObservation() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    let candidate = try ControllerTests.candidate("a")
    let actions = try driver.controller.apply(
      candidate, .observing, by: "eric", confirm: nil, at: ControllerTests.now)
    #expect(driver.perform(actions) == nil)
    let observer = folder.state.ruleset(.boot).value?.provenance.observer
    #expect(observer == .user)
    for (slot, mode) in [
      (StateDirectory.Slot.boot, EnforcementMode.observing), (.lockDown, .observing), (.panic, .enforcing),
    ] {
      #expect(folder.state.ruleset(slot).value?.table?.mode == mode, "\(slot)")
    }
    // Connection tracking is prepared once: before the first ruleset.
    #expect(quiet.adoptions.count == 1)
    #expect(try Self.apply(candidate, &driver) == nil)
    #expect(quiet.adoptions.count == 1)
    #expect(folder.state.ruleset(.lockDown).value?.table?.mode == .enforcing)
  }

  @Test("a grant that has ended stays closed if the clock is set back")
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
      try #require(decoded.policy), machine: "server", digest: "a", today: before, live: LiveFacts())
    let ended = candidate.again(today: after, live: LiveFacts())
    #expect(ended.table(.policy) != candidate.table(.policy))
    let inForce = Provenance(
      kind: .policy, path: "p.yaml", digest: "a", machine: "server", by: "eric",
      since: Int64(after.dayNumber) * 86_400)
    var driver = ControllerDriver(
      Controller(PersistedState(), inForce: inForce), store: MemoryRuleset(), directory: folder.state,
      ownership: .shared,
      lastResort: Self.resort, environment: quiet)
    #expect(
      driver.perform(
        try driver.controller.apply(candidate, by: "eric", confirm: nil, at: ControllerTests.now)) == nil)
    #expect(driver.candidate?.today == after)
  }

  @Test("a trial is not stored for boot, and its confirmation stores no second copy of it")
  func trial() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    #expect(try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver, confirm: 60) == nil)
    #expect(folder.state.ruleset(.boot).value?.provenance.digest == "a")
    #expect(folder.state.state().value?.pending?.back == 1)
    driver.perform(try driver.controller.confirm(by: "eric"))
    #expect(folder.state.ruleset(.boot).value?.provenance.digest == "b")
    #expect(folder.state.numbers() == [1, 2])
    #expect(folder.state.state().value?.inForce == 2)
    #expect(folder.state.state().value?.pending == nil)
  }

  /// The driver of another process, which knows what is stored.
  static func successor(_ folder: Folder, _ quiet: Quiet) throws -> ControllerDriver<MemoryRuleset> {
    let state = try #require(folder.state.state().value)
    let found = state.inForce.flatMap { folder.state.ruleset($0).value?.provenance }
    return ControllerDriver(
      Controller(state, inForce: found, past: folder.state.past), store: MemoryRuleset(),
      directory: folder.state, ownership: .shared, lastResort: resort, environment: quiet)
  }

  @Test(
    "a trial that another process confirms is stored for boot, with its lock-down and panic rulesets",
    arguments: [false, true])
  func confirmedElsewhere(_ isFirst: Bool) throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet, past: .nothing)
    if !isFirst { _ = try Self.apply(try ControllerTests.candidate("a"), &driver) }
    let candidate = try ControllerTests.candidate("b", port: 8888)
    #expect(try Self.apply(candidate, &driver, confirm: 60) == nil)
    for slot in StateDirectory.Slot.allCases {
      #expect(folder.state.ruleset(slot).value?.provenance.digest == (isFirst ? nil : "a"))
    }
    var other = try Self.successor(folder, quiet)
    #expect(other.perform(try other.controller.confirm(by: "eric")) == nil)
    #expect(other.notPersisted == nil)
    #expect(folder.state.state().value?.inForce == (isFirst ? 1 : 2))
    for (slot, kind) in [
      (StateDirectory.Slot.boot, Provenance.Kind.policy), (.lockDown, .lockDown), (.panic, .panic),
    ] {
      let stored = try #require(folder.state.ruleset(slot).value)
      #expect(stored.provenance.digest == "b")
      #expect(Plan(desired: candidate.table(kind), observed: stored.table).isEmpty, "\(slot)")
    }
  }

  @Test("a confirmation is not reported as stored if the ruleset on trial cannot be read any more")
  func confirmedButLost() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    _ = try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver, confirm: 60)
    let state = try #require(folder.state.state().value)
    let found = folder.state.ruleset(2).value?.provenance
    unlink("\(folder.path)/state/rulesets/2")
    var other = ControllerDriver(
      Controller(state, inForce: found), store: MemoryRuleset(), directory: folder.state, ownership: .shared,
      lastResort: Self.resort, environment: quiet)
    other.perform(try other.controller.confirm(by: "eric"))
    #expect(other.notPersisted?.contains("cannot be read") == true)
    #expect(folder.state.ruleset(.boot).value?.provenance.digest == "a")
  }

  @Test("a first trial that goes back leaves nothing behind")
  func firstTrialGoesBack() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet, past: .nothing)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver, confirm: 60)
    driver.perform(driver.controller.ring(at: ControllerTests.later(60)))
    #expect(folder.state.numbers().isEmpty)
    for slot in StateDirectory.Slot.allCases {
      if case .absent = folder.state.ruleset(slot) {} else { Issue.record("\(slot) stays") }
    }
    #expect(folder.state.past == .nothing)
  }

  @Test("a confirmation that ends directly after it saved the state is completed by the next process")
  func confirmationCompleted() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    _ = try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver, confirm: 60)
    #expect(folder.state.settled == nil)
    var state = try #require(folder.state.state().value)
    state.pending = nil
    try folder.state.write(state)
    #expect(folder.state.settled?.provenance.digest == "b")
    var other = try Self.successor(folder, quiet)
    other.completeStoring()
    for slot in StateDirectory.Slot.allCases {
      #expect(folder.state.ruleset(slot).value?.provenance.digest == "b", "\(slot)")
    }
  }

  @Test("a confirmation whose state cannot be saved does not change what a boot loads")
  func confirmationNotSaved() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    _ = try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver, confirm: 60)
    folder.breakState()
    driver.perform(try driver.controller.confirm(by: "eric"))
    #expect(driver.notPersisted != nil)
    folder.repairState()
    #expect(folder.state.ruleset(.boot).value?.provenance.digest == "a")
    driver.storeAgain()
    #expect(driver.notPersisted == nil)
    #expect(folder.state.ruleset(.boot).value?.provenance.digest == "b")
    #expect(folder.state.state().value?.pending == nil)
  }

  @Test(
    "a trial whose ruleset was not stored goes back when the next process begins, and leaves no ruleset",
    arguments: [false, true])
  func interruptedApply(_ isFirst: Bool) throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet, past: .nothing)
    if !isFirst { _ = try Self.apply(try ControllerTests.candidate("a"), &driver) }
    let before = folder.state.state().value ?? PersistedState()
    _ = try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver, confirm: 60)
    // As if the process had ended before it saved the state with the ruleset's number.
    var state = try #require(folder.state.state().value)
    state.inForce = before.inForce
    try folder.state.write(state)
    var other = try Self.successor(folder, quiet)
    other.perform(other.controller.resumeTrial(at: ControllerTests.later(1)))
    other.completeStoring()
    #expect(other.controller.state.pending == nil)
    #expect(folder.state.numbers() == (isFirst ? [] : [1]))
    #expect(folder.state.past == (isFirst ? .nothing : .rulesets))
    #expect(folder.state.ruleset(.boot).value?.provenance.digest == (isFirst ? nil : "a"))
    #expect(throws: Refusal.self) { _ = try other.controller.confirm(by: "eric") }
  }

  @Test("a first apply that ended before it saved anything but its ruleset locks no boot down")
  func interruptedFirstApply() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    for name in ["state", "boot", "lock-down", "panic"] { unlink("\(folder.path)/state/\(name)") }
    #expect(folder.state.past == .nothing)
  }

  @Test("a restart of the machine in its first trial leaves it as it was before")
  func restartInFirstTrial() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet, past: .nothing)
    _ = try Self.apply(try ControllerTests.candidate("b"), &driver, confirm: 60)
    quiet.reading = .accepted(try ControllerTests.candidate("b"))
    var other = try Self.successor(folder, quiet)
    other.perform(other.controller.begin(at: ControllerTests.later(9, boot: "two"), isTableThere: false))
    #expect(other.store.table == nil)
    #expect(folder.state.past == .nothing)
    // The policy file that was on trial is not put in force by the restart.
    #expect(other.controller.state.superseded == ["b"])
  }

  @Test(
    "a panic in the first trial has the failsafe grants of the trial, and can be ended",
    arguments: [false, true])
  func panicInFirstTrial(_ isElsewhere: Bool) throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet, past: .nothing)
    let candidate = try ControllerTests.candidate("b")
    _ = try Self.apply(candidate, &driver, confirm: 60)
    var other = try isElsewhere ? Self.successor(folder, quiet) : driver
    #expect(other.perform(other.controller.panic(by: "eric", at: ControllerTests.now)) == nil)
    #expect(Plan(desired: candidate.table(.panic), observed: other.store.table).isEmpty)
    #expect(other.perform(try other.controller.endPanic(by: "eric")) == nil)
    #expect(other.controller.state.panic == nil)
    #expect(Plan(desired: candidate.table(.policy), observed: other.store.table).isEmpty)
  }

  @Test("a file for boot that was removed is stored again", arguments: StateDirectory.Slot.allCases)
  func restored(_ slot: StateDirectory.Slot) throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    unlink("\(folder.path)/state/\(slot.rawValue)")
    driver.restoreMissing()
    #expect(folder.state.ruleset(slot).value?.provenance.digest == "a")
    #expect(folder.state.numbers() == [1])
  }

  @Test(
    "what could not be stored is undone by a restart, and the ruleset before it is guarded",
    arguments: [false, true])
  func unstored(_ isTrial: Bool) throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    _ = driver.controller.read(.accepted(try ControllerTests.candidate("a")), at: ControllerTests.now)
    // A folder in the place of a file of the next ruleset: only this file cannot be written, the state can.
    let place = "\(folder.path)/state/rulesets/2.panic"
    mkdir(place, 0o700)
    mkdir("\(place)/full", 0o700)
    _ = try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver, confirm: isTrial ? 60 : nil)
    #expect(driver.notPersisted != nil)
    if isTrial { driver.perform(try driver.controller.confirm(by: "eric")) }
    rmdir("\(place)/full")
    rmdir(place)
    var other = try Self.successor(folder, quiet)
    #expect(other.controller.state.inForce == 1)
    #expect(other.controller.state.superseded.isEmpty)
    other.perform(other.controller.begin(at: ControllerTests.now, isTableThere: true))
    #expect(other.desired != nil)
    #expect(other.controller.inForce?.digest == "a")
  }

  @Test(
    "an interrupted panic is completed by the next process, and a boot in between knows it",
    arguments: [false, true])
  func interruptedPanic(_ isFirst: Bool) throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet, past: .nothing)
    let candidate = try ControllerTests.candidate("b", port: 8888)
    _ = try Self.apply(candidate, &driver, confirm: isFirst ? 60 : nil)
    // As if the process had ended after it saved the state.
    _ = driver.controller.panic(by: "eric", at: ControllerTests.now)
    try folder.state.write(driver.controller.state)
    let loaded = try #require(folder.state.unstoredPanic)
    #expect(Plan(desired: candidate.table(.panic), observed: loaded.table).isEmpty)
    #expect(folder.state.past == .rulesets)
    var other = try Self.successor(folder, quiet)
    other.perform(other.controller.begin(at: ControllerTests.now, isTableThere: true))
    #expect(Plan(desired: candidate.table(.panic), observed: other.store.table).isEmpty)
    other.completeStoring()
    #expect(folder.state.ruleset(.boot).value?.provenance.kind == .panic)
    #expect(folder.state.unstoredPanic == nil)
  }

  @Test(
    "a trial that goes back leaves superseded what was, and a policy file that was edited meanwhile is put in force"
  )
  func supersededBeforeTrial() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    let (file, edited) = (try ControllerTests.candidate("a"), try ControllerTests.candidate("d", port: 9))
    var driver = Self.driver(folder, quiet)
    driver.perform(driver.controller.read(.accepted(file), at: ControllerTests.now))
    _ = try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver)
    _ = try Self.apply(try ControllerTests.candidate("c", port: 9999), &driver, confirm: 60)
    // In the next process nothing was read yet.
    var other = try Self.successor(folder, quiet)
    quiet.reading = .accepted(file)
    other.perform(other.controller.begin(at: ControllerTests.later(60), isTableThere: true))
    #expect(other.controller.inForce?.digest == "b")
    #expect(other.controller.state.superseded == ["a"])
    // An edit during the trial waits for its end.
    quiet.reading = .accepted(edited)
    driver.perform(driver.controller.read(.accepted(edited), at: ControllerTests.now))
    driver.perform(driver.controller.ring(at: ControllerTests.later(60)))
    #expect(driver.controller.inForce?.digest == "d")
  }

  @Test(
    "a panic after a rollback has the failsafe grants of the policy that is in force",
    arguments: [false, true])
  func panicAfterRollback(_ isElsewhere: Bool) throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    let first = try ControllerTests.candidate("a")
    _ = try Self.apply(first, &driver)
    _ = try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver)
    driver.perform(try driver.controller.rollback(to: 1, by: "eric"))
    #expect(folder.state.ruleset(.lockDown).value?.provenance.digest == "a")
    var other = try isElsewhere ? Self.successor(folder, quiet) : driver
    other.perform(other.controller.panic(by: "eric", at: ControllerTests.now))
    #expect(Plan(desired: first.table(.panic), observed: other.store.table).isEmpty)
    // After a restart a second panic is of the same policy, whatever the policy file has.
    var next = try Self.successor(folder, quiet)
    next.perform(next.controller.begin(at: ControllerTests.now, isTableThere: true))
    _ = next.controller.read(
      .accepted(try ControllerTests.candidate("b", port: 8888)), at: ControllerTests.now)
    next.perform(next.controller.panic(by: "eric", at: ControllerTests.now))
    #expect(Plan(desired: first.table(.panic), observed: next.store.table).isEmpty)
  }

  @Test("a restart in a panic keeps the failsafe grants of the policy file that was read in it")
  func restartInPanic() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    driver.perform(driver.controller.panic(by: "eric", at: ControllerTests.now))
    let edited = try ControllerTests.candidate("b", port: 8888)
    driver.perform(driver.controller.read(.accepted(edited), at: ControllerTests.now))
    var other = try Self.successor(folder, quiet)
    other.perform(other.controller.begin(at: ControllerTests.now, isTableThere: true))
    #expect(Plan(desired: edited.table(.panic), observed: other.store.table).isEmpty)
  }

  @Test("a file with the content of a trial that went back takes effect if it had another one in between")
  func editedBack() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    let trial = try ControllerTests.candidate("c", port: 9999)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    driver.perform(driver.controller.read(.accepted(trial), at: ControllerTests.now))
    #expect(driver.controller.inForce?.digest == "c")
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    #expect(driver.controller.isFileSuperseded)
    _ = try Self.apply(trial, &driver, confirm: 60)
    quiet.reading = .accepted(trial)
    driver.perform(driver.controller.ring(at: ControllerTests.later(60)))
    #expect(driver.controller.inForce?.digest == "a")
    #expect(driver.controller.isFileSuperseded)
    driver.perform(
      driver.controller.read(.accepted(try ControllerTests.candidate("b")), at: ControllerTests.now))
    #expect(driver.controller.inForce?.digest == "b")
    driver.perform(driver.controller.read(.accepted(trial), at: ControllerTests.now))
    #expect(driver.controller.inForce?.digest == "c")
  }

  @Test("the end of a panic stores no second copy of what was in force")
  func endedPanic() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    _ = try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver)
    driver.perform(driver.controller.panic(by: "eric", at: ControllerTests.now))
    #expect(driver.perform(try driver.controller.endPanic(by: "eric")) == nil)
    #expect(folder.state.numbers() == [1, 2])
    #expect(folder.state.state().value?.inForce == 2)
    for slot in StateDirectory.Slot.allCases {
      #expect(folder.state.ruleset(slot).value?.provenance.digest == "b", "\(slot)")
    }
  }

  @Test("a ruleset on trial that could not be deleted is deleted before the next one gets a number")
  func leftOver() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    _ = try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver, confirm: 60)
    let trial = try #require(folder.state.ruleset(2).value)
    driver.perform(driver.controller.ring(at: ControllerTests.later(60)))
    try folder.state.write(trial, number: 2, holding: [])
    _ = try Self.apply(try ControllerTests.candidate("c", port: 9999), &driver)
    #expect(
      folder.state.numbers().compactMap { folder.state.ruleset($0).value?.provenance.digest } == ["a", "c"])
  }

  @Test("a rollback does not lead to a trial that went back")
  func discards() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    let first = try ControllerTests.candidate("a")
    _ = try Self.apply(first, &driver)
    _ = try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver, confirm: 60)
    driver.perform(driver.controller.ring(at: ControllerTests.later(60)))
    #expect(folder.state.numbers() == [1])
    #expect(driver.controller.state.inForce == 1)
  }

  @Test("a trial does not start if the ruleset to go back to cannot be written")
  func promise() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    let before = driver.store.table
    folder.breakState()
    let failure = try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver, confirm: 60)
    #expect(failure?.contains("the ruleset to go back to could not be written") == true)
    #expect(driver.store.table == before)
    #expect(driver.controller.state.pending == nil)
    folder.repairState()
  }

  @Test("on a full disk a policy takes effect, cannot be gone back to, and is stored as soon as possible")
  func fullDisk() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    folder.breakState()
    let second = try ControllerTests.candidate("b", port: 8888)
    #expect(try Self.apply(second, &driver) == nil)
    #expect(driver.store.holds(second.table(.policy)))
    #expect(driver.notPersisted != nil)
    #expect(throws: Refusal.self) {
      try Self.apply(try ControllerTests.candidate("c", port: 9), &driver, confirm: 60)
    }
    folder.repairState()
    driver.storeAgain()
    #expect(driver.notPersisted == nil)
    #expect(folder.state.ruleset(.boot).value?.provenance.digest == "b")
    #expect(driver.controller.state.inForce == 2)
  }

  /// Declares a panic while a candidate is in force.
  static func panic(_ candidate: Candidate, _ driver: inout ControllerDriver<MemoryRuleset>) -> String? {
    // The policy file has the same content, so that nothing has to be read from the disk.
    _ = driver.controller.read(.accepted(candidate), at: ControllerTests.now)
    return driver.perform(driver.controller.panic(by: "eric", at: ControllerTests.now))
  }

  @Test("a panic on a full disk takes effect, is reported as not stored, and is stored as soon as possible")
  func panicOnFullDisk() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    let candidate = try ControllerTests.candidate("a")
    _ = try Self.apply(candidate, &driver)
    folder.breakState()
    #expect(Self.panic(candidate, &driver) == nil)
    #expect(driver.store.holds(candidate.table(.panic)))
    #expect(driver.notPersisted != nil)
    #expect(quiet.said.count { $0.contains("not stored") } == 2)
    folder.repairState()
    driver.storeAgain()
    #expect(driver.notPersisted == nil)
    #expect(folder.state.state().value?.panic != nil)
    #expect(folder.state.ruleset(.boot).value?.provenance.kind == .panic)
  }

  @Test("a stored state does not hide that the ruleset for boot is not stored")
  func partlyStored() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    let candidate = try ControllerTests.candidate("a")
    _ = try Self.apply(candidate, &driver)
    // Replace the file by a directory: only this file cannot be replaced.
    unlink("\(folder.state.path)/boot")
    mkdir("\(folder.state.path)/boot", 0o700)
    #expect(Self.panic(candidate, &driver) == nil)
    #expect(folder.state.state().value?.panic != nil)
    #expect(driver.notPersisted != nil)
    rmdir("\(folder.state.path)/boot")
    driver.storeAgain()
    #expect(driver.notPersisted == nil)
    #expect(folder.state.ruleset(.boot).value?.provenance.kind == .panic)
  }

  @Test("the end of a panic is reported as not stored if it cannot be stored")
  func endOfPanicOnFullDisk() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    let candidate = try ControllerTests.candidate("a")
    _ = try Self.apply(candidate, &driver)
    _ = Self.panic(candidate, &driver)
    #expect(driver.notPersisted == nil)
    folder.breakState()
    #expect(driver.perform(try driver.controller.endPanic(by: "eric")) == nil)
    #expect(driver.notPersisted != nil)
    folder.repairState()
    #expect(folder.state.state().value?.panic != nil)
    driver.storeAgain()
    #expect(folder.state.state().value?.panic == nil)
  }

  @Test("a panic that the kernel refuses is reported together with what could not be stored")
  func refusedPanicOnFullDisk() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    let candidate = try ControllerTests.candidate("a")
    _ = try Self.apply(candidate, &driver)
    folder.breakState()
    driver.store.permanentFault = .refused(operation: 0, reason: "no memory", code: ENOMEM)
    let failure = try #require(Self.panic(candidate, &driver))
    #expect(failure.contains("no memory") && failure.contains("could not be written"))
    folder.repairState()
  }

  @Test("a change that the kernel refuses changes neither the kernel nor the disk")
  func refusal() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    _ = try Self.apply(try ControllerTests.candidate("a"), &driver)
    let before = driver.store.table
    driver.store.permanentFault = .refused(operation: 0, reason: "no memory", code: ENOMEM)
    #expect(try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver) != nil)
    #expect(try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver, confirm: 60) != nil)
    #expect(driver.store.table == before)
    #expect(folder.state.numbers() == [1])
    #expect(folder.state.state().value?.inForce == 1)
    #expect(folder.state.state().value?.pending == nil)
  }

  @Test("going back uses the ruleset for boot if the stored ruleset is missing")
  func missingRuleset() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    let first = try ControllerTests.candidate("a")
    _ = try Self.apply(first, &driver)
    _ = try Self.apply(try ControllerTests.candidate("b", port: 8888), &driver, confirm: 60)
    try folder.state.remove(number: 1)
    driver.perform(driver.controller.ring(at: ControllerTests.later(60)))
    #expect(driver.store.holds(first.table(.policy)))
    #expect(driver.controller.state.pending == nil)
  }

  @Test("a deleted table is not created again after a policy is read or an event arrives")
  func release() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    let candidate = try ControllerTests.candidate("a")
    _ = try Self.apply(candidate, &driver)
    try driver.release()
    #expect(driver.store.table == nil)
    quiet.reading = .accepted(try ControllerTests.candidate("b"))
    driver.perform([.readPolicy])
    driver.verify(author: "nft[8]")
    #expect(driver.store.table == nil)
    // It is in force again after the next start.
    #expect(folder.state.state().value?.inForce == 1)
  }

  @Test("the last success is when the kernel was last found equal: by an apply, a repair, or a read")
  func lastSuccess() throws {
    let (folder, quiet) = (try Folder(), Quiet())
    var driver = Self.driver(folder, quiet)
    func isSuccess(after seconds: Int64, _ work: (inout ControllerDriver<MemoryRuleset>) throws -> Void)
      rethrows
      -> Bool
    {
      quiet.moment.sinceEpoch += seconds
      try work(&driver)
      return driver.controller.tally.lastSuccess == quiet.moment.sinceEpoch
    }
    #expect(driver.controller.tally.lastSuccess == nil)
    let candidate = try ControllerTests.candidate("a")
    #expect(try isSuccess(after: 0) { _ = try Self.apply(candidate, &$0) })
    #expect(isSuccess(after: 10) { $0.verify(author: nil) })
    #expect(isSuccess(after: 10) { _ = $0.isUnchanged() })
    // Somebody empties the table: a repair is a success, a failed one is not.
    func empty(_ driver: inout ControllerDriver<MemoryRuleset>) {
      driver.store.install(KernelTable(family: NFT.familyInet, name: Ruleset.tableName))
    }
    empty(&driver)
    #expect(isSuccess(after: 10) { $0.verify(author: "nft") })
    empty(&driver)
    driver.store.permanentFault = .stale
    #expect(!isSuccess(after: 10) { $0.verify(author: "nft") })
    #expect(!isSuccess(after: 10) { _ = $0.isUnchanged() })
  }
}

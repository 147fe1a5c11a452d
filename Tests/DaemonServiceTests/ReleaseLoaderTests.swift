// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import KernelTestSupport
import NetworkModel
import PolicyCompiler
import PolicyFiles
import PolicyLanguage
import PolicyProof
import ReleaseFiles
import ReleaseTestSupport
import Releases
import Ruleset
import TestSupport
import Testing

@testable import DaemonService

@Suite("Signed releases on a machine")
struct ReleaseLoaderTests {
  typealias Draft = ReleaseDraft

  /// A member of a fleet, with a state directory and a kernel in memory.
  final class Member {
    let firewall: FakeFirewall
    let places: FleetPlaces

    init() throws {
      firewall = try FakeFirewall()
      places = FleetPlaces(trust: "\(firewall.folder)/etc/trust", state: firewall.directory)
    }

    deinit { _ = try? run(["rm", "-rf", firewall.folder]) }

    /// The check of a machine that is a member.
    func check() throws -> ReleaseCheck {
      guard case .member(let check) = places.membership() else { throw Refusal("not a member") }
      return check
    }

    /// What the daemon reads instead of its policy file.
    func loadTaken() -> PolicyLoader.Loaded? { ReleaseLoaderTests.loader.loadTaken(places, unless: "") }
  }

  static let loader = ReleaseLoader(PolicyLoader(machine: MachineChoice(given: "server")))
  static let issued = UTCTime(seconds: 1_795_500_000)

  /// A release of a policy that grants one port, with a list.
  static func release(
    _ serial: UInt64, port: Int, epoch: UInt64 = 1, by signers: [Signer] = [Draft.anna],
    _ change: (inout Statement) -> Void = { _ in }
  ) throws -> ReleaseBundle {
    let policy = Array(
      (FakeFirewall.text(port)
        + "\nlists:\n  bad: { file: lists/office.txt }\nblock: [bad]\ngroups:\n  all: [server, laptop]\n")
        .utf8)
    var statement = try Draft.statement(epoch: epoch, serial: serial)
    (statement.issued, statement.policy) = (issued, .init(policy, name: "policy.yaml"))
    change(&statement)
    return ReleaseBundle(
      statement: statement.bytes, signatures: signers.map { $0.sign(statement.bytes) }, policy: policy,
      lists: [Draft.list], trustChanges: [])
  }

  private static func reason(_ loaded: PolicyLoader.Loaded?) -> String? {
    guard case .refused(let refusal)? = loaded?.reading else { return nil }
    return refusal.reason
  }

  @Test("a machine without a trust file is in no fleet, and one with a broken file takes nothing")
  func membership() throws {
    let member = try Member()
    guard case .none = member.places.membership() else { return #expect(Bool(false)) }
    #expect(member.loadTaken() == nil)
    #expect(throws: Refusal.self) {
      try ReleaseLoader.verify(try Self.release(1, port: 1).bytes, in: member.places.membership())
    }
    try member.places.join(try Draft.trust(), after: 0)
    #expect(try member.check().trust == (try Draft.trust()))
    #expect(try #require(Self.reason(member.loadTaken())).contains("has taken none yet"))
    for (path, bytes) in [
      ("\(member.firewall.folder)/state/fleet/ratchet", Array("wgfence ratchet 1\n".utf8)),
      (member.places.trust, []),
    ] {
      try DurableFile.replace(path, bytes)
      guard case .broken(let why) = member.places.membership() else { return #expect(Bool(false)) }
      #expect(why.hasPrefix(path))
      #expect(Self.reason(member.loadTaken()) == why)
      #expect(throws: Refusal.self) {
        try ReleaseLoader.verify(try Self.release(1, port: 1).bytes, in: member.places.membership())
      }
    }
    try member.places.leave()
    guard case .none = member.places.membership() else { return #expect(Bool(false)) }
    #expect(access("\(member.firewall.folder)/state/fleet/ratchet", F_OK) != 0)
  }

  @Test("a trust file that is a link, a folder or a named pipe makes no member, and does not block")
  func links() throws {
    let member = try Member()
    try member.places.join(try Draft.trust(), after: 0)
    let path = member.places.trust
    for make in [
      {
        _ = rename(path, "\(path).real"); _ = symlink("\(path).real", path)
      },
      {
        unlink(path); mkdir(path, 0o700)
      },
      {
        rmdir(path); mkfifo(path, 0o600)
      },
    ] {
      make()
      guard case .broken = member.places.membership() else { return #expect(Bool(false)) }
      #expect(throws: Refusal.self) { try BundleFile.read(path) }
    }
  }

  @Test("the policy of a release is compiled for the machine, and is read again from what was stored")
  func load() throws {
    let member = try Member()
    try member.places.join(try Draft.trust(), after: 0)
    let bundle = try Self.release(1, port: 5432)
    let release = try ReleaseLoader.verify(bundle.bytes, in: member.places.membership())
    let loaded = try Self.loader.load(release, at: Self.issued, unless: nil)
    let candidate = try loaded.result.get()
    #expect(candidate.policy.path == "release-1.1/policy.yaml")
    #expect(candidate.machine == "server")
    #expect(loaded.lists == [])
    try member.places.take(release)
    #expect(try member.check().ratchet == release.ratchet)
    let again = try #require(member.loadTaken())
    #expect(again.release == release)
    #expect(again.digest == loaded.digest)
    #expect(try again.result.get().ruleset == candidate.ruleset)
    // An older one is refused from now on, and one more that is newer is not.
    try member.places.take(
      try ReleaseLoader.verify(try Self.release(3, port: 1).bytes, in: member.places.membership()))
    #expect(throws: Refusal.self) { try ReleaseLoader.verify(bundle.bytes, in: member.places.membership()) }
    #expect(
      DirectoryNames.of("\(member.firewall.folder)/state/fleet").filter { $0.hasPrefix("release-") }.count
        == 1)
  }

  @Test("a stored release that was changed, exchanged or deleted is not read")
  func changedStore() throws {
    let member = try Member()
    try member.places.join(try Draft.trust(), after: 0)
    let bundle = try Self.release(2, port: 5432)
    let release = try ReleaseLoader.verify(bundle.bytes, in: member.places.membership())
    try member.places.take(release)
    let path = "\(member.firewall.folder)/state/fleet/release-\(release.digest)"
    var changed = bundle
    changed.policy[9] ^= 1
    // The same serial, another text, and signed too; and an older one.
    for bytes in [
      changed.bytes, try Self.release(2, port: 1).bytes, try Self.release(1, port: 1).bytes, [],
      Array(bundle.bytes.dropLast()),
    ] {
      try DurableFile.replace(path, bytes)
      #expect(try #require(Self.reason(member.loadTaken())).hasPrefix(path))
    }
    try DurableFile.remove(path)
    #expect(Self.reason(member.loadTaken()) == "\(path) is missing: accept the release again")
  }

  @Test("a machine waits for the floor of its wave, by its name or a group, and then takes the release")
  func floor() throws {
    func verdict(_ waves: [Statement.Wave], _ seconds: Int64) throws -> Bool {
      let bundle = try Self.release(1, port: 5432) { $0.waves = waves }
      let release = try ReleaseCheck(first: try Draft.trust(), ratchet: nil).verify(bundle)
      do throws(Refusal) {
        _ = try Self.loader.load(release, at: Self.issued.adding(seconds), unless: nil)
        return true
      } catch {
        #expect("\(error)".contains("which begins at"))
        return false
      }
    }
    let rest = Statement.Wave(name: "rest", floor: 60, members: ["*"])
    for wave in [
      [Statement.Wave(name: "a", floor: 10, members: ["server"]), rest],
      [.init(name: "a", floor: 10, members: ["all"]), rest],
    ] {
      #expect(try !verdict(wave, 599))
      #expect(try verdict(wave, 600))
    }
    let others = [Statement.Wave(name: "a", floor: 0, members: ["laptop"]), rest]
    #expect(try !verdict(others, 3599))
    #expect(try verdict(others, 3600))
    // A floor of 0 does not hang on the clock.
    #expect(try verdict([.init(name: "a", floor: 0, members: ["server"]), rest], -86_400))
  }

  @Test("a release for a later version of the program is refused")
  func requires() throws {
    for (version, isTaken) in [(Version.text, true), ("0.0.9", true), ("9.0.0", false), ("0.1000.0", false)] {
      let bundle = try Self.release(1, port: 5432) { statement in
        if let needed = ProgramVersion(version) { statement.requires = needed }
      }
      let release = try ReleaseCheck(first: try Draft.trust(), ratchet: nil).verify(bundle)
      let loaded = try? Self.loader.load(release, at: Self.issued, unless: nil)
      #expect((loaded != nil) == isTaken, "\(version)")
    }
  }

  @Test("a signed policy that does not compile for this machine, or whose tests here fail, is not accepted")
  func badPolicy() throws {
    let policy = Array(
      FakeFirewall.text(5432, tests: "tests:\n  - { from: laptop, to: server, allow: [ssh] }\n").utf8)
    var statement = try Draft.statement()
    (statement.policy, statement.lists) = (.init(policy, name: "policy.yaml"), [])
    let bundle = ReleaseBundle(
      statement: statement.bytes, signatures: [Draft.anna.sign(statement.bytes)], policy: policy, lists: [],
      trustChanges: [])
    let release = try ReleaseCheck(first: try Draft.trust(), ratchet: nil).verify(bundle)
    guard case .failure(.failedTests) = try Self.loader.load(release, at: Self.issued, unless: nil).result
    else {
      return #expect(Bool(false))
    }
    let other = ReleaseLoader(PolicyLoader(machine: MachineChoice(given: "nobody")))
    guard case .failure(.noMachine) = try other.load(release, at: Self.issued, unless: nil).result else {
      return #expect(Bool(false))
    }
    // It is no test of another machine.
    let laptop = ReleaseLoader(PolicyLoader(machine: MachineChoice(given: "laptop")))
    #expect(throws: Never.self) { try laptop.load(release, at: Self.issued, unless: nil).result.get() }
  }

  /// The names in a directory.
  private enum DirectoryNames {
    static func of(_ path: String) -> [String] {
      guard let directory = opendir(path) else { return [] }
      defer { closedir(directory) }
      var names: [String] = []
      while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
      }
      return names
    }
  }

  // MARK: Kills

  /// The digest of the ruleset in the kernel of a firewall.
  static func kernel(_ firewall: FakeFirewall, _ candidates: [Candidate]) -> Int? {
    candidates.firstIndex { firewall.driver.store.holds($0.table(.policy)) }
  }

  /// Puts a loaded release in force, as the daemon does.
  static func read(_ loaded: PolicyLoader.Loaded, _ firewall: FakeFirewall) -> String? {
    firewall.driver.perform(firewall.driver.controller.read(loaded.reading, at: FakeFirewall.now))
  }

  /// A new process with the same disk and the same kernel; after a restart of the machine, with the kernel that a boot loads.
  static func restart(_ firewall: FakeFirewall) {
    let directory = firewall.directory
    let state = directory.state().value ?? PersistedState()
    let found = state.inForce.flatMap { directory.ruleset($0).value?.provenance }
    let store = firewall.driver.store
    firewall.driver = ControllerDriver(
      Controller(state, inForce: found, past: directory.past), store: store, directory: directory,
      ownership: .shared,
      lastResort: Lowering.table(PolicyCompiler.lastResort), environment: firewall.environment)
    firewall.driver.perform(
      firewall.driver.controller.begin(at: FakeFirewall.now, isTableThere: store.table != nil))
    firewall.driver.completeStoring()
  }

  @Test(
    "kill -9 at every step of taking a release: the old one or the new one is in force, and the ratchet is never behind the kernel"
  )
  func kills() throws {
    let steps = 4
    // After the steps of the ratchet: the kernel was changed but nothing stored; and everything was done.
    for cut in 0...(steps + 2) {
      // Without what a killed process leaves, at some steps only: that is the simpler case.
      let leftovers = (cut % 3 == 0 ? [[]] : []) + [Array("wgfence ratchet 1\ncheck ".utf8)]
      for garbage in leftovers {
        let member = try Member()
        try member.places.join(try Draft.trust(), after: 0)
        let bundles = [try Self.release(1, port: 5432), try Self.release(2, port: 5433)]
        let first = try ReleaseLoader.verify(bundles[0].bytes, in: member.places.membership())
        try member.places.take(first)
        #expect(Self.read(try #require(member.loadTaken()), member.firewall) == nil)
        let second = try ReleaseLoader.verify(bundles[1].bytes, in: member.places.membership())
        let loaded = try Self.loader.load(second, at: Self.issued, unless: nil)
        let candidates = [try #require(member.loadTaken()).result, loaded.result].map { try? $0.get() }
          .compactMap { $0 }
        try #require(candidates.count == 2)
        #expect(Self.kernel(member.firewall, candidates) == 0)

        let all = member.places.steps(second)
        try #require(all.count == steps)
        for step in all.prefix(cut) { try step.run() }
        if cut == steps + 1 { member.firewall.breakDisk() }
        if cut > steps { _ = Self.read(loaded, member.firewall) }
        if cut == steps + 1 { member.firewall.mendDisk() }
        // What a killed process leaves of a file that it was writing.
        for name in ["ratchet", "release-\(second.digest)"] where !garbage.isEmpty {
          let file = open("\(member.firewall.folder)/state/fleet/\(name).new", O_WRONLY | O_CREAT, 0o600)
          _ = garbage.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
          close(file)
        }
        let ratchet = try #require(try member.check().ratchet)
        #expect(ratchet.serial == (cut >= 3 ? 2 : 1), "cut after \(cut)")
        let kernel = try #require(Self.kernel(member.firewall, candidates))
        #expect(UInt64(kernel + 1) <= ratchet.serial, "cut after \(cut)")

        Self.restart(member.firewall)
        #expect(Self.kernel(member.firewall, candidates).map { UInt64($0 + 1) <= ratchet.serial } == true)
        #expect(Self.read(try #require(member.loadTaken()), member.firewall) == nil)
        #expect(Self.kernel(member.firewall, candidates) == (cut >= 3 ? 1 : 0), "cut after \(cut)")
        #expect(try #require(try member.check().ratchet) == ratchet)
        // The release can be taken again, and then is in force.
        try member.places.take(try ReleaseLoader.verify(bundles[1].bytes, in: member.places.membership()))
        #expect(Self.read(try #require(member.loadTaken()), member.firewall) == nil)
        #expect(Self.kernel(member.firewall, candidates) == 1)
        #expect(throws: Refusal.self) {
          try ReleaseLoader.verify(bundles[0].bytes, in: member.places.membership())
        }
      }
    }
  }

  @Test("a disk that is full or broken takes no release")
  func fullDisk() throws {
    let member = try Member()
    try member.places.join(try Draft.trust(), after: 0)
    let release = try ReleaseLoader.verify(
      try Self.release(1, port: 5432).bytes, in: member.places.membership())
    member.firewall.breakDisk()
    #expect(throws: (any Error).self) { try member.places.take(release) }
    member.firewall.mendDisk()
    #expect(try member.check().ratchet?.release == nil)
  }
}

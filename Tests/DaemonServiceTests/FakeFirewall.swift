// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import KernelTestSupport
import NetworkModel
import PolicyCompiler
import PolicyLanguage
import Ruleset
import Testing

@testable import DaemonService

/// A connection table for tests.
struct FakeSessions: SessionTable {
  var known: [String] = []
  func all() throws(Refusal) -> [String] { known }
  func isLive(_ session: String) throws(Refusal) -> Bool { known.contains(session) }
}

final class FakeEnvironment: ControllerEnvironment {
  var said: [String] = []
  func readPolicy() -> PolicyReading? {
    .refused(PolicyRefusal(digest: nil, reason: "not read", report: ""))
  }
  func now() -> Moment { FakeFirewall.now }
  var adoptions: [KernelTable] = []
  var retranslations = 0
  func adoptConnections(before desired: KernelTable) { adoptions.append(desired) }
  func endTranslatedConnections(from old: KernelTable, to new: KernelTable) { retranslations += 1 }
  func say(_ severity: Controller.Severity, _ text: PrintableText) { said.append(text.description) }
}

/// A service, a driver with a kernel in memory, and a temporary directory that is removed at the end.
final class FakeFirewall {
  static let now = Moment(sinceBoot: 1_000_000_000, sinceEpoch: 1_795_500_000, boot: "one")

  let folder: String
  let environment = FakeEnvironment()
  var sessions = FakeSessions()
  var place = FirewallService.Place.daemon(retry: 10)
  var driver: ControllerDriver<MemoryRuleset>

  init() throws {
    var template = Array("/tmp/wgfence-XXXXXX".utf8CString)
    folder = String(cString: try #require(mkdtemp(&template)))
    driver = ControllerDriver(
      Controller(PersistedState(), inForce: nil), store: MemoryRuleset(),
      directory: StateDirectory("\(folder)/state"),
      ownership: .shared, lastResort: Lowering.table(PolicyCompiler.lastResort), environment: environment)
  }

  /// The daemon starts again, and has not read a policy yet: it knows what is stored, and the kernel has it.
  func restart() throws {
    let state = try #require(directory.state().value)
    let found = try #require(state.inForce.flatMap { directory.ruleset($0).value })
    driver = ControllerDriver(
      Controller(state, inForce: found.provenance), store: MemoryRuleset(holding: try #require(found.table)),
      directory: directory, ownership: .shared, lastResort: Lowering.table(PolicyCompiler.lastResort),
      environment: environment)
  }

  deinit {
    mendDisk()
    for number in directory.numbers() { try? directory.remove(number: number) }
    for name in ["state", "boot", "lock-down", "panic", "lock"] { unlink("\(folder)/state/\(name)") }
    for name in ["state/rulesets", "state", ""] { rmdir("\(folder)/\(name)") }
  }

  var directory: StateDirectory { StateDirectory("\(folder)/state") }

  /// From now on nothing can be written: a file replaces the directory.
  func breakDisk() {
    rename("\(folder)/state", "\(folder)/away")
    close(open("\(folder)/state", O_CREAT | O_WRONLY, 0o600))
  }

  func mendDisk() {
    guard access("\(folder)/away", F_OK) == 0 else { return }
    unlink("\(folder)/state")
    rename("\(folder)/away", "\(folder)/state")
  }

  private var service: FirewallService { FirewallService(directory, in: place, sessions: sessions) }

  func execute(_ request: FirewallRequest) throws(Refusal) -> FirewallResult {
    try service.execute(request, by: "eric", at: Self.now, on: &driver)
  }

  func apply(_ candidate: Candidate, trial: TrialTime? = nil, promised: () -> String? = { nil })
    throws(Refusal)
    -> FirewallResult
  {
    try service.apply(candidate, trial: trial, by: "eric", at: Self.now, on: &driver, promised: promised)
  }

  /// A policy that grants one port, with a given digest.
  static func candidate(_ digest: String, port: Int = 5432) throws -> Candidate {
    let today = CalendarDate(secondsSince1970: 1_795_500_000)
    return try Candidate(
      try policy(port), machine: "server", digest: digest, today: today, live: LiveFacts())
  }

  static func policy(_ port: Int, tests: String = "") throws -> Policy {
    try #require(decoded(port, tests: tests).policy)
  }

  static func decoded(_ port: Int, tests: String = "") -> DecodedPolicy {
    PolicyDecoder.decode(
      bytes: Array(text(port, tests: tests).utf8), path: "p.yaml",
      today: CalendarDate(secondsSince1970: 1_795_500_000)
    ) { _ in .unreadable(reason: "none") }
  }

  static func text(_ port: Int, tests: String = "") -> String {
    """
    version: 1
    tunnels:
      wg0: { prefixes: [10.0.0.0/24], listen: 51820 }
    machines:
      server: { addresses: { wg0: 10.0.0.1 } }
      laptop: { addresses: { wg0: 10.0.0.2 } }
    allow:
      - { to: server, services: [\(port)/tcp], from: laptop }
    \(tests)
    """
  }
}

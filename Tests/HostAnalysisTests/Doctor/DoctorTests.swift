// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

@Suite("The doctor") struct DoctorTests {
  @Test("has no findings for a healthy host, and makes all checks")
  func healthy() throws {
    let diagnosis = try HostFixture().diagnosis()
    #expect(diagnosis.findings.isEmpty, "\(diagnosis.findings)")
    #expect(diagnosis.notMade.isEmpty, "\(diagnosis.notMade)")
    #expect(Set(diagnosis.passed.map(\.check)) == Set(DoctorCheck.allCases))
    #expect(!diagnosis.hasProblems)
  }

  @Test("has no findings for a healthy host without a policy, and skips the checks that need a policy")
  func healthyWithoutPolicy() throws {
    var host = HostFixture()
    host.machine = nil
    let diagnosis = try host.diagnosis()
    #expect(diagnosis.findings.isEmpty, "\(diagnosis.findings)")
    #expect(
      Set(diagnosis.notMade.map(\.check)) == [
        .allowedIPsPolicy, .otherFirewall, .otherTranslation, .endpointLeftOut, .misplacedAddress,
        .uncoveredBridge,
      ])
  }

  @Test("has no findings for a host without tunnel and policy, and reports the checks that it skips")
  func nothing() throws {
    var host = HostFixture()
    host.machine = nil
    host.interfaces["wg0"] = nil
    host.docker = .unknown("there is no socket")
    let diagnosis = try host.diagnosis()
    #expect(diagnosis.findings.isEmpty, "\(diagnosis.findings)")
    #expect(
      Set(diagnosis.passed.map(\.check)) == [.tunnelInContainer, .forwarding, .boundAddress, .sharedBridge])
    #expect(
      Set(diagnosis.notMade.map(\.check)).union(diagnosis.passed.map(\.check)) == Set(DoctorCheck.allCases))
  }

  @Test("does not pass a check that could not be made, and reports why")
  func gaps() throws {
    var host = HostFixture()
    host.hasDevice = false
    host.unread = [HostFixture.name("wg0"): "the kernel refused: Operation not permitted"]
    host.settings = [:]
    host.elsewhere.gaps = ["12 processes cannot be read"]
    host.docker = .unknown("/run/docker.sock: Permission denied")
    let diagnosis = Diagnosis(
      try host.subject(), walks: DoctorWalks(unknown: "only root can read the rules"))
    let needed: Set<DoctorCheck> = [
      .tunnelInContainer, .handshake, .listenPort, .allowedIPsOverlap, .allowedIPsPolicy, .route, .mtu,
      .reversePathFilter, .sourceValidMark, .forwarding, .swarmAddress, .otherFirewall, .arpForTunnel,
    ]
    #expect(Set(diagnosis.notMade.map(\.check)) == needed)
    #expect(needed.isDisjoint(with: diagnosis.passed.map(\.check)))
    #expect(diagnosis.notMade.allSatisfy { !$0.why.isEmpty })
    #expect(!diagnosis.hasProblems)
  }

  @Test("reports WireGuard's port as not known if a rule cannot be evaluated")
  func undeterminedPort() throws {
    var host = HostFixture()
    host.tables = [
      HostFixture.foreign([HostFixture.port(51820, [.opaque(name: "numgen", data: []), .verdict(.drop)])])
    ]
    let diagnosis = try host.diagnosis()
    #expect(!diagnosis.passed.contains { $0.check == .listenPort })
    #expect(diagnosis.notMade.contains { $0.check == .listenPort && $0.why.contains("numgen") })
  }

  @Test("does not report what the wgfence table drops, which plan reports")
  func own() throws {
    var host = HostFixture()
    host.tables = [HostFixture.foreign([], policy: .drop, table: Ruleset.tableName)]
    #expect(try !host.diagnosis().findings.contains { $0.check == .otherFirewall })
  }

  @Test("lists errors first, then warnings, then information")
  func order() throws {
    var host = HostFixture()
    host.interfaces["wg0"] = HostFixture.interface("wg0", 4, host.inside, kind: "tun", mtu: 1480)
    host.settings[.forwarding(.ipv4)] = 0
    let severities = try host.diagnosis().findings.map(\.severity)
    #expect(severities == severities.sorted() && Set(severities).count == 3)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

@Suite("The doctor") struct DoctorTests {
  @Test("has nothing to say of a healthy host, and has looked at all of it")
  func healthy() throws {
    let diagnosis = try HostFixture().diagnosis()
    #expect(diagnosis.findings.isEmpty, "\(diagnosis.findings)")
    #expect(diagnosis.notMade.isEmpty, "\(diagnosis.notMade)")
    #expect(Set(diagnosis.passed.map(\.check)) == Set(DoctorCheck.allCases))
    #expect(!diagnosis.isIll)
  }

  @Test("has nothing to say of a healthy host without a policy but what a policy would be needed for")
  func healthyWithoutPolicy() throws {
    var patient = HostFixture()
    patient.machine = nil
    let diagnosis = try patient.diagnosis()
    #expect(diagnosis.findings.isEmpty, "\(diagnosis.findings)")
    #expect(
      Set(diagnosis.notMade.map(\.check)) == [
        .allowedIPsPolicy, .otherFirewall, .endpointLeftOut, .misplacedAddress,
      ])
  }

  @Test("says of a host without tunnel and policy what it could not look at, and finds nothing")
  func nothing() throws {
    var patient = HostFixture()
    patient.machine = nil
    patient.interfaces["wg0"] = nil
    patient.docker = .unknown("there is no socket")
    let diagnosis = try patient.diagnosis()
    #expect(diagnosis.findings.isEmpty, "\(diagnosis.findings)")
    #expect(
      Set(diagnosis.passed.map(\.check)) == [.tunnelInContainer, .forwarding, .boundAddress, .sharedBridge])
    #expect(
      Set(diagnosis.notMade.map(\.check)).union(diagnosis.passed.map(\.check)) == Set(DoctorCheck.allCases))
  }

  @Test("never passes a check that could not be made, and says why")
  func gaps() throws {
    var patient = HostFixture()
    patient.hasDevice = false
    patient.unread = [HostFixture.name("wg0"): "the kernel refused: Operation not permitted"]
    patient.settings = [:]
    patient.elsewhere.gaps = ["12 processes may not be looked into"]
    patient.docker = .unknown("/run/docker.sock: Permission denied")
    let diagnosis = Diagnosis(
      try patient.subject(), walks: DoctorWalks(unknown: "rules are told to root alone"))
    let needed: Set<DoctorCheck> = [
      .tunnelInContainer, .handshake, .listenPort, .allowedIPsOverlap, .allowedIPsPolicy, .route, .mtu,
      .reversePathFilter, .sourceValidMark, .forwarding, .swarmAddress, .otherFirewall, .arpForTunnel,
    ]
    #expect(Set(diagnosis.notMade.map(\.check)) == needed)
    #expect(needed.isDisjoint(with: diagnosis.passed.map(\.check)))
    #expect(diagnosis.notMade.allSatisfy { !$0.why.isEmpty })
    #expect(!diagnosis.isIll)
  }

  @Test("says of a rule that it cannot follow that WireGuard's port is not known to be open")
  func undeterminedPort() throws {
    var patient = HostFixture()
    patient.tables = [
      HostFixture.foreign([HostFixture.port(51820, [.opaque(name: "numgen", data: []), .verdict(.drop)])])
    ]
    let diagnosis = try patient.diagnosis()
    #expect(!diagnosis.passed.contains { $0.check == .listenPort })
    #expect(diagnosis.notMade.contains { $0.check == .listenPort && $0.why.contains("numgen") })
  }

  @Test("leaves what its own table drops to plan")
  func own() throws {
    var patient = HostFixture()
    patient.tables = [HostFixture.foreign([], policy: .drop, table: Ruleset.tableName)]
    #expect(try !patient.diagnosis().findings.contains { $0.check == .otherFirewall })
  }

  @Test("puts errors before warnings before information")
  func order() throws {
    var patient = HostFixture()
    patient.interfaces["wg0"] = HostFixture.interface("wg0", 4, patient.inside, kind: "tun", mtu: 1480)
    patient.settings[.forwarding(.ipv4)] = 0
    let severities = try patient.diagnosis().findings.map(\.severity)
    #expect(severities == severities.sorted() && Set(severities).count == 3)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

@Suite("The doctor's socket checks") struct DoctorSocketTests {
  private static func process(_ name: String, unit: String? = nil) -> ProcessIdentity {
    ProcessIdentity(pid: 9, name: name, userID: 0, unit: unit, container: nil)
  }

  @Test(
    "find sockets that listen on the wrong address",
    arguments: [
      DoctorCase(
        "a Swarm outside the tunnel", .swarmAddress, .error, ["198.51.100.7", "10.13.13.2"], fix: "10.13.13.2"
      ) {
        $0.docker = .known(DockerFacts(swarm: SwarmFacts(nodeAddress: HostFixture.ip("198.51.100.7"))))
      },
      DoctorCase("a Swarm outside the tunnel, without encrypt", .swarmAddress, .warning, ["198.51.100.7"]) {
        $0.machine = nil
        $0.docker = .known(DockerFacts(swarm: SwarmFacts(nodeAddress: HostFixture.ip("198.51.100.7"))))
      },
      DoctorCase(
        "a Swarm's manager outside the tunnel", .swarmAddress, .error, ["managers", "203.0.113.10"]
      ) {
        $0.docker = .known(
          DockerFacts(
            swarm: SwarmFacts(
              nodeAddress: HostFixture.ip("10.13.13.2"), managers: [HostFixture.ip("203.0.113.10")])))
      },
      DoctorCase("a Swarm in the tunnel", .swarmAddress, nil) {
        $0.docker = .known(
          DockerFacts(
            swarm: SwarmFacts(
              nodeAddress: HostFixture.ip("10.13.13.2"), managers: [HostFixture.ip("10.13.13.1")])))
      },
      DoctorCase(
        "without Docker's API, a socket on a Swarm port", .swarmAddress, .error, ["7946/tcp", "198.51.100.7"]
      ) {
        $0.docker = .unknown("there is no socket")
        $0.listeners += [
          Listener(protocol: .tcp, address: HostFixture.ip("198.51.100.7"), port: 7946),
          Listener(protocol: .tcp, address: HostFixture.ip("0.0.0.0"), port: 2377),
        ]
      },
      DoctorCase(
        "bound to an address that does not exist", .boundAddress, .warning,
        ["postgres[9] on port 5432/tcp", "10.1.1.1"]
      ) {
        $0.listeners.append(
          Listener(
            protocol: .tcp, address: HostFixture.ip("10.1.1.1"), port: 5432, process: process("postgres")))
      },
      DoctorCase(
        "bound to the tunnel's address, which does not exist", .boundAddress, .error, ["10.13.13.2"],
        fix: "wg0"
      ) {
        $0.interfaces["wg0"] = nil
        $0.listeners.append(Listener(protocol: .tcp, address: HostFixture.ip("10.13.13.2"), port: 5432))
      },
      DoctorCase("bound to an address that is local by a route", .boundAddress, nil) {
        $0.routes["10.1.1.1"] = .local
        $0.listeners.append(Listener(protocol: .tcp, address: HostFixture.ip("10.1.1.1"), port: 5432))
      },
      DoctorCase("bound to loopback, multicast, broadcast, link-local or every address", .boundAddress, nil) {
        $0.listeners += ["127.0.0.53", "224.0.0.251", "ff02::fb", "192.168.1.255", "fe80::7", "::"].map {
          Listener(protocol: .udp, address: HostFixture.ip($0), port: 5353)
        }
      },
      DoctorCase(
        "a unit that does not wait for the tunnel", .boundAddress, .information,
        ["db.service", "not ordered"], fix: "After=wg-quick@wg0.service"
      ) {
        $0.listeners.append(
          Listener(
            protocol: .tcp, address: HostFixture.ip("10.13.13.2"), port: 5432,
            process: process("db", unit: "db.service")))
        $0.unitOrder = ["db.service": ["network.target"]]
      },
      DoctorCase("a unit that waits", .boundAddress, nil) {
        $0.listeners.append(
          Listener(
            protocol: .tcp, address: HostFixture.ip("10.13.13.2"), port: 5432,
            process: process("db", unit: "db.service")))
        $0.unitOrder = ["db.service": ["wg-quick@wg0.service"]]
      },
      DoctorCase("a unit that need not wait", .boundAddress, nil) {
        $0.listeners.append(
          Listener(
            protocol: .tcp, address: HostFixture.ip("10.13.13.2"), port: 5432,
            process: process("db", unit: "db.service")))
        $0.unitOrder = ["db.service": ["network.target"]]
        $0.settings[.nonLocalBind(.ipv4)] = 1
      },
      DoctorCase("a unit whose order is not known", .boundAddress, nil) {
        $0.listeners.append(
          Listener(
            protocol: .tcp, address: HostFixture.ip("10.13.13.2"), port: 5432,
            process: process("db", unit: "db.service")))
      },
    ])
  func sockets(_ one: DoctorCase) throws { try one.judge() }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PolicyAnalysis
import ImpactAnalysis
import Testing

@Suite("UDP servers whose sessions may continue after the first apply") struct UntrackedServerTests {
  private static func listener(_ address: String, _ port: UInt16, _ transport: IPProtocol = .udp) throws
    -> Listener
  {
    Listener(protocol: transport, address: try #require(IPAddress(address)), port: port)
  }

  @Test("are those that receive UDP from outside on a port that no line grants")
  func found() throws {
    let policy = try policy(
      """
      version: 1
      tunnels: { wg0: { prefixes: [10.1.0.0/24], listen: 51820 } }
      machines:
        box: { addresses: { wg0: 10.1.0.1 } }
        laptop: { addresses: { wg0: 10.1.0.2 } }
      allow:
        - { to: box, services: [53/udp, 5000-5010/udp, 514/tcp], from: laptop }
        - { to: laptop, services: [161/udp], from: box }
      """)
    let found = UntrackedServers.find(
      among: [
        try Self.listener("0.0.0.0", 53), try Self.listener("0.0.0.0", 514), try Self.listener("::", 514),
        try Self.listener("127.0.0.1", 323), try Self.listener("0.0.0.0", 161),
        try Self.listener("0.0.0.0", 5005), try Self.listener("0.0.0.0", 51820),
        try Self.listener("0.0.0.0", 60_000), try Self.listener("0.0.0.0", 2049, .tcp),
      ], on: "box", of: policy)
    #expect(found.map(\.port) == [161, 514])
  }
}

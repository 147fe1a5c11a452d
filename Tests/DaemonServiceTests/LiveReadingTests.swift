// SPDX-License-Identifier: GPL-3.0-or-later

import Netlink
import NetworkModel
import PolicyLanguage
import Testing

@testable import DaemonService
@testable import LinuxHost

@Suite("Live facts: what WireGuard's devices say")
struct LiveReadingTests {
  private static let key = WireGuardKey(bytes: Array(repeating: 7, count: 32))

  private static func policy() throws -> Policy {
    let text = """
      version: 1
      tunnels: { wg0: { prefixes: [10.0.0.0/24], listen: 51820 } }
      machines:
        server: { addresses: { wg0: 10.0.0.1 } }
        laptop: { addresses: { wg0: 10.0.0.2 }, endpoint: live, key: "\(try #require(key))" }
      allow:
        - { to: server, services: [ssh], from: laptop }
      """
    let decoded = PolicyDecoder.decode(
      bytes: Array(text.utf8), path: "p.yaml", today: CalendarDate(secondsSince1970: 1_795_500_000)
    ) { _ in .unreadable(reason: "none") }
    return try #require(decoded.policy, "\(decoded.diagnostics)")
  }

  private static func gaps(_ devices: [WireGuardDevice], failed: [InterfaceName] = []) throws -> LiveReading {
    var reading = LiveReading()
    let failures = failed.map {
      WireGuardDevices.Failure(
        name: $0, reason: .unreadable(.timedOut("wg0")))
    }
    reading.take(WireGuardDevices(devices: devices, failures: failures), try policy(), "server")
    return reading
  }

  private static func device(_ endpoint: WireGuardEndpoint?) throws -> WireGuardDevice {
    WireGuardDevice(
      name: try #require(InterfaceName("wg0")), publicKey: nil, listenPort: 51820,
      peers: [WireGuardPeer(publicKey: try #require(key), endpoint: endpoint)])
  }

  @Test("a machine that sent nothing yet is a gap; one that did has its address")
  func heard() throws {
    let silent = try Self.gaps([try Self.device(nil)])
    #expect(silent.gaps.count == 1 && silent.gaps[0].contains("not received a packet of laptop"))
    let address = try #require(IPAddress("192.0.2.7"))
    let heard = try Self.gaps([try Self.device(WireGuardEndpoint(address: address, port: 4711))])
    #expect(heard.gaps.isEmpty && heard.facts.addresses["laptop"] == [address])
  }

  @Test("while a device does not answer, only that is a gap, and not what its peers might have sent")
  func unanswered() throws {
    let name = try #require(InterfaceName("wg0"))
    let reading = try Self.gaps([], failed: [name])
    #expect(reading.gaps.count == 1 && reading.gaps[0].contains("port of wg0 are not known"))
    #expect(reading.unread == [.device(name)])
  }
}

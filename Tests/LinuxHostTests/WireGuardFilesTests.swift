// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

@testable import LinuxHost

@Suite("WireGuard's configuration files")
struct WireGuardFilesTests {
  private static let keys = ["A", "Q"].map { $0 + String(repeating: "A", count: 42) + "=" }

  @Test("say which interfaces have a ListenPort, and which peers have an Endpoint")
  func read() throws {
    var files = WireGuardFiles()
    let text = """
      [Interface]
      # ListenPort = 51820
      Address = 10.0.0.2/24
      [Peer]
      PublicKey = \(Self.keys[0])
      endpoint=vpn.example.org:51820   # the hub
      [Peer]
      PublicKey = \(Self.keys[1])
      # Endpoint = 192.0.2.1:51820
      """
    let (wg0, wg1) = (try #require(InterfaceName("wg0")), try #require(InterfaceName("wg1")))
    files.read(text, of: wg0)
    files.read("[Interface]\nListenPort = 51820\n", of: wg1)
    #expect(files.listenPorts == [wg0: false, wg1: true])
    #expect(files.endpoints == [try #require(WireGuardKey(base64: Self.keys[0]))])
    #expect(WireGuardFiles.read(directory: "/nonexistent") == WireGuardFiles())
  }
}

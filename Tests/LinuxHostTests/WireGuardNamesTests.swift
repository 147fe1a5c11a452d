// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

@testable import LinuxHost

struct WireGuardNamesTests {
  private static let key = "Q" + String(repeating: "A", count: 42) + "="

  @Test(
    "Peers are named by a comment before their section, or by the first one in it",
    arguments: [
      ("# laptop\n[Peer]\nPublicKey = KEY\n", "laptop"), ("[Peer]\n# laptop\nPublicKey = KEY\n", "laptop"),
      ("[Peer]\n#Name = laptop-1\n# more\nPublicKey=KEY\n", "laptop-1"),
      ("### friendly_name=Anna\n[peer]\npublickey = KEY\n", "Anna"),
      ("# about the interface\n[Interface]\nPrivateKey = x\n[Peer]\nPublicKey = KEY\n", nil),
      ("# about nobody\n\n[Peer]\nPublicKey = KEY\n", nil),
      ("[Interface]\n# why\nListenPort = 1\n[Peer]\nPublicKey = KEY\n", nil),
      ("# one\n[Peer]\nPublicKey = nonsense\n", nil),
    ])
  func names(text: String, expected: String?) throws {
    let key = try #require(WireGuardKey(base64: Self.key))
    let names = WireGuardNames.names(in: text.replacing("KEY", with: Self.key))
    #expect(names[key] == expected)
    #expect(names.count == (expected == nil ? 0 : 1))
  }

  @Test("A missing folder gives no names")
  func absent() {
    #expect(WireGuardNames.read(directory: "/nonexistent").isEmpty)
  }
}

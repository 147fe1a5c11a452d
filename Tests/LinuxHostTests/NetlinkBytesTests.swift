// SPDX-License-Identifier: GPL-3.0-or-later

import CSys
import NetworkModel
import Testing

@testable import Netlink
@testable import LinuxHost

private func attribute(_ type: some BinaryInteger, _ value: [UInt8]) -> [UInt8] {
  AttributeReader.encode(Int(type), value)
}

private func nested(_ type: some BinaryInteger, _ value: [UInt8]) -> [UInt8] {
  AttributeReader.encode(Int(type) | Int(CSYS_NLA_F_NESTED), value)
}

private func host<N: FixedWidthInteger & UnsignedInteger>(_ number: N) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.append(number: number)
  return bytes
}

struct NetlinkBytesTests {
  @Test("Attributes are read with their padding, and reading stops at the first that does not fit")
  func attributes() {
    let bytes = attribute(1, [1, 2, 3]) + nested(2, [4, 5, 6, 7]) + attribute(3, [])
    let read = AttributeReader(bytes[...]).map { ($0.type, Array($0.value)) }
    #expect(read.map(\.0) == [1, 2, 3])
    #expect(read.map(\.1) == [[1, 2, 3], [4, 5, 6, 7], []])
    for length in 0..<bytes.count { #expect(Array(AttributeReader(bytes[..<length])).count < 3) }
    #expect(Array(AttributeReader([3, 0, 1, 0][...])).isEmpty)
    #expect(Array(AttributeReader([0, 0, 0, 0, 0, 0, 0, 0][...])).isEmpty)
  }

  @Test("Random bytes never make a decoder trap")
  func randomBytes() throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<3_000 {
      var bytes = (0..<Int.random(in: 0..<200)).map { _ in UInt8.random(in: 0...255, using: &generator) }
      // Small numbers are more often valid lengths.
      for place in bytes.indices where place % 2 == 1 { bytes[place] = 0 }
      let slice = bytes[...].dropFirst(2)
      var sockets: [SocketDiagnostics.Socket] = []
      SocketDiagnostics.Message(.tcp, slice)?.add(to: &sockets)
      _ = LinkTable.Link(slice)
      _ = LinkTable.address(slice)
      _ = Routes.output(slice)
      _ = Conntrack.flow(slice)
      _ = WireGuardNetlink.DevicePart(slice)
      _ = try? WireGuardSocket.parse(slice, name: .loopback)
    }
  }

  @Test("An SCTP socket is listed once for each of its addresses")
  func sctp() throws {
    var message = [UInt8](repeating: 0, count: Int(CSYS_INET_DIAG_MSG_SIZE))
    message[0] = 10
    message.replaceSubrange(4..<6, with: [0x12, 0x34])
    message.replaceSubrange(68..<72, with: host(UInt32(99)))
    func storage(_ start: [UInt8]) -> [UInt8] { start + [UInt8](repeating: 0, count: 128 - start.count) }
    message += attribute(
      CSYS_INET_DIAG_LOCALS,
      storage(host(UInt16(2)) + [0x12, 0x34, 192, 0, 2, 1])
        + storage(host(UInt16(10)) + [0x12, 0x34, 0, 0, 0, 0, 0x20, 0x01]))
    var sockets: [SocketDiagnostics.Socket] = []
    try #require(SocketDiagnostics.Message(.sctp, message[...])).add(to: &sockets)
    #expect(sockets.map(\.address.description) == ["192.0.2.1", "2001::"])
    #expect(sockets.allSatisfy { $0.port == 0x1234 && $0.inode == 99 && !$0.isDualStack })
  }

  @Test("A kernel device is assembled from its messages")
  func wireGuard() throws {
    let key = [UInt8](repeating: 7, count: 32)
    let other = [UInt8](repeating: 9, count: 32)
    func allowed(_ family: UInt16, _ address: [UInt8], _ length: UInt8) -> [UInt8] {
      nested(
        0,
        attribute(CSYS_WGALLOWEDIP_A_FAMILY, host(family)) + attribute(CSYS_WGALLOWEDIP_A_IPADDR, address)
          + attribute(CSYS_WGALLOWEDIP_A_CIDR_MASK, [length]))
    }
    let first =
      attribute(CSYS_WGDEVICE_A_IFNAME, Array("wg0\0".utf8))
      + attribute(3, [UInt8](repeating: 1, count: 32)) + attribute(CSYS_WGDEVICE_A_PUBLIC_KEY, other)
      + attribute(CSYS_WGDEVICE_A_LISTEN_PORT, host(UInt16(51820)))
      + attribute(CSYS_WGDEVICE_A_FWMARK, host(UInt32(51)))
      + nested(
        CSYS_WGDEVICE_A_PEERS,
        nested(
          0,
          attribute(CSYS_WGPEER_A_PUBLIC_KEY, key)
            + attribute(
              CSYS_WGPEER_A_ENDPOINT,
              host(UInt16(2)) + [0xca, 0x6c, 192, 0, 2, 1] + [0, 0, 0, 0, 0, 0, 0, 0])
            + attribute(CSYS_WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, host(UInt16(25)))
            + attribute(CSYS_WGPEER_A_LAST_HANDSHAKE_TIME, host(UInt64(1_700_000_000)) + host(UInt64(5)))
            + attribute(CSYS_WGPEER_A_RX_BYTES, host(UInt64(1)))
            + attribute(CSYS_WGPEER_A_TX_BYTES, host(UInt64(2)))
            + nested(CSYS_WGPEER_A_ALLOWEDIPS, allowed(2, [10, 13, 13, 1], 32))))
    let second = nested(
      CSYS_WGDEVICE_A_PEERS,
      nested(
        0,
        attribute(CSYS_WGPEER_A_PUBLIC_KEY, key)
          + nested(CSYS_WGPEER_A_ALLOWEDIPS, allowed(10, [0x20, 1] + [UInt8](repeating: 0, count: 14), 16)))
        + nested(0, attribute(CSYS_WGPEER_A_PUBLIC_KEY, other)))
    let parts = try [first, second].map { try #require(WireGuardNetlink.DevicePart($0[...])) }
    let device = WireGuardNetlink.assemble(parts, name: try #require(InterfaceName("wg0")))
    #expect(device.publicKey?.bytes == other)
    #expect(device.listenPort == 51820 && device.firewallMark == 51)
    #expect(device.peers.map(\.publicKey.bytes) == [key, other])
    let peer = try #require(device.peers.first)
    #expect(peer.allowedIPs.map(\.description) == ["10.13.13.1", "2001::/16"])
    #expect(peer.endpoint?.description == "192.0.2.1:51820")
    #expect(peer.latestHandshake == 1_700_000_000 && peer.receivedBytes == 1 && peer.sentBytes == 2)
    #expect(peer.persistentKeepalive == 25)
    #expect(device.peers.last?.allowedIPs.isEmpty == true && device.peers.last?.latestHandshake == nil)
  }

  @Test("The description of the kernel's refusal contains the request")
  func errors() {
    let error = HostReadError.refused("listing tcp sockets", errno: 1, words: "no")
    #expect(error.description == "listing tcp sockets: the kernel refused: Operation not permitted (no)")
  }
}

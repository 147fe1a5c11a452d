// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import NetworkModel
import Testing

@testable import Netlink
@testable import LinuxHost

struct WireGuardReadingTests {
  private static let hex = "1c8828f7137324c58b2804928624ea2326f1674537c062e251e2753ca7fcca4c"

  private static func parse(_ text: String) throws -> WireGuardDevice {
    try WireGuardSocket.parse(Array(text.utf8)[...], name: try #require(InterfaceName("wg0")))
  }

  @Test("The answer of a userspace device is decoded")
  func answer() throws {
    let device = try Self.parse(
      """
      private_key=\(String(repeating: "ab", count: 32))
      listen_port=51820
      fwmark=51
      public_key=\(Self.hex)
      preshared_key=\(String(repeating: "00", count: 32))
      protocol_version=1
      endpoint=[2001:db8::1%eth0]:51821
      last_handshake_time_sec=1700000000
      last_handshake_time_nsec=5
      tx_bytes=18446744073709551615
      rx_bytes=2
      persistent_keepalive_interval=25
      allowed_ip=10.13.13.1/32
      allowed_ip=2001:db8:1::/48
      something_new=1
      public_key=\(String(Self.hex.reversed()))
      endpoint=192.0.2.1:5
      last_handshake_time_sec=0
      errno=0


      """)
    #expect(device.listenPort == 51820)
    #expect(device.firewallMark == 51)
    #expect(device.publicKey == nil)
    #expect(device.peers.count == 2)
    let peer = try #require(device.peers.first)
    #expect(peer.publicKey.description == "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=")
    #expect(peer.endpoint?.description == "[2001:db8::1]:51821")
    #expect(peer.allowedIPs.map(\.description) == ["10.13.13.1", "2001:db8:1::/48"])
    #expect(peer.latestHandshake == 1_700_000_000)
    #expect(peer.sentBytes == .max && peer.receivedBytes == 2 && peer.persistentKeepalive == 25)
    #expect(device.peers.last?.latestHandshake == nil)
    #expect(device.peers.last?.endpoint?.description == "192.0.2.1:5")
  }

  @Test(
    "A malformed answer is an error, and never an incomplete device",
    arguments: [
      "listen_port", "listen_port=65536\n", "public_key=12\n", "public_key=\(hex)\nallowed_ip=10.0.0.1/24\n",
      "public_key=\(hex)\nendpoint=nowhere\n", "public_key=\(hex)\nlast_handshake_time_sec=x\n", "errno=1\n",
      "errno=-2147483648\n",
      "errno=x\n",
    ])
  func malformed(text: String) {
    #expect(throws: HostReadError.self) { try Self.parse(text) }
  }

  // MARK: Sockets

  /// A directory of sockets. It is deleted with the value.
  private final class Directory {
    let path: String

    init(_ name: String) {
      path = "/tmp/wgfence-\(name)-\(getpid())"
      mkdir(path, 0o700)
    }

    deinit {
      for name in ["wg0", "wg1"] { unlink("\(path)/\(name).sock") }
      rmdir(path)
    }

    func listen(_ name: String) -> Int32 {
      let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array("\(path)/\(name).sock".utf8)) }
      withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          _ = bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      _ = Glibc.listen(descriptor, 1)
      return descriptor
    }
  }

  private static func interface(_ name: String) throws -> NetworkInterface {
    NetworkInterface(
      name: try #require(InterfaceName(name)), index: 7, addresses: [], state: .up, kind: "tun")
  }

  @Test("A device that never answers blocks for one second, and the next one is still read")
  func silent() throws {
    let directory = Directory("silent")
    let silent = directory.listen("wg0")
    defer { close(silent) }
    close(directory.listen("wg1"))
    let clock = ContinuousClock()
    var reading: WireGuardDevices?
    let interfaces = [try Self.interface("wg0"), try Self.interface("wg1")]
    let time = clock.measure {
      reading = WireGuardDevices.read(directory: directory.path, interfaces: interfaces)
    }
    #expect(time < .seconds(3))
    #expect(reading?.devices.isEmpty == true)
    #expect(
      reading?.failures.map(\.reason) == [
        .unreadable(.timedOut("\(directory.path)/wg0.sock")),
        .unreadable(.socket("\(directory.path)/wg1.sock", errno: ECONNREFUSED)),
      ])
  }

  @Test("A device that closes the connection before the end of the answer is an error")
  func hangingUp() throws {
    let directory = Directory("hangup")
    let server = directory.listen("wg0")
    defer { close(server) }
    shutdown(server, Int32(SHUT_RDWR))
    let reading = WireGuardDevices.read(directory: directory.path, interfaces: [try Self.interface("wg0")])
    #expect(reading.devices.isEmpty && reading.failures.count == 1)
  }

  @Test("A socket of an interface that does not exist here is not used")
  func elsewhere() throws {
    let directory = Directory("elsewhere")
    close(directory.listen("wg0"))
    let reading = WireGuardDevices.read(directory: directory.path, interfaces: [])
    #expect(reading.failures.map(\.reason) == [.interfaceMissing])
    #expect(WireGuardDevices.read(directory: "/nonexistent", interfaces: []).failures.isEmpty)
  }

  @Test(
    "A running wireguard-go is read",
    .enabled(
      if: OwnNamespace.isPermitted && access("/usr/bin/wireguard-go", X_OK) == 0
        && access("/usr/bin/wg", X_OK) == 0,
      "needs namespaces, wireguard-go and wg"))
  func live() throws {
    try OwnNamespace.run {
      let daemon = try Program([
        "/usr/bin/unshare", "-m", "/bin/sh", "-c",
        "mount -t tmpfs tmpfs /run && mkdir /run/wireguard && exec wireguard-go -f wg0",
      ])
      let directory = "/proc/\(daemon.pid)/root/run/wireguard"
      _ = try eventually { access("\(directory)/wg0.sock", F_OK) == 0 ? true : nil }
      let key = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw="
      try Program.run(
        "/usr/bin/nsenter", "-m", "-t", "\(daemon.pid)", "/bin/sh", "-c",
        """
        wg genkey > /run/key && wg set wg0 private-key /run/key listen-port 51820 peer \(key) \
        endpoint 192.0.2.1:51821 allowed-ips 10.13.13.1/32,2001:db8::/64 persistent-keepalive 25
        """)
      let reading = try WireGuardDevices.read(directory: directory)
      #expect(reading.failures.isEmpty)
      let device = try #require(reading.devices.first)
      #expect(device.name.description == "wg0")
      #expect(device.listenPort == 51820)
      #expect(device.peers.map(\.publicKey.description) == [key])
      #expect(device.peers.first?.endpoint?.description == "192.0.2.1:51821")
      #expect(device.peers.first?.allowedIPs.map(\.description).sorted() == ["10.13.13.1", "2001:db8::/64"])
      #expect(device.peers.first?.latestHandshake == nil)
      #expect(device.peers.first?.persistentKeepalive == 25)
    }
  }
}

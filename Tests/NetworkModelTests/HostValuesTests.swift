// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import TestSupport
import Testing

private let hex = String(repeating: "0123456789abcdef", count: 4)

struct ControlGroupTests {
  @Test(
    "A control group gives the unit and the container",
    arguments: [
      (
        "0::/system.slice/system-postgresql.slice/postgresql@15-main.service", "postgresql@15-main.service",
        nil
      ),
      ("0::/user.slice/user-1000.slice/session-3.scope", "session-3.scope", nil),
      ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service", "user@1000.service", nil),
      ("0::/init.scope", "init.scope", nil),
      ("0::/system.slice/ssh.service/worker", "ssh.service", nil),
      ("0::/system.slice/_cpu.service", "cpu.service", nil),
      ("12:cpu,cpuacct:/system.slice\n1:name=systemd:/system.slice/ssh.service\n0::/", "ssh.service", nil),
      ("0::/system.slice/docker-\(hex).scope", "docker-\(hex).scope", hex),
      ("4:memory:/docker/\(hex)\n1:name=systemd:/docker/\(hex)\n0::/", nil, hex),
      ("4:memory:/wglab-ec2/\(hex)\n0::/", nil, hex),
      ("1:name=systemd:/docker/\(hex)/system.slice/nginx.service", nil, hex),
      ("0::/machine.slice/libpod-\(hex).scope/container", "libpod-\(hex).scope", hex),
      ("0::/machine.slice/libpod-conmon-\(hex).scope", "libpod-conmon-\(hex).scope", nil),
      (
        "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-\(hex).scope", "cri-containerd-\(hex).scope",
        hex
      ),
      ("4:cpu:/system.slice:cri-containerd:\(hex)", nil, hex),
      ("0::/default/\(hex)", nil, hex),
      ("0::/docker/\(hex)/docker/\(String(repeating: "f", count: 64))", nil, hex),
      ("0::/", nil, nil), ("", nil, nil), ("nonsense", nil, nil), ("0::/\(hex)0", nil, nil),
      ("0::/\(hex.uppercased())", nil, nil),
    ] as [(String, String?, String?)])
  func reading(text: String, unit: String?, container: String?) {
    let group = ControlGroup(text)
    #expect(group.unit == unit)
    #expect(group.container == container)
  }
}

struct RemoteSessionTests {
  @Test(
    "SSH_CONNECTION is parsed",
    arguments: [
      ("192.0.2.7 50123 203.0.113.10 22", "192.0.2.7", "203.0.113.10", nil),
      ("::ffff:192.0.2.7 50123 ::ffff:203.0.113.10 22", "192.0.2.7", "203.0.113.10", nil),
      ("2001:db8::7 50123 2001:db8::1 22", "2001:db8::7", "2001:db8::1", nil),
      ("fe80::1%eth0 50123 fe80::2%eth0 22", "fe80::1", "fe80::2", "eth0"),
    ] as [(String, String, String, String?)])
  func reading(text: String, client: String, server: String, scope: String?) throws {
    let session = try #require(RemoteSession(sshConnection: text))
    #expect(session.client.description == client)
    #expect(session.server.description == server)
    #expect(session.clientPort == 50123)
    #expect(session.serverPort == 22)
    #expect(session.clientScope?.description == scope)
  }

  @Test(
    "A text that is not a connection is rejected",
    arguments: [
      "", "192.0.2.7 50123 22", "192.0.2.7 50123 203.0.113.10 22 1", "UNKNOWN 65535 UNKNOWN 65535",
      "192.0.2.7  50123 203.0.113.10 22", "192.0.2.7 0 203.0.113.10 22", "192.0.2.7 65536 203.0.113.10 22",
      "192.0.2.7 +1 203.0.113.10 22", "192.0.2.7%eth0 1 203.0.113.10 22", "fe80::1% 1 fe80::2 22", "a b c d",
    ])
  func refused(text: String) {
    #expect(RemoteSession(sshConnection: text) == nil)
  }
}

struct WireGuardValuesTests {
  @Test("A key is the same in hexadecimal, base64 and bytes")
  func key() throws {
    let base64 = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw="
    let key = try #require(WireGuardKey(base64: base64))
    #expect(key.description == base64)
    #expect(WireGuardKey(hex: "1c8828f7137324c58b2804928624ea2326f1674537c062e251e2753ca7fcca4c") == key)
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<500 {
      let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let key = try #require(WireGuardKey(bytes: bytes))
      #expect(WireGuardKey(base64: key.description)?.bytes == bytes)
    }
  }

  @Test(
    "A text that is not a key is rejected",
    arguments: [
      "", "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw", "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykx=",
      "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8yk==", "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8y-w=",
    ])
  func refusedKey(text: String) {
    #expect(WireGuardKey(base64: text) == nil)
    #expect(WireGuardKey(hex: String(text.prefix(1)) + String(repeating: "g", count: 63)) == nil)
  }

  @Test(
    "An endpoint is parsed and printed",
    arguments: [
      ("192.0.2.1:51820", "192.0.2.1:51820"), ("[2001:db8::1]:1", "[2001:db8::1]:1"),
      ("[::ffff:192.0.2.1]:5", "192.0.2.1:5"), ("[fe80::1%eth0]:5", "[fe80::1]:5"), ("2001:db8::1:1", nil),
      ("[192.0.2.1]:1", nil), ("192.0.2.1", nil), (":1", nil), ("192.0.2.1:65536", nil),
    ] as [(String, String?)])
  func endpoint(text: String, canonical: String?) {
    #expect(WireGuardEndpoint(text)?.description == canonical)
  }
}

struct ListenerTests {
  @Test("A dual-stack socket serves both families, any other socket its own")
  func families() throws {
    let any = try #require(IPAddress("::"))
    let dual = Listener(protocol: .tcp, address: any, isDualStack: true, port: 9090)
    let single = Listener(protocol: .tcp, address: any, port: 9090)
    #expect(dual.serves(.ipv4) && dual.serves(.ipv6))
    #expect(!single.serves(.ipv4) && single.serves(.ipv6))
    #expect(dual.isWildcard && !dual.isLoopbackOnly)
  }

  @Test("Listeners are ordered by protocol, port, address and interface")
  func order() throws {
    func listener(_ proto: IPProtocol, _ address: String, _ port: UInt16, _ name: String?) throws -> Listener
    {
      Listener(
        protocol: proto, address: try #require(IPAddress(address)),
        boundInterface: name.flatMap { InterfaceName($0) },
        port: port)
    }
    let ordered = [
      try listener(.tcp, "0.0.0.0", 22, nil), try listener(.tcp, "0.0.0.0", 22, "eth0"),
      try listener(.tcp, "0.0.0.0", 22, "wg0"), try listener(.tcp, "::", 22, nil),
      try listener(.tcp, "0.0.0.0", 80, nil),
      try listener(.udp, "0.0.0.0", 22, nil),
    ]
    #expect(ordered.reversed().sorted() == ordered)
  }
}

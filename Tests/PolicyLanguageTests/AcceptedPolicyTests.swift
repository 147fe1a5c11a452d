// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyLanguage
import Testing

/// Two machines, a laptop and a tunnel; each test adds what it needs.
private func policy(_ more: String) -> String {
  """
  version: 1
  tunnels:
    wg0: { prefixes: [10.0.0.0/24, "fd00::/64"], listen: 51820, hub: hub }
  machines:
    hub: { addresses: { wg0: [10.0.0.1, "fd00::1"] }, endpoint: 203.0.113.1 }
    box:
      addresses: { wg0: [10.0.0.2, "fd00::2"] }
      subnets: [192.168.1.0/24]
      zones: { lan: { interfaces: [eth1], prefixes: [192.168.1.0/24] }, wifi: { interfaces: ["wl*"] } }
    laptop: { addresses: { wg0: 10.0.0.3 } }
    printer: {}
  groups:
    everyone: [hub, others]
    others: [laptop, box, laptop]
  \(more)
  """
}

@Suite("The meaning of a policy")
struct AcceptedPolicyTests {
  @Test("machines, tunnels and zones are ordered by name, with the built-in zone of containers")
  func machines() throws {
    let policy = try valid(policy(""))
    #expect(policy.machines.map(\.name) == ["box", "hub", "laptop", "printer"])
    let box = try #require(policy.machine(named: "box"))
    #expect(box.zones.map(\.name) == ["containers", "lan", "wifi"])
    #expect(
      box.zone(named: "containers")?.interfaces.map(\.description) == [
        "br-*", "cni*", "docker0", "docker_gwbridge", "incusbr*", "lxcbr*", "lxdbr*", "nerdctl*", "podman*",
        "virbr*",
      ])
    #expect(box.zone(named: "containers")?.location == nil)
    #expect(box.endpoint == .roaming)
    #expect(policy.machine(named: "printer")?.addresses.isEmpty == true)
    let tunnel = try #require(policy.tunnel(named: "wg0"))
    #expect(tunnel.prefixes.map(\.description) == ["10.0.0.0/24", "fd00::/64"])
    #expect(tunnel.listen == 51820)
    #expect(tunnel.hub == "hub")
    #expect(box.addresses(in: tunnel.name).map(\.description) == ["10.0.0.2", "fd00::2"])
  }

  @Test("groups can be nested, and each machine is in a group once")
  func groups() throws {
    let policy = try valid(policy(""))
    #expect(policy.groups.map(\.name) == ["everyone", "others"])
    #expect(policy.groups.first?.machines == ["box", "hub", "laptop"])
  }

  @Test(
    "a service can be written in every form of the language",
    arguments: [
      ("8080/tcp", "8080/tcp"), ("6000-6010/udp", "6000-6010/udp"), ("[22/sctp, 22/tcp]", "22/tcp 22/sctp"),
      ("esp", "esp"), ("gre", "gre"), ("ip/89", "89"), ("ip/50", "esp"), ("ping", "echo"),
      ("[80/tcp, 80/tcp]", "80/tcp"), ("[postgres, redis]", "5432/tcp 6379/tcp"), ("inner", "1/tcp"),
      ("[web]", "80/tcp 443/tcp 443/udp"), ("any", "any"), ("[any, ssh]", "22/tcp any"),
    ])
  func services(written: String, meant: String) throws {
    let policy = try valid(
      policy(
        """
        services: { outer: \(written), inner: 1/tcp }
        allow: [{ to: box, services: outer, from: laptop }]
        """))
    let service = try #require(policy.grants.first?.services.first)
    #expect(service.name == "outer")
    let text = service.ports.map { port in
      switch port {
      case .ports(let number, let range): "\(range)/\(number)"
      case .protocol(let number): "\(number)"
      case .echoRequest: "echo"
      case .everything: "any"
      }
    }
    #expect(text.joined(separator: " ") == meant)
  }

  @Test("a built-in service can be redefined")
  func redefinition() throws {
    let policy = try valid(
      policy("services: { ssh: 2222/tcp }\nallow: [{ to: box, services: ssh, from: laptop }]"))
    #expect(policy.grants.first?.services == policy.services.filter { $0.name == "ssh" })
    #expect(policy.grants.first?.services.first?.ports.count == 1)
    #expect(policy.grants.first?.services.first?.ports != ServiceCatalogue.service(named: "ssh")?.ports)
  }

  @Test(
    "a word of 'from' means what it names",
    arguments: [
      ("laptop", [GrantSource.machine("laptop")]), ("[laptop, hub]", [.machine("laptop"), .machine("hub")]),
      ("others", [.machine("box"), .machine("laptop")]),
      ("[laptop, others]", [.machine("laptop"), .machine("box")]),
      ("lan", [.zone("lan")]), ("internet", [.zone("internet")]), ("anywhere", [.anywhere]),
      ("hub.internet", [.machineZone(machine: "hub", zone: "internet")]),
      ("containers", [.zone("containers")]),
      ("box.lan", [.machineZone(machine: "box", zone: "lan")]),
      ("box.wifi", [.machineZone(machine: "box", zone: "wifi")]), ("hooks", [.list("hooks")]),
      ("\"2001:db8::/32\"", Prefix("2001:db8::/32").map { [.prefix($0)] } ?? []),
      ("198.51.100.7", Prefix("198.51.100.7/32").map { [.prefix($0)] } ?? []),
      ("wg0", InterfaceName("wg0").map { [.tunnel($0)] } ?? []),
    ] as [(String, [GrantSource])])
  func sources(written: String, meant: [GrantSource]) throws {
    let policy = try valid(
      policy(
        "lists: { hooks: [192.0.2.0/24] }\nallow: [{ to: box, services: ssh, from: \(written), because: it must }]"
      ))
    #expect(policy.grants.first?.from == meant)
    #expect(policy.grants.first?.because == "it must")
  }

  @Test(
    "a word of 'to' means what it names",
    arguments: [
      ("box", [GrantTarget.machine("box")]),
      ("everyone", [.machine("box"), .machine("hub"), .machine("laptop")]),
      ("box.lan", [.zone(machine: "box", zone: "lan")]),
      (
        "192.168.1.64/26",
        Prefix("192.168.1.64/26").map { [.subnet(machine: "box", prefix: $0)] } ?? []
      ),
    ] as [(String, [GrantTarget])])
  func targets(written: String, meant: [GrantTarget]) throws {
    let policy = try valid(policy("allow: [{ to: \(written), services: ssh, from: hub }]"))
    #expect(policy.grants.first?.to == meant)
    #expect(policy.grants.first?.wordsTo == [written])
    #expect(policy.grants.first?.wordsFrom == ["hub"])
  }

  @Test("'all' in a test means every service that some line names")
  func all() throws {
    let policy = try valid(
      policy(
        """
        services: { unused: 1/tcp }
        allow: [{ to: box, services: [ssh, 9443/tcp], from: laptop }]
        failsafe: [{ to: box, services: [ping], from: hub }]
        tests:
          - { from: internet, to: box, deny: all }
          - { from: laptop, to: box, over: internet, deny: [redis] }
        """))
    #expect(policy.tests.map { $0.deny.map(\.name) } == [["9443/tcp", "ping", "redis", "ssh"], ["redis"]])
    #expect(policy.tests.map(\.over) == [nil, "internet"])
    #expect(policy.services.map(\.name) == ["9443/tcp", "ping", "redis", "ssh", "unused"])
  }

  @Test("scalars are always text")
  func scalars() throws {
    let policy = try valid(
      """
      version: "1"
      machines: { no: {}, "yes": {}, y: {}, null: {}, off: { endpoint: 203.0.113.1 } }
      allow: [{ to: [no, off], services: ssh, from: internet, because: 22:22 }]
      """)
    #expect(policy.machines.map(\.name) == ["no", "null", "off", "y", "yes"])
    #expect(policy.grants.first?.because == "22:22")
  }

  @Test("a list is merged, both in the policy and in a file")
  func lists() throws {
    let policy = try valid(
      policy(
        """
        lists:
          here: [10.9.0.0/17, 10.9.128.0/17, 10.9.3.0/24, "2001:db8::/33", "2001:db8:8000::/33", 192.0.2.1]
          there: { file: lists/there.txt }
          nobody: []
        block: [there, here]
        """),
      files: [
        "lists/there.txt":
          "# a comment\r\n10.9.0.0/17\r\n\n 10.9.128.0/17 # more\n10.9.3.0/24\n2001:db8::/33\n2001:DB8:8000::/33\n192.0.2.1"
      ])
    let here = try #require(policy.list(named: "here"))
    #expect(here.prefixes.map(\.description) == ["10.9.0.0/16", "192.0.2.1", "2001:db8::/32"])
    #expect(policy.list(named: "there")?.prefixes == here.prefixes)
    #expect(policy.list(named: "there")?.file == "lists/there.txt")
    #expect(policy.list(named: "nobody")?.prefixes == [])
    #expect(policy.block.map(\.name) == ["there", "here"])
  }

  @Test("an expired grant is an error, but there is still a policy to enforce")
  func expired() throws {
    let decoded = decode(policy("allow: [{ to: box, services: ssh, from: hub, until: 2026-11-22 }]"))
    #expect(!decoded.isValid)
    #expect(decoded.policy?.grants.first?.until?.description == "2026-11-22")
    #expect(
      decoded.diagnostics.filter { $0.severity == .error }.map(\.message) == [
        "this grant ended on 2026-11-22"
      ])
  }

  @Test("with an expired grant and another error, there is no policy")
  func expiredAndBroken() {
    let decoded = decode(policy("allow: [{ to: box, services: shh, from: hub, until: 2026-11-22 }]"))
    #expect(decoded.policy == nil)
    #expect(decoded.diagnostics.filter { $0.severity == .error }.count == 2)
  }

  @Test(
    "an endpoint is addresses, live, or unknown",
    arguments: [
      ("{}", Endpoint.roaming), ("{ endpoint: live, key: \"\(String(repeating: "A", count: 43))=\" }", .live),
      (
        "{ endpoint: [\"2001:db8::1\", 203.0.113.9] }",
        .addresses([IPAddress("203.0.113.9"), IPAddress("2001:db8::1")].compactMap { $0 })
      ),
    ] as [(String, Endpoint)])
  func endpoints(written: String, meant: Endpoint) throws {
    let policy = try valid("version: 1\nmachines: { box: \(written) }")
    #expect(policy.machine(named: "box")?.endpoint == meant)
  }

  @Test("a line of 'encrypt' has each machine once")
  func encryption() throws {
    let policy = try valid(policy("encrypt: [{ between: [others, box, hub], tunnel: wg0 }]"))
    #expect(policy.encryptions.first?.machines == ["box", "hub", "laptop"])
    #expect(policy.encryptions.first?.tunnel.description == "wg0")
  }

  @Test("a byte order mark and CRLF line endings do not change the policy")
  func lineEnds() throws {
    let text = policy("allow: [{ to: box, services: ssh, from: hub }]")
    let windows = "\u{feff}" + text.split(separator: "\n").joined(separator: "\r\n")
    #expect(try valid(windows).grants.first?.location.line == valid(text).grants.first?.location.line)
  }
}

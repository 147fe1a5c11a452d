// SPDX-License-Identifier: GPL-3.0-or-later

import HostAnalysis
import NetworkModel
import PolicyAnalysis
import PolicyLanguage
import Ruleset
import TestSupport
import Testing

@testable import PolicyImport

@Suite("A policy from the rules of another firewall")
struct PolicyImportTests {
  private static let servers = [
    ImportHost.listener(22, by: "sshd"), ImportHost.listener(5432, by: "postgres"),
    ImportHost.listener(3000, by: "grafana"), ImportHost.listener(9999, at: "127.0.0.1"),
    ImportHost.listener(5005, .udp),
  ]

  /// Imports tables of IPv4 and IPv6 with the same rules; the policy must be valid, and its own tests must pass.
  private static func imported(
    policy: BasePolicy = .drop, listeners: [Listener] = servers, _ tool: ImportTool = .iptables,
    rules: (AddressFamily) -> [KernelRule]
  ) throws -> PolicyImport {
    let tables = AddressFamily.allCases.map { Rules.table($0, rules($0), policy: policy) }
    return try imported(ImportHost.basis(tables, tool, listeners: listeners))
  }

  private static func imported(_ basis: PolicyImport.Basis) throws -> PolicyImport {
    let imported = try PolicyImport(basis)
    #expect(imported.comparison.gained == [], "\(imported.text)")
    let frame = try ImportFrame(imported.text, imported.machine, basis)
    let run = PolicyTestRun(
      CompiledSite(frame.policy, today: try #require(CalendarDate("2026-11-29"))))
    #expect(run.failures.isEmpty, "\(imported.text)\n\(run.failures)")
    return imported
  }

  private static func lines(_ imported: PolicyImport) -> [String] { imported.grants.map(\.line) }

  @Test("A rule for everyone is a grant to all sides, and access to SSH is failsafe")
  func everyone() throws {
    let imported = try Self.imported { _ in [Rules.rule([Rules.port(22)], .accept)] }
    #expect(
      Self.lines(imported) == [
        "- { to: onprem, services: [ssh], from: [wg0, containers, lan, internet] }"
      ])
    #expect(imported.grants.map(\.section) == [.failsafe])
    #expect(
      imported.comparison.lost.allSatisfy { $0.because.contains("tunnel") }, "\(imported.comparison.lost)")
  }

  /// As the reverse path filter of firewalld on a host with a default route of IPv6.
  @Test("A rule that drops link-local sources that no host has does not matter")
  func linkLocal() throws {
    let imported = try Self.imported { family in
      (family == .ipv6 ? [Rules.rule([Rules.source("fe80:0:0:1::/64")], .drop)] : [])
        + [Rules.rule([Rules.port(22)], .accept)]
    }
    #expect(
      Self.lines(imported) == [
        "- { to: onprem, services: [ssh], from: [wg0, containers, lan, internet] }"
      ])
  }

  @Test("A rule for an interface is a grant to its zone or tunnel")
  func interfaces() throws {
    let imported = try Self.imported { _ in
      [
        Rules.rule([Rules.input("wg0"), Rules.port(5432)], .accept),
        Rules.rule([Rules.input("enp5s0"), Rules.port(3000)], .accept),
      ]
    }
    #expect(
      Set(Self.lines(imported)) == [
        "- { to: onprem, services: [postgres], from: wg0 }",
        "- { to: onprem, services: [3000/tcp], from: lan }",
      ])
  }

  @Test("A rule for a network is a grant to its prefix, and to nothing beside it")
  func networks() throws {
    let imported = try Self.imported { family in
      family == .ipv4 ? [Rules.rule([Rules.source("203.0.113.0/25"), Rules.port(5432)], .accept)] : []
    }
    #expect(Self.lines(imported) == ["- { to: onprem, services: [postgres], from: 203.0.113.0/25 }"])
  }

  @Test("Rules for IPv4 alone open nothing over IPv6")
  func oneFamily() throws {
    let imported = try Self.imported { family in
      family == .ipv4 ? [Rules.rule([Rules.input("eth0"), Rules.port(5432)], .accept)] : []
    }
    #expect(Self.lines(imported) == ["- { to: onprem, services: [postgres], from: 0.0.0.0/0 }"])
  }

  @Test("In a tunnel single machines are granted by their names")
  func machines() throws {
    let imported = try Self.imported { family in
      [
        Rules.rule(
          [
            Rules.input("wg0"), Rules.source(family == .ipv4 ? "10.13.13.10" : "fd13:13::10"),
            Rules.port(5432),
          ], .accept)
      ]
    }
    let line = try #require(Self.lines(imported).first)
    #expect(line == "- { to: onprem, services: [postgres], from: peer-10-13-13-10 }")
  }

  @Test("A single refused address is left out of what its network may reach")
  func exception() throws {
    let imported = try Self.imported { family in
      (family == .ipv4 ? [Rules.rule([Rules.source("203.0.113.9")], .drop)] : [])
        + [Rules.rule([Rules.input("eth0"), Rules.port(5432)], .accept)]
    }
    #expect(imported.text.contains("lists:\n  imported-sources:"))
    #expect(
      Self.lines(imported) == [
        "- { to: onprem, services: [postgres], from: [\"::/0\", imported-sources] }"
      ])
  }

  @Test("What is open and not listened on is a comment")
  func unheard() throws {
    let imported = try Self.imported { _ in
      [Rules.rule([Rules.input("eth0"), Rules.ports(8080, 8083)], .accept)]
    }
    #expect(imported.grants == [])
    let remark = try #require(imported.remarks.first { $0.kind == .unheard })
    #expect(remark.what.contains("open from internet") && remark.what.contains("8080-8083/tcp"))
    #expect(imported.text.contains("8080-8083/tcp"))
  }

  @Test("A port that is open at one address of the host only is not granted, and said")
  func oneAddress() throws {
    let imported = try Self.imported { family in
      family == .ipv4
        ? [Rules.rule([Rules.input("eth0"), Rules.destination("198.51.100.7"), Rules.port(5432)], .accept)]
        : []
    }
    #expect(imported.grants == [])
    #expect(imported.remarks.contains { $0.kind == .partial && $0.what.contains("postgres") })
  }

  @Test("A port that is open from one source port only is not granted")
  func oneSourcePort() throws {
    let imported = try Self.imported { _ in
      [
        Rules.rule([Rules.port(5432), Rules.sourcePort(53)], .drop), Rules.rule([Rules.port(5432)], .accept),
      ]
    }
    #expect(imported.grants == [])
    #expect(imported.remarks.contains { $0.kind == .partial && $0.what.contains("postgres") })
  }

  @Test("What the walk cannot evaluate is not granted, and said")
  func undetermined() throws {
    let imported = try Self.imported { _ in
      [
        KernelRule(expressions: [.opaque(name: "geoip", data: []), .verdict(.drop)]),
        Rules.rule([Rules.port(5432)], .accept),
      ]
    }
    #expect(imported.grants == [])
    #expect(imported.remarks.contains { $0.kind == .undetermined && $0.what.contains("postgres") })
  }

  @Test("A rate is a comment beside the grant")
  func rate() throws {
    let imported = try Self.imported { _ in
      [
        KernelRule(
          expressions: Rules.port(5432) + [.limit(rate: 6, unit: 60, burst: 5), .verdict(.accept)])
      ]
    }
    #expect(Self.lines(imported).count == 1)
    #expect(imported.remarks.contains { $0.kind == .limit && $0.what.contains("postgres") })
  }

  @Test("Without rules everything that listens is granted, and nothing else")
  func acceptsAll() throws {
    let imported = try Self.imported(policy: .accept) { _ in [] }
    let services = Set(imported.grants.flatMap(\.services))
    #expect(services == ["ping", "ssh", "postgres", "3000/tcp", "5005/udp"])
    #expect(imported.remarks.contains { $0.kind == .unheard && $0.what.contains("every other port") })
  }

  @Test(
    "A host without the program's tables is an error that names what was expected",
    arguments: [
      (ImportTool.ufw, "chains that begin with ufw"), (.firewalld, "inet firewalld"),
    ])
  func notLoaded(tool: ImportTool, expected: String) throws {
    let error = #expect(throws: ImportError.self) {
      try Self.imported(tool) { _ in [] }
    }
    #expect("\(try #require(error))".contains(expected))
  }

  @Test("Rules in legacy tables that could not be read are an error")
  func unknownLegacy() throws {
    let table = KernelTable.unknownLegacy(.ipv4, "filter", hooks: nil, reason: "it is too large")
    let basis = try ImportHost.basis([table], .iptables, listeners: Self.servers)
    #expect(throws: ImportError.unknownRules(["legacy ip filter: it is too large"])) {
      try PolicyImport(basis)
    }
  }

  @Test("Rules in legacy tables are imported like those of iptables-nft, and not as rules of nft")
  func legacy() throws {
    var table = Rules.table(.ipv4, [], policy: .drop)
    let nft = try PolicyImport(try ImportHost.basis([table], .iptables, listeners: Self.servers))
    table.subsystem = .legacy
    let legacy = try PolicyImport(try ImportHost.basis([table], .iptables, listeners: Self.servers))
    #expect(legacy.tables == ["legacy ip filter"])
    #expect(legacy.grants == nft.grants)
    #expect(throws: ImportError.notLoaded(.nft, expected: "a table that is not wgfence's own")) {
      try PolicyImport(try ImportHost.basis([table], .nft, listeners: Self.servers))
    }
  }

  @Test("A mask that is not a prefix is an error that names the rule")
  func oddMask() throws {
    let rule = KernelRule(expressions: [
      .payload(base: NFT.payloadNetwork, offset: 12, length: 4, destination: NFT.register1),
      .bitwise(
        source: NFT.register1, destination: NFT.register1, mask: [255, 0, 255, 0], xor: [0, 0, 0, 0]),
      .compare(operation: NFT.equal, source: NFT.register1, data: [10, 0, 1, 0]), .verdict(.accept),
    ])
    #expect(throws: ImportError.unreadRules(["ip filter INPUT rule 1"])) {
      try Self.imported { $0 == .ipv4 ? [rule] : [] }
    }
  }

  // MARK: Forwarding

  /// Imports tables whose chain FORWARD has these rules; nothing listens on the host.
  private static func routed(
    policy: BasePolicy = .drop, translating: [KernelRule] = [], rules: [KernelRule], six: [KernelRule]? = nil
  ) throws -> PolicyImport {
    let tables = AddressFamily.allCases.flatMap { family in
      [
        KernelTable(
          family: family.rawValue, name: "filter",
          chains: [
            KernelChain(
              name: "INPUT", base: BaseChain(hook: NFT.hookInput, priority: 0, policy: .drop), rules: []),
            KernelChain(
              name: "FORWARD", base: BaseChain(hook: NFT.hookForward, priority: 0, policy: policy),
              rules: family == .ipv4 ? rules : six ?? rules),
          ]),
        KernelTable(
          family: family.rawValue, name: "nat",
          chains: [
            KernelChain(
              name: "POSTROUTING",
              base: BaseChain(hook: NFT.hookPostrouting, priority: 100, type: "nat", policy: .accept),
              rules: translating)
          ]),
      ]
    }
    return try imported(ImportHost.basis(tables, listeners: [], forwarding: .on))
  }

  @Test("What is forwarded from a tunnel to a network is granted, and nothing beside it")
  func forwarded() throws {
    let imported = try Self.routed(
      rules: [Rules.rule([Rules.input("wg0"), Rules.output("enp5s0"), Rules.port(5432)], .accept)])
    #expect(Self.lines(imported) == ["- { to: onprem.lan, services: [postgres], from: wg0 }"])
    #expect(imported.comparison.lost == [])
  }

  @Test("What a network sends to the internet, masqueraded, becomes a grant and a line of translate")
  func masqueraded() throws {
    let imported = try Self.routed(
      translating: [KernelRule(expressions: Rules.output("eth0") + [.opaque(name: "masq", data: [])])],
      rules: [Rules.rule([Rules.input("enp5s0"), Rules.output("eth0")], .accept)])
    #expect(Self.lines(imported) == ["- { to: onprem.internet, services: [any], from: lan }"])
    #expect(imported.text.contains("translate:\n  - { at: onprem, masquerade: [lan], over: internet }\n"))
  }

  @Test("What is forwarded to a part of a network only is not granted, and said")
  func forwardedInPart() throws {
    let imported = try Self.routed(
      rules: [
        Rules.rule(
          [Rules.source("10.13.13.0/24"), Rules.destination("192.168.1.20"), Rules.port(5432)], .accept)
      ], six: [])
    #expect(imported.grants == [])
    #expect(imported.remarks.contains { $0.kind == .forwarded && $0.what.contains("postgres") })
  }

  @Test("Without rules what is forwarded is granted, and containers are not named")
  func forwardsAll() throws {
    let imported = try Self.routed(policy: .accept, rules: [])
    #expect(imported.grants.allSatisfy { $0.services == ["any"] })
    #expect(Self.lines(imported).contains { $0.contains("onprem.internet") && $0.hasSuffix("from: lan }") })
    #expect(imported.grants.allSatisfy { !$0.from.contains("containers") })
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import PolicyAnalysis
import Reports
import Ruleset
import Testing

@testable import HostAnalysis
@testable import OutboundAnalysis

@Suite struct OutboundConnectionTests {
  typealias Fixture = OutboundFixture

  private static let allow = ["{ to: internet, services: [https], from: onprem }"]

  @Test func `a connection that no grant allows is a finding, with the line that would allow it`() throws {
    let view = try Fixture.site(confine: ["onprem"], allow: Self.allow)
    let outbound = try Fixture.outbound(
      view,
      opened: [
        Fixture.connection("198.51.100.7", "198.51.100.66", 443),
        Fixture.connection("198.51.100.7", "203.0.113.9", 25, process: "exim", pid: 9),
      ])
    #expect(outbound.connections.map(\.process?.name) == ["curl", "exim"])
    #expect(outbound.connections.map(\.isRefused) == [false, true])
    #expect(outbound.connections[0].now.standing == .granted)
    #expect(outbound.connections[0].now.because == "policy.yaml:17")
    #expect(outbound.connections[0].receiver == "internet" && outbound.connections[0].service == "https")
    let finding = try #require(outbound.findings(view).first)
    #expect(outbound.findings(view).count == 1)
    #expect(finding.check == .outbound && finding.severity == .warning)
    #expect(finding.subject == "exim to 203.0.113.9:25/tcp")
    #expect(
      finding.found.contains("exim is connected to 203.0.113.9:25/tcp (smtp), which the policy refuses"))
    #expect(finding.found.contains("policy.yaml:14 confine: no grant lets onprem send it"))
    #expect(
      finding.fix
        == "end the connection, or grant it: - { to: 203.0.113.9, services: [25/tcp], from: onprem }")
  }

  @Test func `IPv6 connections are judged alike`() throws {
    let view = try Fixture.site(confine: ["onprem"], allow: Self.allow)
    let outbound = try Fixture.outbound(
      view,
      opened: [
        Fixture.connection("2001:db8:198::7", "2001:db8:9::1", 443),
        Fixture.connection("2001:db8:198::7", "2001:db8:9::1", 53, .udp),
        Fixture.connection("fd13:13::2", "fd13:13::1", 9100),
      ])
    #expect(
      outbound.connections.map { "\($0.target) \($0.isRefused) \($0.receiver ?? "")" } == [
        "[2001:db8:9::1]:443/tcp false internet", "[fd13:13::1]:9100/tcp true ec2",
        "[2001:db8:9::1]:53/udp true internet",
      ])
    let fixes = outbound.findings(view).map(\.fix)
    #expect(fixes.contains { $0.hasSuffix("- { to: ec2, services: [9100/tcp], from: onprem }") }, "\(fixes)")
  }

  @Test func `without confine no connection is a finding`() throws {
    let view = try Fixture.site()
    let outbound = try Fixture.outbound(
      view, opened: [Fixture.connection("198.51.100.7", "203.0.113.9", 25)])
    #expect(outbound.connections.count == 1 && outbound.findings(view).isEmpty)
    #expect(outbound.findings(nil).isEmpty)
  }

  @Test func `before the policy is loaded, its verdict is another one than that of the rules`() throws {
    let view = try Fixture.site(confine: ["onprem"])
    let outbound = try Fixture.outbound(
      view, tables: [], opened: [Fixture.connection("198.51.100.7", "203.0.113.9", 25)])
    let connection = try #require(outbound.connections.first)
    #expect(connection.now.verdict == .accept && connection.policy?.verdict == .reject)
    #expect(outbound.findings(view).count == 1)
  }

  @Test func `in observe mode a connection that would be refused is a finding`() throws {
    let view = try Fixture.site(confine: ["onprem"], observe: "observe: [onprem]")
    let outbound = try Fixture.outbound(
      view, opened: [Fixture.connection("198.51.100.7", "203.0.113.9", 25)])
    #expect(outbound.findings(view).count == 1)
  }

  @Test func `connections of one program to one port are counted together`() throws {
    let view = try Fixture.site(confine: ["onprem"])
    let outbound = try Fixture.outbound(
      view,
      opened: (0..<5).map {
        try Fixture.connection("198.51.100.7", "203.0.113.9", 443, from: 45_000 + $0, pid: 900 + Int32($0))
      } + [try Fixture.connection("198.51.100.7", "203.0.113.9", 443, process: "wget", from: 46_000)])
    #expect(outbound.connections.map(\.count) == [5, 1])
    // Two runs of a program are one finding, whatever their process ids.
    #expect(
      outbound.findings(view).map(\.subject).sorted() == [
        "curl to 203.0.113.9:443/tcp", "wget to 203.0.113.9:443/tcp",
      ])
  }

  @Test func `a container's connection is judged where it arrives`() throws {
    let view = try Fixture.site(
      confine: ["onprem.containers"], allow: ["{ to: internet, services: [https], from: onprem.containers }"])
    let shop = try Fixture.container(
      "shop", ["172.17.0.2/16", "fd17::2/64"], on: "docker0", identity: 2,
      opened: [
        Fixture.connection("172.17.0.2", "203.0.113.9", 443, process: "node"),
        Fixture.connection("172.17.0.2", "203.0.113.9", 25, process: "node"),
        // To the host and to another container: they do not leave this machine.
        Fixture.connection("172.17.0.2", "172.17.0.1", 5432, process: "node"),
        Fixture.connection("172.17.0.2", "172.17.0.3", 80, process: "node"),
      ])
    let db = try Fixture.container("db", ["172.17.0.3/16"], on: "docker0", identity: 3)
    let outbound = try Fixture.outbound(view, others: [shop, db])
    #expect(outbound.connections.map(\.port) == [25, 443])
    #expect(outbound.connections.map(\.isRefused) == [true, false])
    #expect(outbound.connections.allSatisfy { $0.container?.name == "shop" })
    let finding = try #require(outbound.findings(view).first)
    #expect(finding.subject == "node in container shop to 203.0.113.9:25/tcp")
    #expect(finding.fix.contains("from: onprem.containers"))
  }

  @Test func `the connection of a container that bypasses the rules is never refused`() throws {
    let view = try Fixture.site(confine: ["onprem.containers"])
    let lone = try Fixture.container(
      "lone", ["192.168.1.9/24"], on: "enp5s0", identity: 5, kind: "macvlan",
      opened: [Fixture.connection("192.168.1.9", "203.0.113.9", 25)])
    let outbound = try Fixture.outbound(view, others: [lone])
    #expect(outbound.connections.map(\.now.because) == ["bypasses the host's rules"])
    #expect(outbound.findings(view).isEmpty)
  }

  @Test func `connections to this machine and of namespaces that are not those of guests are left out`()
    throws
  {
    let view = try Fixture.site(confine: ["onprem", "onprem.containers"])
    let outbound = try Fixture.outbound(
      view,
      opened: [
        Fixture.connection("172.17.0.1", "172.17.0.2", 5432),
        Fixture.connection("127.0.0.1", "127.0.0.1", 80),
        Fixture.connection("198.51.100.7", "10.13.13.2", 22),
      ],
      others: [
        Fixture.container(
          "beside", ["192.168.1.9/24"], on: "enp5s0", identity: 5,
          opened: [Fixture.connection("192.168.1.9", "203.0.113.9", 25)])
      ])
    #expect(outbound.connections.isEmpty, "\(outbound.connections)")
  }

  @Test func `process names with control characters stay on their line`() throws {
    let view = try Fixture.site(confine: ["onprem"])
    let name = "a\u{1b}[2J\n\u{202e}b"
    let outbound = try Fixture.outbound(
      view, opened: [Fixture.connection("198.51.100.7", "203.0.113.9", 25, process: name)])
    let report = AuditReport(
      machine: "onprem", policy: nil, drift: .none, audit: Audit(exposures: []), outbound: outbound,
      findings: outbound.findings(view), temporaryGrants: [], notes: [])
    for text in [report.text.description, report.json, report.sarif, report.page(at: 0)] {
      #expect(!text.contains("\u{1b}") && !text.contains("\u{202e}"))
    }
    let lines = report.text.description.split(separator: "\n")
    #expect(lines.contains { $0.contains("a\\u{1b}[2J\\u{a}\\u{202e}b[812]") }, "\(lines)")
  }
}

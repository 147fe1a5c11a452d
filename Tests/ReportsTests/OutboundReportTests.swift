// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
@testable import HostAnalysis
import NetworkModel
import OutboundAnalysis
import PacketWalk
import Testing

@testable import Reports

/// What a host sends, as text and as JSON.
@Suite struct OutboundReportTests {
  private static func report(_ outbound: Outbound) -> AuditReport {
    AuditReport(
      machine: "onprem",
      policy: AuditPage.PolicyName(path: "/etc/wgfence/policy.yaml", digest: "3f9a1c07d2b84e65"),
      drift: .none, audit: Audit(exposures: []), outbound: outbound, findings: [], temporaryGrants: [],
      notes: [])
  }

  @Test func `the text says for each sender how much it may send, and lists the rest`() {
    let text = Self.report(AuditedSites.outbound).text.description
    let wanted = """

      Outbound traffic
        onprem, with the containers on its network: exporter
          may send only (confine: line 24):
            TO                SERVICES            BY    BECAUSE
            internet          https, ntp          eth0  line 45
            198.51.100.53,    dns, 6000-6010/udp  eth0  line 46
            2001:db8:198::53
            ec2, laptop-eric  prometheus          wg0   line 47
        containers on docker0, br-5e1f0a: shop-web-1, minio, db, cache, queue,
            worker-1 and 1 more
          may send everything, except (confine: line 25 towards 169.254.169.254,
            fd00:ec2::254):
            TO                SERVICES  BY    BECAUSE
            169.254.169.254,  any       eth0  line 25
            fd00:ec2::254
        scanner
          may send everything: no rule of this host sees what leaves by its own
            interface on enp5s0

      Connections to other hosts
        WHO          TO             SERVICE      VERDICT  BECAUSE
        curl[812]    203.0.113.9    25/tcp smtp  REFUSED  line 24
                     internet
        chronyd (3)  203.0.113.123  123/udp ntp  accept   line 45
                     internet
      """
    #expect(text.contains(wanted), "\(text)")
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(text)")
  }

  @Test func `long lists are collapsed`() {
    let names = (0..<400).map { "machine-\($0)-of-the-site" }
    guard let wg0 = InterfaceName("wg0") else { return }
    let granted = OutboundJudgement(verdict: .accept, because: "p:1", reason: "", standing: .granted)
    let sender = OutboundSender(
      kind: .host, scope: .listed,
      allowed: [
        OutboundSender.Reach(
          to: names, families: [.ipv4], services: names, interface: wg0, zone: "wg0", judgement: granted)
      ])
    let connections = (0..<90).map {
      OutboundConnection(
        process: nil, transport: .tcp, destination: AuditedSites.v4(192, 0, 2, UInt8($0)), port: 443,
        now: granted)
    }
    let text = Self.report(Outbound(senders: [sender], connections: connections)).text.description
    #expect(
      text.contains("and 394 more") && text.contains("and 396 more") && text.contains("  and 70 more\n"))
    #expect(text.split(separator: "\n").count < 50)
    // JSON has all of them.
    let json = Self.report(Outbound(senders: [sender], connections: connections)).json
    #expect(json.ranges(of: "\"machine-399-of-the-site\"").count == 2)
    #expect(json.ranges(of: "\"destination\"").count == 90)
  }

  @Test func `an empty list is said`() {
    let sender = OutboundSender(kind: .host, scope: .listed)
    let text = Self.report(Outbound(senders: [sender])).text.description
    #expect(text.contains("  onprem\n    may send nothing to other hosts\n"))
    #expect(!Self.report(.nothing).text.description.contains("Outbound"))
  }

  @Test func `the JSON has senders and connections`() {
    let json = Self.report(AuditedSites.outbound).json
    for text in [
      "\"kind\": \"host\"", "\"scope\": \"listed\"", "\"line\": \"/etc/wgfence/policy.yaml:24\"",
      "\"towards\": null", "\"169.254.169.254\"", "\"kind\": \"bypassing\"", "\"process\": \"curl\"",
      "\"refused\": true", "\"by_policy\": {", "\"receiver\": \"internet\"", "\"6000-6010/udp\"",
      "\"count\": 3",
    ] { #expect(json.contains(text), "\(text)") }
    #expect(Self.report(.nothing).json.contains("\"outbound\": {"))
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import Reports
package import PacketWalk

internal import PolicyAnalysis
package import HostAnalysis
internal import OutboundAnalysis

/// Audits as values, for tests of the page.
package enum AuditedSites {
  /// A page with these parts, and a fixed time.
  package static func page(
    _ sides: [AuditPage.Side], _ exposures: [Exposure], _ findings: [AuditFinding] = []
  )
    -> AuditPage
  {
    AuditPage(
      machine: "onprem",
      policy: AuditPage.PolicyName(path: "/etc/wgfence/policy.yaml", digest: "3f9a1c07d2b84e65"),
      drift: .none, sides: sides, exposures: exposures, findings: findings, temporaryGrants: [], notes: [],
      time: 1_795_546_601, version: "0.1.0")
  }

  package static func zone(_ name: String, _ kind: Ingress.Kind) -> AuditPage.Side {
    AuditPage.Side(name: name, kind: kind, origin: .zone)
  }

  package static func reach(
    _ zone: String, _ from: [String], _ verdict: TraceVerdict, _ because: String, _ reason: String = "",
    standing: Exposure.Standing = .unjudged
  ) -> Exposure.Reach {
    Exposure.Reach(
      zone: zone, from: from, verdict: verdict, because: because, reason: reason, standing: standing)
  }

  package static func listener(
    _ port: UInt16, _ process: String? = nil, pid: Int32 = 0, unit: String? = nil, container: String? = nil,
    address: IPAddress = IPAddress(family: .ipv4, bits: 0), transport: IPProtocol = .tcp
  ) -> Listener {
    let process = process.map {
      ProcessIdentity(pid: pid, name: $0, userID: 0, unit: unit, container: container)
    }
    return Listener(
      protocol: transport, address: address, port: port, process: process,
      inode: process == nil ? 0 : UInt32(port))
  }

  package static func v4(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) -> IPAddress {
    IPAddress(
      family: .ipv4, bits: [a, b, c, d].reduce(UInt128(0)) { $0 << 8 | UInt128($1) })
  }

  // MARK: Large sites

  /// A page with this number of sides and services. Each side reaches each service with one of the four kinds of
  /// flow, or not at all.
  package static func large(zones: Int, services: Int) -> AuditPage {
    let sides = (0..<zones).map { zone("zone-\($0)-of-the-site", $0 % 3 == 0 ? .tunnel : .network) }
    var exposures: [Exposure] = []
    for service in 0..<services {
      var reachable: [Exposure.Reach] = []
      for number in 0..<zones { reachable += reaches(sides[number], service: service, number) }
      let listener = listener(
        UInt16(1000 + service), "service-\(service)", pid: Int32(100 + service),
        unit: "service-\(service).service")
      exposures.append(
        Exposure(
          listener: listener, place: service % 3 == 1 ? .named("space-\(service)") : .host,
          service: "service-\(service)", reachable: reachable))
    }
    return page(sides, exposures)
  }

  private static func reaches(_ side: AuditPage.Side, service: Int, _ number: Int) -> [Exposure.Reach] {
    let name = side.name
    switch (service + number) % 5 {
    case 0: return [reach(name, ["anyone"], .drop, "built in", "no grant lets it in from zone \(name)")]
    case 1:
      return [
        reach(name, ["laptop-eric", "laptop-ryan"], .accept, "policy.yaml:31", standing: .granted),
        reach(name, ["anyone"], .drop, "built in"),
      ]
    case 2: return [reach(name, ["anyone"], .accept, "policy.yaml:\(40 + number)", standing: .granted)]
    case 3:
      let standing: Exposure.Standing = side.kind == .tunnel ? .unjudged : .ungranted
      return [reach(name, ["anyone"], .accept, "no rule matched; default accept", standing: standing)]
    default: return [reach(name, ["anyone"], .undetermined, "ip filter INPUT rule 3")]
    }
  }

  /// Texts that a browser would execute or interpret if they were not escaped.
  package static let hostile = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onload='alert(1)",
    "</title></svg></style>",
    "&lt;i&gt;", "<!--", "\u{202e}txt.exe\u{1b}[2J\n",
  ]

  private static func hostileOutbound(_ container: ContainerIdentity) -> Outbound {
    let process = ProcessIdentity(
      pid: 7, name: hostile[6], userID: 0, unit: hostile[0], container: hostile[1])
    let interfaces = [InterfaceName("eth0")].compactMap { $0 }
    let judgement = OutboundJudgement(
      verdict: .reject, because: hostile[0], reason: hostile[1], standing: .unjudged)
    return Outbound(
      senders: interfaces.map { interface in
        OutboundSender(
          kind: .containers, interfaces: interfaces, guests: hostile,
          confinements: [.init(place: hostile[0], towards: nil)], scope: .everything,
          refused: [
            OutboundSender.Reach(
              to: hostile, families: [.ipv4], services: hostile, interface: interface, zone: hostile[0],
              judgement: judgement)
          ])
      },
      connections: [nil, container].map { container in
        OutboundConnection(
          process: process, place: .named(hostile[0]), container: container, transport: .tcp,
          destination: v4(192, 0, 2, 1), port: 443, receiver: hostile[1], service: hostile[2], now: judgement,
          policy: judgement, advice: hostile[3])
      })
  }

  /// A page on which every text from outside is one of `hostile`.
  package static func hostilePage() -> AuditPage {
    let container = ContainerIdentity(
      id: "0", name: hostile[0], image: hostile[1], composeProject: hostile[2], composeService: hostile[3],
      swarmService: hostile[6])
    let exposures = hostile.enumerated().map { index, text -> Exposure in
      let reach = reach(text, [text, text], .accept, text, text, standing: .ungranted)
      return Exposure(
        listener: listener(UInt16(80 + index), text, pid: 7, unit: text),
        place: index % 2 == 0 ? .named(text) : .host, container: index == 3 ? container : nil, service: text,
        reachable: [reach])
    }
    var page = page(
      hostile.map { zone($0, .network) }, exposures,
      hostile.map {
        AuditFinding(check: .exposed, severity: .error, subject: $0, found: $0, fix: $0)
      })
    page.machine = hostile[0]
    page.policy = AuditPage.PolicyName(path: hostile[1], digest: hostile[2])
    page.temporaryGrants = hostile
    page.notes = hostile
    page.version = hostile[0]
    page.outbound = hostileOutbound(container)
    return page
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
package import OutboundAnalysis
internal import PacketWalk

extension AuditedSites {
  /// What the research machine sends: it is confined, its containers only towards one address.
  package static var outbound: Outbound {
    let file = "/etc/wgfence/policy.yaml"
    func name(_ text: String) -> [InterfaceName] { [InterfaceName(text)].compactMap { $0 } }
    func granted(_ line: Int, _ reason: String) -> OutboundJudgement {
      OutboundJudgement(verdict: .accept, because: "\(file):\(line)", reason: reason, standing: .granted)
    }
    func refused(_ line: Int, _ sender: String) -> OutboundJudgement {
      OutboundJudgement(
        verdict: .reject, because: "\(file):\(line)", reason: "confine: no grant lets \(sender) send it",
        standing: .unjudged)
    }
    func reach(
      _ to: [String], _ services: [String], _ interface: String, _ zone: String,
      _ judgement: OutboundJudgement
    ) -> [OutboundSender.Reach] {
      name(interface).map {
        OutboundSender.Reach(
          to: to, families: AddressFamily.allCases, services: services, interface: $0, zone: zone,
          judgement: judgement)
      }
    }
    let host = OutboundSender(
      kind: .host, guests: ["exporter"], confinements: [.init(place: "\(file):24", towards: nil)],
      scope: .listed,
      allowed: reach(
        ["internet"], ["https", "ntp"], "eth0", "internet", granted(45, "https ntp from onprem"))
        + reach(
          ["198.51.100.53", "2001:db8:198::53"], ["dns", "6000-6010/udp"], "eth0", "internet",
          granted(46, "dns from onprem: our name server"))
        + reach(["ec2", "laptop-eric"], ["prometheus"], "wg0", "wg0", granted(47, "prometheus from onprem")))
    let metadata = [Prefix("169.254.169.254/32"), Prefix("fd00:ec2::254/128")].compactMap { $0 }
    let containers = OutboundSender(
      kind: .containers, interfaces: name("docker0") + name("br-5e1f0a"),
      guests: ["shop-web-1", "minio", "db", "cache", "queue", "worker-1", "worker-2"],
      confinements: [.init(place: "\(file):25", towards: metadata)], scope: .everything,
      refused: reach(
        ["169.254.169.254", "fd00:ec2::254"], ["any"], "eth0", "internet", refused(25, "onprem.containers")))
    let direct = OutboundSender(
      kind: .bypassing, interfaces: name("enp5s0"), guests: ["scanner"], scope: .everything)
    let curl = ProcessIdentity(pid: 812, name: "curl", userID: 1000, unit: nil, container: nil)
    let chrony = ProcessIdentity(pid: 377, name: "chronyd", userID: 0, unit: "chrony.service", container: nil)
    return Outbound(
      senders: [host, containers, direct],
      connections: [
        OutboundConnection(
          process: chrony, transport: .udp, destination: v4(203, 0, 113, 123), port: 123,
          receiver: "internet", service: "ntp", count: 3, now: granted(45, "https ntp from onprem"),
          policy: granted(45, "https ntp from onprem")),
        OutboundConnection(
          process: curl, transport: .tcp, destination: v4(203, 0, 113, 9), port: 25, receiver: "internet",
          service: "smtp", now: refused(24, "onprem"), policy: refused(24, "onprem")),
      ])
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
package import Reports
internal import Ruleset

internal import PolicyAnalysis
internal import HostAnalysis
internal import PacketWalk

extension AuditedSites {
  /// The page of a research machine with a tunnel, a network, the internet and containers.
  package static var research: AuditPage {
    var exposures: [Exposure] = []
    let file = "/etc/wgfence/policy.yaml"
    let admins = ["laptop-eric", "laptop-ryan"]
    func closed(_ zones: [String]) -> [Exposure.Reach] {
      zones.map { reach($0, ["anyone"], .drop, "built in", "no grant lets it in from zone \($0)") }
    }
    func granted(
      _ from: [String], _ line: Int, _ name: String,
      closed zones: [String] = ["lan", "internet", "containers"]
    ) -> [Exposure.Reach] {
      [reach("wg0", from, .accept, "\(file):\(line)", name, standing: .granted)]
        + (from.contains("ec2")
          ? []
          : [reach("wg0", ["ec2"], .drop, "built in", "no grant lets it in from zone wg0")])
        + closed(zones)
    }
    func add(
      _ port: UInt16, _ service: String?, _ process: String?, _ pid: Int32 = 0, _ unit: String? = nil,
      address: IPAddress = IPAddress(family: .ipv4, bits: 0), transport: IPProtocol = .tcp,
      container: ContainerIdentity? = nil, published: PublishedTarget? = nil, reachable: [Exposure.Reach]
    ) {
      exposures.append(
        Exposure(
          listener: listener(
            port, process, pid: pid, unit: unit, container: container?.id, address: address,
            transport: transport),
          published: published, container: container, service: service, reachable: reachable))
    }
    let web = ContainerIdentity(
      id: String(repeating: "7c", count: 32), name: "shop-web-1", image: "nginx:1.27", composeProject: "shop",
      composeService: "web")
    let minio = ContainerIdentity(
      id: String(repeating: "e1", count: 32), name: "minio", image: "minio/minio:latest")
    let loopback = v4(127, 0, 0, 1)
    let zones = ["lan", "internet", "containers"]
    add(
      22, "ssh", "sshd", 611, "ssh.service", reachable: granted(admins, 58, "ssh, failsafe"))
    add(
      53, "dns", "systemd-resolve", 402, "systemd-resolved.service", address: v4(127, 0, 0, 53), reachable: []
    )
    add(
      2049, "nfs", nil,
      reachable: [
        reach(
          "wg0", ["ec2", "laptop-eric", "laptop-ryan"], .drop, "built in", "no grant lets it in from zone wg0"
        ),
        reach("lan", ["anyone"], .accept, "\(file):37", "nfs", standing: .granted),
      ] + closed(["internet", "containers"]))
    add(3000, "grafana", "grafana", 1204, "grafana-server.service", reachable: granted(admins, 35, "grafana"))
    add(
      5432, "postgres", "postgres", 812, "postgresql@15-main.service", address: v4(10, 13, 13, 2),
      reachable: [
        reach("wg0", admins, .accept, "\(file):35", "postgres", standing: .granted),
        reach(
          "wg0", ["ec2"], .accept, "\(file):36", "postgres: The API reads its data here", standing: .granted),
      ] + closed(zones))
    add(6379, "redis", "redis-server", 733, "redis-server.service", address: loopback, reachable: [])
    add(
      8888, "jupyter", "jupyter-lab", 1544, "jupyter.service", reachable: granted(admins, 35, "jupyter"))
    add(
      9090, "prometheus", "prometheus", 1187, "prometheus.service",
      reachable: granted(admins, 35, "prometheus"))
    add(
      9100, "node-exporter", "node_exporter", 1190, "prometheus-node-exporter.service",
      reachable: [
        reach("wg0", ["ec2"] + admins, .accept, "\(file):41", "node-exporter", standing: .granted),
        reach("containers", ["anyone"], .accept, "\(file):42", "node-exporter", standing: .granted),
      ] + closed(["lan", "internet"]))
    add(25, "smtp", "master", 954, "postfix@-.service", address: loopback, reachable: [])
    add(
      51820, nil, nil, transport: .udp,
      reachable: [
        reach(
          "wg0", ["ec2", "laptop-eric", "laptop-ryan"], .accept, "built in", "WireGuard", standing: .granted)
      ]
        + zones.map { reach($0, ["anyone"], .accept, "built in", "WireGuard", standing: .granted) })
    add(
      8080, "http-alt", nil, container: web,
      published: PublishedTarget(address: v4(172, 17, 0, 2), port: 80, place: .container(web)),
      reachable: [
        reach(
          "wg0", ["ec2", "laptop-eric", "laptop-ryan"], .accept, "ip nat DOCKER rule 2",
          "forwarded to 172.17.0.2 port 80"),
        reach(
          "lan", ["anyone"], .accept, "ip nat DOCKER rule 2", "forwarded to 172.17.0.2 port 80",
          standing: .ungranted),
        reach(
          "internet", ["anyone"], .accept, "ip nat DOCKER rule 2", "forwarded to 172.17.0.2 port 80",
          standing: .ungranted),
      ])
    add(
      9000, "portainer", nil, container: minio,
      published: PublishedTarget(address: v4(172, 17, 0, 3), port: 9000, place: .container(minio)),
      reachable: [
        reach("wg0", admins, .accept, "\(file):35", "portainer", standing: .granted),
        reach("lan", ["anyone"], .undetermined, "ip filter DOCKER-USER rule 1", "xt match geoip"),
      ] + closed(["internet"]))
    var page = page(
      [
        zone("wg0", .tunnel), zone("lan", .network), zone("internet", .network),
        zone("containers", .containers),
      ], exposures,
      [
        AuditFinding(
          check: .exposed, severity: .error, subject: "0.0.0.0:8080/tcp",
          found:
            "0.0.0.0:8080/tcp (http-alt, container shop-web-1) is reached from lan (anyone) and internet (anyone): "
            + "ip nat DOCKER rule 2: forwarded to 172.17.0.2 port 80",
          fix:
            "bind it to another address, stop it, or grant it: - { to: onprem, services: [8080/tcp], "
            + "from: [lan, internet] }"
        ),
        AuditFinding(
          check: .undetermined, severity: .warning, subject: "0.0.0.0:9000/tcp",
          found:
            "whether 0.0.0.0:9000/tcp (portainer, container minio) is reached from lan depends on a "
            + "rule wgfence cannot evaluate: ip filter DOCKER-USER rule 1",
          fix: "run wgfence explain --live, and check that rule yourself"),
        AuditFinding(
          check: .wildcard, severity: .information, subject: "8888/tcp of jupyter-lab",
          found: "jupyter-lab listens on every address for 8888/tcp, but only wg0 may reach it",
          fix: "bind it to 10.13.13.2, fd13:13::2 only: it is then closed even without the firewall"),
      ])
    page.temporaryGrants = ["postgres in lan from 192.168.1.40/32 for 12 min more; eric: the migration"]
    page.outbound = outbound
    page.notes = ["chains that were not evaluated and may drop packets: bridge l2"]
    return page
  }
}

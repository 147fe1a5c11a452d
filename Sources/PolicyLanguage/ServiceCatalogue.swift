// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The built-in services, which every policy can use by name. To add one, add a line. A policy can redefine a
/// name.
public enum ServiceCatalogue {
  /// The built-in services, by name.
  public static let services: [Service] = lines.map { Service(name: $0.name, ports: $0.ports.sorted()) }
    .sorted { $0.name < $1.name }

  private static let byName = Dictionary(services.map { ($0.name, $0) }) { first, _ in first }

  /// The built-in service of this name.
  public static func service(named name: String) -> Service? { byName[name] }

  private static let lines: [(name: String, ports: [ServicePort])] = [
    ("ping", [.echoRequest]),
    ("ssh", tcp(22)),
    ("web", tcp(80, 443) + udp(443)),
    ("http", tcp(80)),
    ("https", tcp(443) + udp(443)),
    ("dns", tcp(53) + udp(53)),
    ("dns-over-tls", tcp(853)),
    ("dot", tcp(853)),
    ("quic", udp(443)),
    ("ntp", udp(123)),
    ("dhcp", udp(67)),
    ("dhcpv6", udp(547)),
    ("tftp", udp(69)),
    ("mdns", udp(5353)),
    ("ssdp", udp(1900)),
    ("wsd", tcp(5357) + udp(3702)),
    ("igmp", [.protocol(IPProtocol(number: 2))]),
    ("vrrp", [.protocol(IPProtocol(number: 112))]),
    ("wireguard", udp(51820)),
    ("openvpn", tcp(1194) + udp(1194)),
    ("ipsec", udp(500, 4500) + [.protocol(.esp)]),
    ("smtp", tcp(25)),
    ("submission", tcp(465, 587)),
    ("imap", tcp(143, 993)),
    ("pop3", tcp(110, 995)),
    ("ldap", tcp(389) + udp(389)),
    ("ldaps", tcp(636)),
    ("kerberos", tcp(88) + udp(88)),
    ("ftp", tcp(21)),
    ("rsync", tcp(873)),
    ("nfs", tcp(2049)),
    ("nfs3", tcp(111, 2049, 20048) + udp(111, 2049, 20048)),
    ("samba", tcp(139, 445) + udp(137, 138)),
    ("smb", tcp(445)),
    ("iscsi", tcp(3260)),
    ("printing", tcp(631, 9100)),
    ("syslog", tcp(514) + udp(514)),
    ("snmp", udp(161)),
    ("vnc", tcp(5900)),
    ("rdp", tcp(3389) + udp(3389)),
    ("mosh", udp(60000...61000)),
    ("postgres", tcp(5432)),
    ("mysql", tcp(3306)),
    ("mariadb", tcp(3306)),
    ("mssql", tcp(1433)),
    ("mongodb", tcp(27017)),
    ("redis", tcp(6379)),
    ("memcached", tcp(11211)),
    ("clickhouse", tcp(8123, 9000)),
    ("influxdb", tcp(8086)),
    ("elasticsearch", tcp(9200, 9300)),
    ("opensearch", tcp(9200, 9300)),
    ("cassandra", tcp(7000, 7001, 9042)),
    ("couchdb", tcp(5984)),
    ("kafka", tcp(9092)),
    ("rabbitmq", tcp(5671, 5672)),
    ("nats", tcp(4222)),
    ("mosquitto", tcp(1883, 8883)),
    ("minio", tcp(9000, 9001)),
    ("jupyter", tcp(8888)),
    ("prometheus", tcp(9090)),
    ("pushgateway", tcp(9091)),
    ("alertmanager", tcp(9093)),
    ("node-exporter", tcp(9100)),
    ("blackbox-exporter", tcp(9115)),
    ("postgres-exporter", tcp(9187)),
    ("cadvisor", tcp(8080)),
    ("grafana", tcp(3000)),
    ("loki", tcp(3100)),
    ("tempo", tcp(3200)),
    ("otlp", tcp(4317, 4318)),
    ("zabbix-agent", tcp(10050)),
    ("graphite", tcp(2003)),
    ("statsd", udp(8125)),
    ("kibana", tcp(5601)),
    ("traefik", tcp(80, 443, 8080) + udp(443)),
    ("docker-api", tcp(2376)),
    ("docker-registry", tcp(5000)),
    ("docker-swarm", tcp(2377, 7946) + udp(4789, 7946) + [.protocol(.esp)]),
    ("portainer", tcp(9000, 9443)),
    ("k8s-api", tcp(6443)),
    ("kubelet", tcp(10250)),
    ("etcd", tcp(2379, 2380)),
    ("consul", tcp(8300, 8301, 8302, 8500, 8600) + udp(8301, 8302, 8600)),
    ("nomad", tcp(4646, 4647, 4648) + udp(4648)),
    ("vault", tcp(8200)),
    ("git", tcp(9418)),
    ("gitea", tcp(3000)),
    ("jenkins", tcp(8080)),
    ("proxmox", tcp(8006)),
    ("cockpit", tcp(9090)),
    ("squid", tcp(3128)),
    ("socks", tcp(1080)),
    ("sip", tcp(5060, 5061) + udp(5060)),
    ("stun", tcp(3478) + udp(3478)),
    ("syncthing", tcp(22000) + udp(22000)),
    ("jellyfin", tcp(8096)),
    ("home-assistant", tcp(8123)),
    ("ollama", tcp(11434)),
    ("bgp", tcp(179)),
    ("ospf", [.protocol(IPProtocol(number: 89))]),
  ]

  private static func tcp(_ ports: UInt16...) -> [ServicePort] { ports.compactMap { port(.tcp, $0) } }
  private static func udp(_ ports: UInt16...) -> [ServicePort] { ports.compactMap { port(.udp, $0) } }

  private static func udp(_ ports: ClosedRange<UInt16>) -> [ServicePort] {
    PortRange(ports.lowerBound, ports.upperBound).map { [.ports(.udp, $0)] } ?? []
  }

  private static func port(_ number: IPProtocol, _ port: UInt16) -> ServicePort? {
    PortRange(port).map { .ports(number, $0) }
  }
}

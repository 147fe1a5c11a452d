// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// One part of a host of a test. Parts are built in the order of their cases; one whose interface does not exist is left
/// out, so any part can be removed from a host.
public enum HostPart: Sendable, Hashable {
  /// A network card.
  case card(InterfaceName)
  /// A device with the link type NONE, as WireGuard has.
  case tunnel(InterfaceName)
  case bridge(InterfaceName)
  /// An interface in a bridge, with a guest or a network behind it.
  case port(InterfaceName, of: InterfaceName, Behind)
  case address(InterfaceName, InterfaceAddress)
  /// An address that a DHCP server gave.
  case lease(InterfaceName, InterfaceAddress)
  /// A route; without a gateway its destinations are on the link.
  case route(Prefix, by: IPAddress?, InterfaceName)
  /// Everything without this mark is routed into a tunnel, except what has a route of its own: as wg-quick(8) does.
  case unmarked(InterfaceName, mark: UInt32)
  /// Sources are checked by the routes back to them (`rp_filter`).
  case reversePath
  /// The host forwards no packets of this family.
  case noForwarding(AddressFamily)
  /// A UDP server; without an address on all.
  case server(port: UInt16, at: IPAddress?)
  case group(InterfaceName, IPAddress)
  case session(client: IPAddress, server: IPAddress)
  /// WireGuard of a tunnel.
  case device(InterfaceName, port: UInt16, mark: UInt32, peers: [WireGuardEndpoint])
  case nameServer(IPAddress)
  case timeServer(IPAddress)
  /// Bridged frames pass the rules.
  case bridgedFrames
  /// A table of another program, in the syntax of nft.
  case table(String)

  /// What is behind the port of a bridge.
  public enum Behind: Sendable, Hashable {
    case guest
    case network
  }

  /// Its place in the order.
  var stage: Int {
    switch self {
    case .noForwarding, .bridgedFrames, .reversePath: 0
    case .card, .tunnel, .bridge: 1
    case .port: 2
    case .address, .lease: 3
    case .route, .unmarked: 4
    case .server, .group, .session, .device, .nameServer, .timeServer: 5
    case .table: 6
    }
  }
}

extension HostPart: CustomStringConvertible {
  /// The command that makes it, or the fact that it is.
  public var description: String {
    switch self {
    case .card(let name): "ip tuntap add \(name) mode tap; ip link set \(name) arp off up"
    case .tunnel(let name): "ip tuntap add \(name) mode tun; ip link set \(name) up"
    case .bridge(let name): "ip link add \(name) type bridge; ip link set \(name) up"
    case .port(let name, let bridge, let behind):
      "ip tuntap add \(name) mode tap; ip link set \(name) master \(bridge) up   # \(behind)"
    case .address(let name, let address): "ip address add \(address) dev \(name) nodad"
    case .lease(let name, let address): "ip address add \(address) dev \(name) valid_lft 3600"
    case .route(let prefix, let gateway, let name):
      "ip route add \(prefix)\(gateway.map { " via \($0)" } ?? "") dev \(name)"
    case .unmarked(let name, let mark):
      "ip route add default dev \(name) table 51820; ip rule add not fwmark \(mark) table 51820; "
        + "ip rule add table main suppress_prefixlength 0   # and with ip -6"
    case .reversePath: "sysctl net.ipv4.conf.all.rp_filter=1"
    case .noForwarding(let family): "# no forwarding of \(family)"
    case .server(let port, let address): "# UDP server at \(address.map(\.description) ?? "*") port \(port)"
    case .group(let name, let group): "# joined \(group) on \(name)"
    case .session(let client, let server): "# session from \(client) to \(server) port 22"
    case .device(let name, let port, let mark, let peers):
      "# WireGuard \(name) port \(port) mark \(mark) peers \(peers)"
    case .nameServer(let address): "# name server \(address)"
    case .timeServer(let address): "# time server \(address)"
    case .bridgedFrames: "sysctl net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1"
    case .table(let text): "nft -f - <<'NFT'\n\(text)\nNFT"
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// What a policy file says, with every name resolved, every group and composite service unfolded, and everything
/// checked: a value of this type cannot be invalid. Only the decoder makes one.
///
/// Every collection is in a fixed order (by name, or as written where the order has a meaning), so two files that differ
/// in the order of map keys alone give equal values but for locations.
public struct Policy: Sendable {
  /// The file as it was named by the caller.
  public let path: String
  /// The tunnels, by name.
  public let tunnels: [Tunnel]
  /// The machines, by name.
  public let machines: [Machine]
  /// The groups, by name, each unfolded to machines.
  public let groups: [Group]
  /// Every service that the policy defines or uses, by name.
  public let services: [Service]
  /// The named lists, by name.
  public let lists: [PrefixList]
  /// The lists whose sources are dropped first, as written.
  public let block: [ListReference]
  /// The lines of `allow`, as written.
  public let grants: [Grant]
  /// The lines of `encrypt`, as written.
  public let encryptions: [Encryption]
  /// The lines of `failsafe`, as written.
  public let failsafe: [Grant]
  /// The lines of `tests`, as written.
  public let tests: [PolicyTest]

  /// Where machines are in `machines`, by name: a site may have thousands.
  private let machineIndices: [String: Int]

  package init(
    path: String, tunnels: [Tunnel], machines: [Machine], groups: [Group], services: [Service],
    lists: [PrefixList],
    block: [ListReference], grants: [Grant], encryptions: [Encryption], failsafe: [Grant], tests: [PolicyTest]
  ) {
    self.path = path
    self.tunnels = tunnels
    self.machines = machines
    machineIndices = Dictionary(
      machines.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
    self.groups = groups
    self.services = services
    self.lists = lists
    self.block = block
    self.grants = grants
    self.encryptions = encryptions
    self.failsafe = failsafe
    self.tests = tests
  }

  /// The machine of this name, if the policy has it.
  public func machine(named name: String) -> Machine? { machineIndices[name].map { machines[$0] } }

  /// The tunnel of this name, if the policy has it.
  public func tunnel(named name: String) -> Tunnel? { tunnels.first { $0.name.description == name } }

  /// The list of this name, if the policy has it.
  public func list(named name: String) -> PrefixList? { lists.first { $0.name == name } }
}

/// A place in a policy file. Lines and columns count from 1; a column counts characters (Unicode scalars).
public struct SourceLocation: Sendable, Hashable, Comparable {
  /// The file as it was named by the caller, or as the policy names a list.
  public let file: String
  /// The line, from 1.
  public let line: Int
  /// The character in the line, from 1.
  public let column: Int

  /// A place from its parts.
  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  /// Ordered by file, then by line, then by column.
  public static func < (left: Self, right: Self) -> Bool {
    (left.file, left.line, left.column) < (right.file, right.line, right.column)
  }
}

/// A WireGuard interface that exists on the hosts.
public struct Tunnel: Sendable {
  /// The name of the interface.
  public let name: InterfaceName
  /// The addresses inside it: at least one prefix, sorted, none overlapping.
  public let prefixes: [Prefix]
  /// WireGuard's UDP port on the machines of this tunnel, if it is fixed.
  public let listen: UInt16?
  /// The name of the machine that relays between the tunnel's peers.
  public let hub: String?
  /// Where it is defined: its name.
  public let location: SourceLocation

  package init(
    name: InterfaceName, prefixes: [Prefix], listen: UInt16?, hub: String?, location: SourceLocation
  ) {
    self.name = name
    self.prefixes = prefixes
    self.listen = listen
    self.hub = hub
    self.location = location
  }
}

/// A peer of a tunnel.
public struct Machine: Sendable {
  /// The name that the policy gives it.
  public let name: String
  /// Its addresses, by tunnel name; at least one tunnel with at least one address, unless it has none at all.
  public let addresses: [TunnelAddresses]
  /// Where its tunnels are dialled.
  public let endpoint: Endpoint
  /// Its WireGuard public key (base64, 44 characters).
  public let key: String?
  /// Prefixes behind it, reached through the tunnel; sorted.
  public let subnets: [Prefix]
  /// Its own zones, by name. `containers` is always among them; `internet` never is: it is what no other claims.
  public internal(set) var zones: [Zone]
  /// Where it is defined: its name.
  public let location: SourceLocation

  package init(
    name: String, addresses: [TunnelAddresses], endpoint: Endpoint, key: String?, subnets: [Prefix],
    zones: [Zone],
    location: SourceLocation
  ) {
    self.name = name
    self.addresses = addresses
    self.endpoint = endpoint
    self.key = key
    self.subnets = subnets
    self.zones = zones
    self.location = location
  }

  /// Its addresses in this tunnel, sorted; empty where it is not a peer of it.
  public func addresses(in tunnel: InterfaceName) -> [IPAddress] {
    addresses.first { $0.tunnel == tunnel }?.addresses ?? []
  }

  /// Its zone of this name, if it has one.
  public func zone(named name: String) -> Zone? { zones.first { $0.name == name } }
}

/// A machine's addresses in one tunnel.
public struct TunnelAddresses: Sendable, Hashable {
  /// The tunnel.
  public let tunnel: InterfaceName
  /// Sorted, each inside the tunnel's prefixes.
  public let addresses: [IPAddress]

  package init(tunnel: InterfaceName, addresses: [IPAddress]) {
    self.tunnel = tunnel
    self.addresses = addresses
  }
}

/// Where a machine's tunnel is dialled.
public enum Endpoint: Sendable, Hashable {
  /// Unknown: a roaming machine.
  case roaming
  /// Public addresses, sorted.
  case addresses([IPAddress])
  /// Wherever WireGuard last heard the peer.
  case live

  /// The addresses that the policy names, each as a prefix.
  package var prefixes: [Prefix] {
    guard case .addresses(let addresses) = self else { return [] }
    return addresses.map { Prefix($0) }
  }
}

/// Interfaces of a machine that are treated alike.
public struct Zone: Sendable {
  /// The zone that holds every interface that no other zone or tunnel claims.
  public static let internet = "internet"
  /// The zone of Docker's bridges.
  public static let containers = "containers"

  /// The name that the policy gives it, unique on its machine.
  public let name: String
  /// Sorted; at least one.
  public let interfaces: [InterfacePattern]
  /// The sources that may appear there, sorted: the prefixes that the policy writes, without the subnets of other machines
  /// inside them, which lie behind a tunnel. Empty where the policy does not say.
  public internal(set) var prefixes: [Prefix]
  /// Where it was written; nil for the built-in `containers`.
  public let location: SourceLocation?

  package init(name: String, interfaces: [InterfacePattern], prefixes: [Prefix], location: SourceLocation?) {
    self.name = name
    self.interfaces = interfaces
    self.prefixes = prefixes
    self.location = location
  }
}

/// A name for machines.
public struct Group: Sendable {
  /// The name that the policy gives it.
  public let name: String
  /// The names of its machines, nested groups unfolded; sorted.
  public let machines: [String]
  /// Where it is defined: its name.
  public let location: SourceLocation

  package init(name: String, machines: [String], location: SourceLocation) {
    self.name = name
    self.machines = machines
    self.location = location
  }
}

/// What a packet must be to belong to a service.
public enum ServicePort: Sendable, Hashable, Comparable {
  /// Packets of a protocol with ports (TCP, UDP, SCTP) to these ports.
  case ports(IPProtocol, PortRange)
  /// Packets of a protocol without ports. Never ICMP, ICMPv6, TCP, UDP or SCTP.
  case `protocol`(IPProtocol)
  /// ICMP and ICMPv6 echo requests: the service `ping`.
  case echoRequest

  private var order: (Int, UInt8, UInt16, UInt16) {
    switch self {
    case .ports(let number, let range): (0, number.number, range.lower, range.upper)
    case .protocol(let number): (1, number.number, 0, 0)
    case .echoRequest: (2, 0, 0, 0)
    }
  }

  /// Ordered by kind, then by protocol, then by port.
  public static func < (left: Self, right: Self) -> Bool { left.order < right.order }
}

/// A service, composite ones unfolded.
public struct Service: Sendable, Hashable {
  /// Its name, or for one written in place its own text (`9443/tcp`).
  public let name: String
  /// Sorted, without repetition; at least one.
  public let ports: [ServicePort]

  package init(name: String, ports: [ServicePort]) {
    self.name = name
    self.ports = ports
  }
}

/// Named prefixes.
public struct PrefixList: Sendable {
  /// The name that the policy gives it.
  public let name: String
  /// Sorted, overlapping and adjacent ones merged into the fewest prefixes that cover the same addresses.
  public let prefixes: [Prefix]
  /// The file that it was read from, as the policy names it.
  public let file: String?
  /// Where it is defined: its name.
  public let location: SourceLocation

  package init(name: String, prefixes: [Prefix], file: String?, location: SourceLocation) {
    self.name = name
    self.prefixes = prefixes
    self.file = file
    self.location = location
  }
}

/// The name of a list, where it was used.
public struct ListReference: Sendable {
  /// The name of a list that exists.
  public let name: String
  /// Where it was named.
  public let location: SourceLocation

  package init(name: String, location: SourceLocation) {
    self.name = name
    self.location = location
  }
}

/// A line of `allow` or `failsafe`.
public struct Grant: Sendable {
  /// As written, groups unfolded, without repetition; at least one.
  public let to: [GrantTarget]
  /// The services named, one level deep: a composite service is one of these, its ports unfolded.
  public let services: [Service]
  /// As written, groups unfolded, without repetition; at least one.
  public let from: [GrantSource]
  /// Why it is granted, in the words of the policy: one line.
  public let because: String?
  /// The last day on which the grant holds.
  public let until: CalendarDate?
  /// Where the line is.
  public let location: SourceLocation
  /// The words of `to` and of `from` as they were written (`admins`), for reports.
  public let wordsTo: [String]
  /// The words of `from`, as they were written.
  public let wordsFrom: [String]

  package init(
    to: [GrantTarget], services: [Service], from: [GrantSource], because: String?, until: CalendarDate?,
    location: SourceLocation, wordsTo: [String], wordsFrom: [String]
  ) {
    self.to = to
    self.services = services
    self.from = from
    self.because = because
    self.until = until
    self.location = location
    self.wordsTo = wordsTo
    self.wordsFrom = wordsFrom
  }
}

/// What a grant opens.
public enum GrantTarget: Sendable, Hashable {
  /// A machine itself, by name.
  case machine(String)
  /// What a machine routes into one of its zones.
  case zone(machine: String, zone: String)
  /// A prefix inside a machine's subnets, reached through it.
  case subnet(machine: String, prefix: Prefix)

  /// The machine that answers, or that routes.
  public var machine: String {
    switch self {
    case .machine(let name), .zone(let name, _), .subnet(let name, _): name
    }
  }
}

/// Whom a grant lets in.
public enum GrantSource: Sendable, Hashable {
  /// A machine's tunnel addresses, on the tunnel alone.
  case machine(String)
  /// Any address inside a tunnel's prefixes, on it.
  case tunnel(InterfaceName)
  /// Anything that arrives on a zone's interfaces, on the machine granted to.
  case zone(String)
  /// Hosts of a machine's zone, routed by that machine into its tunnel.
  case machineZone(machine: String, zone: String)
  /// These sources, on zones that are not tunnels.
  case prefix(Prefix)
  /// The sources of a list, on zones that are not tunnels.
  case list(String)
}

/// Machines whose traffic travels inside a tunnel or not at all.
public struct Encryption: Sendable {
  /// The names of the machines: two or more, sorted. Each pair of them is protected.
  public let machines: [String]
  /// The tunnel that they are to use.
  public let tunnel: InterfaceName
  /// Where the line is.
  public let location: SourceLocation

  package init(machines: [String], tunnel: InterfaceName, location: SourceLocation) {
    self.machines = machines
    self.tunnel = tunnel
    self.location = location
  }
}

/// A line of `tests`.
public struct PolicyTest: Sendable {
  /// Who asks: at least one.
  public let from: [GrantSource]
  /// Who is asked: at least one.
  public let to: [GrantTarget]
  /// The zone or tunnel over which the packet comes; nil for the source's own way.
  public let over: String?
  /// What must be let in, each under its own name.
  public let allow: [Service]
  /// What must not be let in, each under its own name.
  public let deny: [Service]
  /// Where the line is.
  public let location: SourceLocation

  package init(
    from: [GrantSource], to: [GrantTarget], over: String?, allow: [Service], deny: [Service],
    location: SourceLocation
  ) {
    self.from = from
    self.to = to
    self.over = over
    self.allow = allow
    self.deny = deny
    self.location = location
  }
}

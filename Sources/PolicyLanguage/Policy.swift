// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// The content of a policy file: every name resolved, every group and composite service expanded, everything
/// checked. A value of this type is always valid. Only the decoder creates one.
///
/// Every collection is in a fixed order (by name, or as written if the order has a meaning). Two files that
/// differ only in the order of map keys give values that differ only in locations.
public struct Policy: Sendable {
  /// The file as it was named by the caller.
  public let path: String
  /// The tunnels, by name.
  public let tunnels: [Tunnel]
  /// The machines, by name.
  public let machines: [Machine]
  /// The groups, by name, each expanded to machines.
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
  /// The lines of `translate`, as written.
  public let translations: [Translation]
  /// The entries of `confine`, groups expanded, as written.
  public let confinements: [Confinement]
  /// The entries of `refuse`, as written.
  public let refused: [RefusedZone]
  /// The lines of `failsafe`, as written.
  public let failsafe: [Grant]
  /// The lines of `tests`, as written.
  public let tests: [PolicyTest]
  /// The machines of `observe`, by name: on them nothing is dropped.
  public let observed: [ObservedMachine]

  /// The addresses without a home on machines of which a line names a zone without prefixes, by machine name.
  let outsideHosts: [String: [Prefix]]

  /// The index of each machine in `machines`, by name: a site can have thousands of machines.
  private let machineIndices: [String: Int]

  package init(
    path: String, tunnels: [Tunnel], machines: [Machine], groups: [Group], services: [Service],
    lists: [PrefixList],
    block: [ListReference], grants: [Grant], encryptions: [Encryption], translations: [Translation],
    failsafe: [Grant],
    tests: [PolicyTest],
    observed: [ObservedMachine] = [], confinements: [Confinement] = [], refused: [RefusedZone] = []
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
    self.translations = translations
    self.confinements = confinements
    self.refused = refused
    self.failsafe = failsafe
    self.tests = tests
    self.observed = observed
    let indices = machineIndices
    var named: Set<String> = []
    func note(_ name: String, _ zone: String) {
      guard let index = indices[name], machines[index].zone(named: zone)?.prefixes.isEmpty ?? true else {
        return
      }
      named.insert(name)
    }
    for (to, from) in (grants + failsafe).map({ ($0.to, $0.from) }) + tests.map({ ($0.to, $0.from) }) {
      for case .zone(let machine, let zone) in to { note(machine, zone) }
      for case .machineZone(let machine, let zone) in from { note(machine, zone) }
    }
    outsideHosts = Dictionary(
      uniqueKeysWithValues: machines.filter { named.contains($0.name) }.map { machine in
        (machine.name, AddressHomes(on: machine, tunnels: tunnels, machines: machines).outside(machine))
      })
  }

  /// The machine of this name, if the policy has it.
  public func machine(named name: String) -> Machine? { machineIndices[name].map { machines[$0] } }

  /// The entries of `confine` for a sender on a machine.
  package func confinements(of machine: String, _ sender: Confinement.Sender) -> [Confinement] {
    confinements.filter { $0.machine == machine && $0.sender == sender }
  }

  /// Whether `observe` names a machine.
  public func observes(_ machine: String) -> Bool { observed.contains { $0.name == machine } }

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
  /// The prefixes of the addresses inside it: at least one, sorted, without overlaps.
  public let prefixes: [Prefix]
  /// WireGuard's UDP port on the machines of this tunnel; nil if the policy does not fix it.
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
  /// Its addresses, by tunnel name. Empty if it has none; every entry has at least one address.
  public let addresses: [TunnelAddresses]
  /// Its public addresses, at which peers reach its tunnels.
  public let endpoint: Endpoint
  /// Its WireGuard public key (base64, 44 characters).
  public let key: String?
  /// Prefixes behind it, reached through the tunnel; sorted.
  public let subnets: [Prefix]
  /// Its own zones, by name. `containers` is always among them. `internet` never is: it is every interface
  /// that no other zone claims.
  public internal(set) var zones: [Zone]
  /// The UDP ports that WireGuard uses now, by tunnel, where the policy does not fix them.
  public internal(set) var livePorts: [InterfaceName: LivePort] = [:]
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

  /// Whether WireGuard's UDP port of a tunnel may be another one on this machine than the policy's: a machine without
  /// `endpoint` is never called by others, so it needs no `ListenPort`.
  public func choosesPort(of tunnel: Tunnel) -> Bool {
    !addresses(in: tunnel.name).isEmpty && (endpoint == .roaming || tunnel.listen == nil)
  }

  /// Its addresses in this tunnel, sorted; empty if it is not a peer of the tunnel.
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

/// The public addresses of a machine, at which peers reach its tunnels.
public enum Endpoint: Sendable, Hashable {
  /// Unknown: a roaming machine.
  case roaming
  /// Public addresses, sorted.
  case addresses([IPAddress])
  /// The address from which WireGuard last heard the peer.
  case live

  /// The addresses of the policy, each as a prefix.
  package var prefixes: [Prefix] {
    guard case .addresses(let addresses) = self else { return [] }
    return addresses.map { Prefix($0) }
  }
}

/// A name for a list of machines.
public struct Group: Sendable {
  /// The name that the policy gives it.
  public let name: String
  /// The names of its machines, nested groups expanded; sorted.
  public let machines: [String]
  /// Where it is defined: its name.
  public let location: SourceLocation

  package init(name: String, machines: [String], location: SourceLocation) {
    self.name = name
    self.machines = machines
    self.location = location
  }
}

/// The packets of a service.
public enum ServicePort: Sendable, Hashable, Comparable {
  /// Packets of a protocol with ports (TCP, UDP, SCTP) to these ports.
  case ports(IPProtocol, PortRange)
  /// Packets of a protocol without ports. Never ICMP, ICMPv6, TCP, UDP or SCTP.
  case `protocol`(IPProtocol)
  /// ICMP and ICMPv6 echo requests: the service `ping`.
  case echoRequest
  /// Every protocol and port: the service `any`.
  case everything

  private var order: (Int, UInt8, UInt16, UInt16) {
    switch self {
    case .ports(let number, let range): (0, number.number, range.lower, range.upper)
    case .protocol(let number): (1, number.number, 0, 0)
    case .echoRequest: (2, 0, 0, 0)
    case .everything: (3, 0, 0, 0)
    }
  }

  /// Ordered by kind, then by protocol, then by port.
  public static func < (left: Self, right: Self) -> Bool { left.order < right.order }
}

/// A service; a composite service is expanded.
public struct Service: Sendable, Hashable {
  /// Its name, or its text if it is written in place (`9443/tcp`).
  public let name: String
  /// Its ports and protocols, sorted, without repetition; at least one.
  public let ports: [ServicePort]

  package init(name: String, ports: [ServicePort]) {
    self.name = name
    self.ports = ports
  }
}

/// A named list of prefixes.
public struct PrefixList: Sendable {
  /// The name that the policy gives it.
  public let name: String
  /// The prefixes, sorted; overlapping and adjacent ones are merged into the fewest that cover the same
  /// addresses.
  public let prefixes: [Prefix]
  /// The file that it was read from, as written in the policy; nil if its prefixes are in the policy.
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

/// A use of a list.
public struct ListReference: Sendable {
  /// The name of an existing list.
  public let name: String
  /// Where it is used.
  public let location: SourceLocation

  package init(name: String, location: SourceLocation) {
    self.name = name
    self.location = location
  }
}

/// Machines whose traffic with each other is allowed only inside a tunnel.
public struct Encryption: Sendable {
  /// The names of the machines: two or more, sorted. Each pair of them is protected.
  public let machines: [String]
  /// The tunnel that they must use.
  public let tunnel: InterfaceName
  /// Those of the machines whose public address others use too, as behind a NAT router; sorted. Only what is granted to them
  /// in the tunnel is closed at that address.
  public let shared: [String]
  /// Where the line is.
  public let location: SourceLocation

  package init(machines: [String], tunnel: InterfaceName, shared: [String] = [], location: SourceLocation) {
    self.machines = machines
    self.tunnel = tunnel
    self.shared = shared
    self.location = location
  }
}

/// A line of `tests`.
public struct PolicyTest: Sendable {
  /// The sources; at least one.
  public let from: [GrantSource]
  /// The targets; at least one.
  public let to: [GrantTarget]
  /// The zone or tunnel over which the packet arrives; nil for the usual path of the source.
  public let over: String?
  /// The services that must be let in, each under its own name.
  public let allow: [Service]
  /// The services that must not be let in, each under its own name.
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

/// A machine on which the policy drops nothing yet: what it does not allow is counted and logged.
public struct ObservedMachine: Sendable, Hashable {
  /// The machine's name.
  public let name: String
  /// Where `observe` names it, or a group that contains it.
  public let location: SourceLocation
}

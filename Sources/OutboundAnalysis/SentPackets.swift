// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset

/// Where the packets of a sender come from.
enum PacketOrigin: Hashable {
  /// The host itself.
  case host
  /// A guest with these addresses, whose packets arrive on this interface of the host.
  case guest(InterfaceName, [IPAddress])

  /// The hooks that packets to other hosts pass: those of guests, or those of the host itself.
  static func hooks(ofGuests: Bool) -> [UInt32] {
    ofGuests
      ? [NFT.hookPrerouting, NFT.hookForward, NFT.hookPostrouting] : [NFT.hookOutput, NFT.hookPostrouting]
  }

  /// Its address of a family; nil for the host, whose address depends on the route.
  func address(_ family: AddressFamily) -> IPAddress? {
    if case .guest(_, let addresses) = self { return addresses.first { $0.family == family } }
    return nil
  }
}

/// The services and destinations that the rules of a host distinguish in the packets of one sender.
///
/// wgfence's own table is evaluated for all packets at once, to find what it distinguishes; of the other tables, every
/// address and port with which a rule compares is a boundary. One packet of each class is then walked.
struct SentPackets {
  /// Destinations that no rule and no route distinguishes.
  struct Class {
    let family: AddressFamily
    /// An address of the class.
    let example: IPAddress
    /// The addresses.
    let addresses: IntervalSet
    /// The interface by which its packets leave.
    let output: InterfaceName
    /// The services, as ranges that no rule distinguishes.
    let services: [ClosedRange<UInt128>]
  }

  /// The classes of both families.
  let classes: [Class]
  /// The families in which it sends anything.
  var families: Set<AddressFamily> { Set(classes.map(\.family)) }
  /// The addresses of each family that are not in a class: the host's own, those of its guests, and those without a
  /// route.
  let holes: [AddressFamily: IntervalSet]

  /// All addresses to which packets are sent, without those that no host has, and without IPv6 addresses that are valid
  /// on one link only. Those of IPv4 are included: clouds have their metadata service there.
  static func destinations(_ family: AddressFamily) -> IntervalSet {
    let never = AddressHomes.neverRouted + [Prefix("fe80::/10")].compactMap { $0 }
    return IntervalSet(0, family == .ipv4 ? 0xffff_ffff : .max)
      .subtracting(PacketSpace.addresses(never, family))
  }

  /// All services: of ICMP only echo requests.
  static func services(_ family: AddressFamily) -> IntervalSet {
    IntervalSet(0, 0xff_ffff)
      .subtracting(PacketSpace.Service.all(.icmp).union(PacketSpace.Service.all(.icmpv6)))
      .union(echo(family))
  }

  private static func echo(_ family: AddressFamily) -> IntervalSet {
    family == .ipv4
      ? PacketSpace.Service.types(.icmp, 8...8) : PacketSpace.Service.types(.icmpv6, 128...128)
  }

  /// A grant for what the sender sends.
  private struct OutboundGrant {
    let destinations: [AddressFamily: IntervalSet]
    let ports: [IntervalSet]
  }

  /// What destinations have in common if they are in one class.
  private struct Key: Hashable {
    let output: InterfaceName
    /// The services for which a rule of wgfence's own table decides, by the rule's counter.
    let decided: [String: IntervalSet]
    /// The class of other tables.
    let others: Int
    /// The grants that name them.
    let grants: [Int]
  }

  /// What the rules of other tables than wgfence's distinguish at some hooks.
  struct Boundaries {
    fileprivate let addresses: AddressClasses
    /// Prefixes that have an own route, or an own name in the policy.
    fileprivate let places: [Prefix]
    /// The ranges of services, apart from grants.
    fileprivate let cuts: [(UInt128, UInt128)]
    /// By family, the services between these ranges.
    fileprivate let services: [AddressFamily: [ClosedRange<UInt128>]]

    /// Reads the tables of a host, and a view of its policy.
    init(_ host: AuditedHost, _ view: SiteView?, _ hooks: [UInt32]) {
      let others = host.tables.filter { !SentPackets.isOwn($0) }.map { $0.passing(hooks) }
      let own = SentPackets.places(of: host, nil)
      addresses = AddressClasses(others, .destination, places: own)
      places = view == nil ? own : SentPackets.places(of: host, view)
      let cuts = SentPackets.serviceCuts(others)
      self.cuts = cuts
      services = Dictionary(
        uniqueKeysWithValues: AddressFamily.allCases.map {
          ($0, SentPackets.split(SentPackets.services($0), at: cuts))
        })
    }
  }

  private static func isOwn(_ table: KernelTable) -> Bool {
    table.name == Ruleset.tableName && table.family == NFT.familyInet
  }

  /// The packets of a sender. `stays` says whether packets that leave by an interface stay on this machine.
  init(
    of origin: PacketOrigin, on host: AuditedHost, by view: SiteView?, _ boundaries: Boundaries,
    stays: (InterfaceName) -> Bool
  ) {
    let grants = Self.grants(of: origin, view)
    let addresses = boundaries.addresses
    let ports = grants.flatMap(\.ports).flatMap(\.intervals).map { ($0.lower, $0.upper) }
    // Most destinations have the same services.
    var services: [AddressFamily: [Set<IntervalSet>: [ClosedRange<UInt128>]]] = [:]
    var classes: [Class] = []
    var holes: [AddressFamily: IntervalSet] = [:]
    for family in AddressFamily.allCases {
      let all = Self.destinations(family)
      if case .guest = origin, origin.address(family) == nil {
        holes[family] = all
        continue
      }
      let decisions = Self.decisions(host.tables.first(where: Self.isOwn), origin, family)
      let granted = grants.compactMap { $0.destinations[family] }
      let bounds =
        boundaries.places.filter { $0.family == family }.map { ($0.address.bits, $0.last.bits) }
        + (decisions.map { $0.space[.destination] } + granted).flatMap(\.intervals).map {
          ($0.lower, $0.upper)
        }
      var found: [Key: [(UInt128, UInt128)]] = [:]
      var order: [Key] = []
      var unreached: [(UInt128, UInt128)] = []
      for part in Self.split(all, at: bounds) {
        for range in addresses.ranges(of: family, in: IntervalSet(part.lowerBound, part.upperBound)) {
          let example = Self.example(of: range.lower...range.upper, family)
          let route = host.environment.route(
            RouteQuestion(destination: example, source: origin.address(family), input: origin.input))
          let outputs = route.outputs.filter { $0 != .loopback && !stays($0) }
          if outputs.isEmpty { unreached.append((range.lower, range.upper)) }
          for output in outputs {
            let number = IntervalSet(PacketSpace.number(output))
            var decided: [String: IntervalSet] = [:]
            for one in decisions
            where one.space[.destination].contains(range.lower) && one.space.mayHave(.output, number) {
              decided[one.counter] = (decided[one.counter] ?? .empty).union(one.space[.service])
            }
            let key = Key(
              output: output, decided: decided, others: addresses.number(of: example),
              grants: granted.indices.filter { granted[$0].contains(range.lower) })
            if found[key] == nil { order.append(key) }
            found[key, default: []].append((range.lower, range.upper))
          }
        }
      }
      classes += order.map { key in
        let own = IntervalSet(ranges: found[key] ?? [])
        let decided = Set(key.decided.values)
        let bounds = decided.flatMap(\.intervals).map { ($0.lower, $0.upper) } + ports
        let parts =
          services[family]?[decided] ?? (bounds.isEmpty ? boundaries.services[family] : nil)
          ?? Self.split(Self.services(family), at: bounds + boundaries.cuts)
        services[family, default: [:]][decided] = parts
        let first = own.intervals[0]
        return Class(
          family: family, example: Self.example(of: first.lower...first.upper, family), addresses: own,
          output: key.output, services: parts)
      }
      holes[family] = IntervalSet(ranges: unreached)
    }
    self.classes = classes
    self.holes = holes
  }

  // MARK: Boundaries

  /// The parts of a set between the bounds of these ranges, in order.
  static func split(_ set: IntervalSet, at ranges: [(UInt128, UInt128)]) -> [ClosedRange<UInt128>] {
    var starts: Set<UInt128> = []
    for (lower, upper) in ranges {
      starts.insert(lower)
      if upper < .max { starts.insert(upper + 1) }
    }
    let cuts = starts.sorted()
    var place = 0
    return set.intervals.flatMap { interval -> [ClosedRange<UInt128>] in
      var parts: [ClosedRange<UInt128>] = []
      var lower = interval.lower
      while place < cuts.count, cuts[place] <= interval.upper {
        if cuts[place] > lower {
          parts.append(lower...(cuts[place] - 1))
          lower = cuts[place]
        }
        place += 1
      }
      return parts + [lower...interval.upper]
    }
  }

  /// An address of a range, if possible neither its first one, a network's own address, nor its last one.
  private static func example(of range: ClosedRange<UInt128>, _ family: AddressFamily) -> IPAddress {
    IPAddress(family: family, bits: range.lowerBound + (range.upperBound - range.lowerBound) / 2)
  }

  /// Prefixes that have an own route, or an own name in the policy.
  private static func places(of host: AuditedHost, _ view: SiteView?) -> [Prefix] {
    var places = host.survey.host.snapshot.interfaces.flatMap(\.addresses).flatMap {
      [Prefix($0.address), $0.network]
    }
    places += host.devices.flatMap(\.peers).flatMap(\.allowedIPs)
    guard let view else { return places.unique }
    let policy = view.policy
    places += policy.tunnels.flatMap(\.prefixes)
    places += policy.machines.flatMap { $0.subnets + $0.zones.flatMap(\.prefixes) }
    places += policy.confinements.filter { $0.machine == view.machine.name }.flatMap { $0.destinations ?? [] }
    places += [Prefix("169.254.0.0/16")].compactMap { $0 }
    return places.unique
  }

  /// Rules that compute with ports make every port a class: then only these many are boundaries.
  private static let mostPortClasses = 4096

  /// The bounds of services: protocols, and ports that other tables distinguish.
  private static func serviceCuts(_ others: [KernelTable]) -> [(UInt128, UInt128)] {
    var cuts: [(UInt128, UInt128)] = []
    let protocols: [IPProtocol] = [.icmp, .igmp, .tcp, .udp, .gre, .esp, .icmpv6, .sctp]
    for transport in protocols {
      cuts.append(
        (PacketSpace.Service.number(transport, port: 0), PacketSpace.Service.number(transport, port: .max)))
    }
    let ranges = DestinationPortClasses(others).ranges
    if ranges.count > 1 {
      for transport in [IPProtocol.tcp, .udp] {
        cuts += ranges.prefix(mostPortClasses).map {
          (
            PacketSpace.Service.number(transport, port: $0.lowerBound),
            PacketSpace.Service.number(transport, port: $0.upperBound)
          )
        }
      }
    }
    return cuts
  }

  /// The grants for what a sender sends.
  private static func grants(of origin: PacketOrigin, _ view: SiteView?) -> [OutboundGrant] {
    guard let view else { return [] }
    let policy = view.policy
    return (policy.grants + policy.failsafe).compactMap { grant in
      let targets = grant.to.filter { grant.senders(to: $0, on: view.machine).contains(origin.sender) }
      if targets.isEmpty { return nil }
      let prefixes = targets.flatMap { target -> [Prefix] in
        switch target {
        case .machine(let name):
          policy.machine(named: name)?.addresses.flatMap(\.addresses).map { Prefix($0) } ?? []
        case .zone(let name, let zone):
          policy.machine(named: name).map { policy.hosts(of: zone, on: $0) } ?? []
        case .subnet(_, let prefix): [prefix]
        }
      }
      return OutboundGrant(
        destinations: Dictionary(
          uniqueKeysWithValues: AddressFamily.allCases.map { ($0, PacketSpace.addresses(prefixes, $0)) }),
        ports: grant.services.flatMap(\.ports).compactMap { port in
          if case .ports(let transport, let range) = port {
            PacketSpace.Service.ports(transport, range.lower...range.upper)
          } else {
            nil
          }
        })
    }
  }

  // MARK: wgfence's own table

  /// Packets for which one rule of wgfence's table decides.
  private struct Decision {
    let space: PacketSpace
    /// The rule's counter; empty for what no counter counts.
    let counter: String
  }

  /// What wgfence's table decides about the packets of a sender, by output, destination and service; without a table it
  /// decides nothing.
  private static func decisions(_ table: KernelTable?, _ origin: PacketOrigin, _ family: AddressFamily)
    -> [Decision]
  {
    guard let table else { return [] }
    let first: [(PacketSpace.Field, IntervalSet)] = [
      (
        .connection,
        PacketSpace.Connection.set { $0.state == .new && $0.direction == .original && $0.status == [] }
      ),
      (.tag, IntervalSet(0)), (.options, PacketSpace.Field.noOptions),
      (.destinationType, IntervalSet(UInt128(AddressType.unicast.rawValue))),
      (.sourcePort, IntervalSet(UInt128(sourcePort))),
      (.tcpFlags, IntervalSet(UInt128(TCPFlags.syn.rawValue))),
      (.service, services(family)),
    ]
    let walk = SpaceWalk(table)
    var decisions: [Decision] = []
    /// The packets that pass the chains of a hook. What these refuse is a decision.
    func passing(_ spaces: [PacketSpace], _ hook: UInt32) -> [PacketSpace] {
      let ends = walk.ends(of: spaces, hook: hook)
      decisions += ends.filter { $0.verdict != .accept }.map {
        Decision(space: $0.space, counter: $0.counter ?? "")
      }
      return ends.filter { $0.verdict == .accept }.map(\.space)
    }
    switch origin {
    case .host:
      let loopback = IntervalSet(PacketSpace.number(.loopback))
      let sent = PacketSpace(family, input: .absent, output: .present).narrowed(first)?
        .narrowed(.output, outside: loopback)
      _ = passing(passing(sent.map { [$0] } ?? [], NFT.hookOutput), NFT.hookPostrouting)
    case .guest(let input, _):
      let own =
        first + [
          (.input, IntervalSet(PacketSpace.number(input))),
          (.source, IntervalSet(origin.address(family)?.bits ?? 0)),
        ]
      let arriving = PacketSpace(family, input: .present, output: .absent).narrowed(own)
      let leaving = PacketSpace(family, input: .present, output: .present).narrowed(own)
      _ = passing(passing(leaving.map { [$0] } ?? [], NFT.hookForward), NFT.hookPostrouting)
      // At prerouting a packet has no output yet: what is refused there is refused for each.
      let entered = walk.ends(of: arriving.map { [$0] } ?? [], hook: NFT.hookPrerouting, .accepted)
        .filter { $0.verdict == .accept }
      decisions += entered.map {
        Decision(space: $0.space.keeping([.destination, .service]), counter: "arriving")
      }
    }
    return decisions.map {
      Decision(space: $0.space.keeping([.output, .destination, .service]), counter: $0.counter)
    }
  }

  /// The port from which the packets are sent: one that no tunnel has.
  static let sourcePort: UInt16 = 40_000
}

extension PacketOrigin {
  /// The interface on which its packets arrive; nil for the host.
  var input: InterfaceName? {
    if case .guest(let name, _) = self { name } else { nil }
  }

  /// The sender as the policy has it.
  var sender: Confinement.Sender {
    switch self {
    case .host: .host
    case .guest: .containers
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyLanguage
internal import Ruleset

/// What a host forwards now between its tunnels and zones, found by walks of one packet for each range of sources,
/// destinations and ports that the rules for forwarded packets distinguish.
struct ForwardedReach {
  /// What passes from a side to a target.
  struct Passage {
    let side: Int
    let target: Int
    /// For each protocol and range of ports, the sources whose packets pass to every address of the target.
    let services: [(ports: Ports, sources: OpenSources)]
    /// The rules by which every accepted packet of a family gets another source; a family is missing if some packets keep
    /// theirs, or if none is accepted.
    let masquerade: [AddressFamily: Set<String>]
    /// The families of which packets are accepted.
    let families: Set<AddressFamily>
  }

  /// A range of ports of a protocol; nil for one without ports.
  struct Ports: Hashable {
    let transport: IPProtocol
    let range: ClosedRange<UInt16>?
  }

  /// What is known of the translation of accepted packets.
  struct Translated {
    /// The rules that translate, by family.
    var places: [AddressFamily: Set<String>] = [:]
    /// The families of which some packets keep their source.
    var untouched: Set<AddressFamily> = []
  }

  let sides: [ImportSide]
  let targets: [ForwardTarget]
  /// Tunnels with too many peers to examine.
  let skipped: [String]
  let passages: [Passage]
  let grid: ForwardGrid

  init(_ grid: ForwardGrid, _ sides: [ImportSide], _ targets: [ForwardTarget], skipped: [String]) {
    self.grid = grid
    self.sides = sides
    self.targets = targets
    self.skipped = skipped
    var passages: [Passage] = []
    for side in sides.indices where sides[side].kind != .containers {
      for target in targets.indices where grid.isPair(sides[side], targets[target]) {
        var translated = Translated()
        let services = grid.ports.map { ports in
          (ports, grid.sources(ports, from: sides[side], to: targets[target], &translated))
        }
        guard services.contains(where: { $0.1.isOpen || !$0.1.undetermined.isEmpty || !$0.1.partial.isEmpty })
        else { continue }
        passages.append(
          Passage(
            side: side, target: target, services: services,
            masquerade: translated.places.filter { !translated.untouched.contains($0.key) },
            families: translated.untouched.union(translated.places.keys)))
      }
    }
    self.passages = passages
  }
}

/// The packets that a host may forward, and the walk through the rules that decide about them.
struct ForwardGrid {
  let walk: ImportWalk
  let sources: AddressClasses
  let destinations: AddressClasses
  let ports: [ForwardedReach.Ports]
  /// The host's own addresses.
  private let own: Set<IPAddress>

  /// The packets of these tables. The ports of wgfence's own table are those of its policy. Chains that no forwarded packet passes are left out.
  init(
    _ tables: [KernelTable], besides others: [KernelTable] = [], order: HookOrder?,
    environment: any HostEnvironment, interfaces: [NetworkInterface], policy: Policy? = nil
  ) {
    own = Set(interfaces.flatMap(\.addresses).map(\.address))
    let places = ImportedReach.places(of: interfaces)
    let both = (tables + others).map(Self.forwarding)
    walk = ImportWalk(tables.map(Self.forwarding), order: order, environment: environment)
    sources = AddressClasses(both, .source, places: places)
    // Packets to the host's own addresses are not forwarded.
    destinations = AddressClasses(both, .destination)
    let ranges = PortRanges.between(
      DestinationPortClasses(both.filter { $0.name != Ruleset.tableName }).ranges,
      policy.map(PortRanges.of) ?? [])
    ports =
      [IPProtocol.tcp, .udp].flatMap { transport in
        ranges.map { ForwardedReach.Ports(transport: transport, range: $0) }
      } + [.icmp, ImportedReach.anyProtocol].map { ForwardedReach.Ports(transport: $0, range: nil) }
  }

  /// The table without the chains for packets to and from the host itself.
  private static func forwarding(_ table: KernelTable) -> KernelTable {
    table.passing([NFT.hookPrerouting, NFT.hookForward, NFT.hookPostrouting])
  }

  /// Whether packets pass this host on the way: within a network they do not.
  func isPair(_ side: ImportSide, _ target: ForwardTarget) -> Bool {
    target.kind != .zone || side.name != target.exit
  }

  /// Packets of a range of sources to each range of a target's addresses.
  func questions(
    _ ports: ForwardedReach.Ports, _ range: AddressClasses.Range, _ family: AddressFamily,
    from side: ImportSide, to target: ForwardTarget
  ) -> [ImportWalk.Question] {
    let source = ImportSide.example(of: range, family)
    if source.isLinkLocal { return [] }
    let service = ReachSurvey.Service(transport: ports.transport, port: ports.range?.lowerBound ?? 0)
    return destinations.ranges(of: family, in: target.addresses[family] ?? .empty).flatMap { range in
      let destination = ImportSide.example(of: range, family, except: own)
      return side.interfaces.map { interface in
        ImportWalk.Question(
          input: interface.name, source: source, destination: destination,
          transport: service.transport(in: family), port: service.port)
      }
    }
  }

  /// The outcome for a packet to a target; nil if the host does not send it there.
  func outcome(_ question: ImportWalk.Question, to target: ForwardTarget) -> ImportWalk.Outcome? {
    let outcome = walk.outcome(question)
    // What is dropped before it is routed might have gone there.
    guard let output = outcome.output else {
      return [.undetermined, .refused].contains(outcome.verdict) ? outcome : nil
    }
    return target.interfaces.contains(output) && outcome.destination == question.destination ? outcome : nil
  }

  /// The sources of a side whose packets reach every address of a target. What translates their source is added to
  /// `translated`.
  func sources(
    _ ports: ForwardedReach.Ports, from side: ImportSide, to target: ForwardTarget,
    _ translated: inout ForwardedReach.Translated
  ) -> OpenSources {
    var open = OpenSources()
    for family in AddressFamily.allCases {
      for range in sources.ranges(of: family, in: side.sources[family] ?? .empty) {
        let outcomes = questions(ports, range, family, from: side, to: target).compactMap {
          outcome($0, to: target)
        }
        open.add(range, family, outcomes)
        for outcome in outcomes where outcome.verdict == .accepted {
          if let place = outcome.masquerade {
            translated.places[family, default: []].insert(place)
          } else {
            translated.untouched.insert(family)
          }
        }
      }
    }
    return open
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset

/// Walks what a host and its guests send through every loaded table.
struct OutboundWalks {
  let host: AuditedHost
  let view: SiteView?
  let ingresses: [Ingress]
  /// What is loaded now.
  let walk: PacketWalk
  /// The bridges of guests.
  let bridges: Set<InterfaceName>
  /// What the rules of other tables distinguish in what the host sends, and in what guests send.
  private let own: SentPackets.Boundaries
  private let guest: SentPackets.Boundaries
  private let services: SentServices
  private let names: DestinationNames
  private let words: DecisionWords

  init(_ host: AuditedHost, _ view: SiteView?, _ ingresses: [Ingress]) {
    self.host = host
    self.view = view
    self.ingresses = ingresses
    walk = PacketWalk(view.map { host.tables.withOrigins(of: $0.table) } ?? host.tables, order: host.order)
    bridges = Set(ingresses.filter { $0.kind == .containers }.flatMap(\.interfaces).map(\.name))
    own = SentPackets.Boundaries(host, view, PacketOrigin.hooks(ofGuests: false))
    guest = SentPackets.Boundaries(host, view, PacketOrigin.hooks(ofGuests: true))
    services = SentServices(ServiceNames(view?.policy))
    names = DestinationNames(view)
    words = DecisionWords(view)
  }

  /// The walks that are left, and who was not evaluated because they are used up.
  private let budget = Budget()

  private final class Budget {
    /// All senders of a host share them: about a second.
    var walks = 50_000
    var unevaluated: [String] = []
  }

  /// What could not be evaluated, after the senders were.
  var notes: [String] { unread + unevaluated }

  private var unevaluated: [String] {
    let names = budget.unevaluated
    if names.isEmpty { return [] }
    return [
      "the rules distinguish too many destinations and services to evaluate what \(enumerated(names)) may send: ask for single packets "
        + "with wgfence explain --live"
    ]
  }

  private var unread: [String] {
    let classes = AddressClasses(host.tables, .destination)
    return classes.unread.isEmpty
      ? []
      : [
        "rules use destination addresses in a way that is not evaluated for all of them, so what is said of outbound "
          + "traffic may be incomplete: \(classes.unread.joined(separator: ", "))"
      ]
  }

  // MARK: Senders

  /// Everyone who sends from this host.
  var senders: [OutboundSender] {
    let own = host.survey.host.containers.map {
      host.survey.containers[$0]?.description ?? String($0.prefix(12))
    }
    return [sender(.host, .host, [], own)].compactMap { $0 } + Self.merged(guests) + Self.merged(bypassing)
  }

  /// The guests on each bridge. Guests whose addresses no rule distinguishes are one sender.
  private var guests: [OutboundSender] {
    let sources = AddressClasses(host.tables, .source)
    return ingresses.filter { $0.kind == .containers }.flatMap(\.interfaces).flatMap { bridge in
      var groups: [[Int]: (addresses: [IPAddress], names: [String])] = [:]
      for other in host.survey.others {
        let addresses = other.attachments.filter { end in
          end.kind == .pair && end.namespace == host.survey.host.identity
            && (end.master ?? end.link) == bridge.name
        }.flatMap { other.snapshot.interface(named: $0.interface)?.addresses.map(\.address) ?? [] }
          .filter { !$0.isLinkLocal }
        if addresses.isEmpty { continue }
        let key = AddressFamily.allCases.map { family in
          addresses.first { $0.family == family }.map { sources.number(of: $0) } ?? -1
        }
        groups[key, default: (addresses, [])].names.append(name(other))
      }
      if groups.isEmpty {
        // A container may start at any time.
        let addresses = bridge.addresses.filter { !$0.address.isLinkLocal }.compactMap {
          $0.network.hosts(except: [$0.address]).first
        }
        groups = addresses.isEmpty ? [:] : [[]: (addresses, [])]
      }
      return groups.values.sorted { $0.addresses[0] < $1.addresses[0] }.compactMap {
        sender(.containers, .guest(bridge.name, $0.addresses), [bridge.name], $0.names)
      }
    }
  }

  /// Guests with an own macvlan or ipvlan interface.
  private var bypassing: [OutboundSender] {
    host.survey.others.compactMap { other in
      let parents = other.attachments.filter {
        $0.kind == .parent && $0.namespace == host.survey.host.identity
      }.compactMap(\.link)
      return parents.isEmpty
        ? nil
        : OutboundSender(
          kind: .bypassing, interfaces: parents.unique.sorted(), guests: [name(other)], scope: .everything)
    }
  }

  private func name(_ other: NamespaceSnapshot) -> String {
    switch other.kind {
    case .container(let container): "\(container)"
    case .process(let process): process.name
    case .host, .named: "\(other.kind)"
    }
  }

  /// Senders that may send the same as one sender.
  private static func merged(_ senders: [OutboundSender]) -> [OutboundSender] {
    var result: [OutboundSender] = []
    for sender in senders {
      let same = result.firstIndex { other in
        other.kind == sender.kind && other.scope == sender.scope && other.allowed == sender.allowed
          && other.refused == sender.refused
      }
      guard let same else {
        result.append(sender)
        continue
      }
      result[same] = OutboundSender(
        kind: sender.kind, interfaces: (result[same].interfaces + sender.interfaces).unique,
        guests: (result[same].guests + sender.guests).unique, confinements: sender.confinements,
        scope: sender.scope, allowed: sender.allowed, refused: sender.refused)
    }
    return result
  }

  private func sender(
    _ kind: OutboundSender.Kind, _ origin: PacketOrigin, _ interfaces: [InterfaceName], _ guests: [String]
  ) -> OutboundSender? {
    guard let (rows, packets) = rows(of: origin) else {
      budget.unevaluated.append(
        interfaces.isEmpty
          ? "this host" : "containers on \(interfaces.map(\.description).joined(separator: ", "))")
      return nil
    }
    let confinements = view.map { view in
      view.policy.confinements(of: view.machine.name, origin.sender).map {
        OutboundSender.Confining(
          place: Origin(file: $0.location.file, lines: [$0.location.line], reason: "").place,
          towards: $0.destinations)
      }
    }
    let scope = rows.scope
    return OutboundSender(
      kind: kind, interfaces: interfaces, guests: guests, confinements: confinements ?? [], scope: scope,
      allowed: reaches(rows, packets) { $0.verdict == .accept || $0.verdict == .undetermined },
      refused: scope == .listed
        ? [] : reaches(rows, packets) { $0.verdict == .drop || $0.verdict == .reject })
  }

  /// The verdicts for the packets of a sender; nil if they take more walks than are left.
  func rows(of origin: PacketOrigin) -> (OutboundRows, SentPackets)? {
    let packets = SentPackets(of: origin, on: host, by: view, origin.input == nil ? own : guest) {
      bridges.contains($0)
    }
    var rows = OutboundRows()
    for one in packets.classes {
      var found: [OutboundJudgement: [(UInt128, UInt128)]] = [:]
      // The verdict for a protocol whose port nothing reads, and its other services.
      var every: (number: UInt128, judgement: OutboundJudgement, services: [(UInt128, UInt128)])?
      for services in one.services {
        let (first, last) = (services.lowerBound >> 16, services.upperBound >> 16)
        if first == last, every?.number == first {
          every?.services.append((services.lowerBound, services.upperBound))
          continue
        }
        if let ended = every { found[ended.judgement, default: []] += ended.services }
        every = nil
        guard budget.walks > 0 else { return nil }
        budget.walks -= 1
        let trace = trace(packet(origin, one, services))
        let judgement = self.judgement(trace)
        found[judgement, default: []].append((services.lowerBound, services.upperBound))
        if first == last, !trace.dependsOnPort { every = (first, judgement, []) }
      }
      if let ended = every { found[ended.judgement, default: []] += ended.services }
      rows.add(one, found.mapValues { IntervalSet(ranges: $0) })
    }
    return (rows, packets)
  }

  /// The first packet of a flow of a class.
  private func packet(_ origin: PacketOrigin, _ one: SentPackets.Class, _ services: ClosedRange<UInt128>)
    -> Packet
  {
    let transport = IPProtocol(number: UInt8(truncatingIfNeeded: services.lowerBound >> 16))
    var port = UInt16(truncatingIfNeeded: services.lowerBound)
    // Port 0 is not used: the next one has the same verdict.
    if port == 0, services.upperBound > services.lowerBound { port = 1 }
    let question = RouteQuestion(destination: one.example, source: nil, input: nil)
    let source =
      origin.address(one.family) ?? host.environment.sourceAddress(question)
      ?? host.survey.host.snapshot.sourceAddress(on: one.output, towards: one.example)
    var packet = Packet(
      source: source ?? IPAddress(family: one.family, bits: 0), destination: one.example,
      transport: transport, sourcePort: SentPackets.sourcePort, destinationPort: port, input: origin.input,
      output: nil, destinationType: .unicast)
    while host.tunnelPorts.contains(packet.sourcePort) { packet.sourcePort += 1 }
    return packet
  }

  /// The trace of a packet of the host or of a guest.
  func trace(_ packet: Packet) -> Trace {
    packet.input == nil
      ? walk.departure(packet, in: host.environment) : walk.arrival(packet, in: host.environment)
  }

  /// The verdict of a trace, and what decided it.
  func judgement(_ trace: Trace) -> OutboundJudgement {
    let words = words.words(of: trace)
    return OutboundJudgement(
      verdict: trace.verdict, because: words.because, reason: words.reason,
      standing: trace.verdict != .accept
        ? .unjudged : view?.isGranted(trace) == true ? .granted : .ungranted)
  }

  // MARK: Words

  /// The rows with these verdicts, in words. What is the same in both families is one row.
  private func reaches(
    _ rows: OutboundRows, _ packets: SentPackets, _ isWanted: (OutboundJudgement) -> Bool
  ) -> [OutboundSender.Reach] {
    struct Line: Hashable {
      let judgement: OutboundJudgement
      let output: InterfaceName
      let services: [String]
    }
    var order: [Line] = []
    var found: [Line: [(name: DestinationNames.Named, family: AddressFamily)]] = [:]
    for (row, addresses) in rows.rows where isWanted(row.judgement) {
      let line = Line(
        judgement: row.judgement, output: row.output,
        services: services.names(row.services, row.family))
      if found[line] == nil { order.append(line) }
      found[line, default: []] += names.names(
        addresses, row.family, holes: packets.holes[row.family] ?? .empty
      ).map { ($0, row.family) }
    }
    return order.map { line in
      let own = found[line] ?? []
      let families = Dictionary(grouping: own, by: \.name).mapValues { Set($0.map(\.family)) }
      let words = own.map(\.name).unique.map { name in
        guard name.isCommon, packets.families.count > 1, let only = families[name], only.count == 1 else {
          return name.text
        }
        return "\(name.text) (\(only.contains(.ipv4) ? "IPv4" : "IPv6"))"
      }
      return OutboundSender.Reach(
        to: words, families: AddressFamily.allCases.filter { family in own.contains { $0.family == family } },
        services: line.services, interface: line.output, zone: view?.zone(of: line.output)?.name,
        judgement: line.judgement)
    }.sorted { one, two in
      (
        one.interface, one.judgement.because, one.to.joined(separator: " "),
        one.services.joined(separator: " ")
      )
        < (
          two.interface, two.judgement.because, two.to.joined(separator: " "),
          two.services.joined(separator: " ")
        )
    }
  }
}

/// The destinations and services of one sender, by verdict.
struct OutboundRows {
  /// Packets with one verdict and one exit; their services.
  struct Row: Hashable {
    let family: AddressFamily
    let output: InterfaceName
    let judgement: OutboundJudgement
    let services: IntervalSet
  }

  private var order: [Row] = []
  private var destinations: [Row: IntervalSet] = [:]
  /// By family, the number of addresses with a route, and of those that get every service without a grant.
  private var sizes: [AddressFamily: (routed: UInt128, open: UInt128)] = [:]

  /// The rows with their destinations.
  var rows: [(Row, IntervalSet)] { order.map { ($0, destinations[$0] ?? .empty) } }

  /// Adds a class of packets with the services of each verdict.
  mutating func add(_ one: SentPackets.Class, _ found: [OutboundJudgement: IntervalSet]) {
    for (judgement, services) in found.sorted(by: { ($0.value.first ?? 0) < ($1.value.first ?? 0) }) {
      let row = Row(family: one.family, output: one.output, judgement: judgement, services: services)
      if destinations[row] == nil { order.append(row) }
      destinations[row] = (destinations[row] ?? .empty).union(one.addresses)
    }
    let size = DestinationNames.size(one.addresses)
    let accepted = found.filter { $0.key.verdict == .accept }
    let isOpen =
      IntervalSet.union(accepted.values).isSuperset(of: SentPackets.services(one.family))
      && accepted.keys.contains { $0.standing == .ungranted }
    sizes[one.family, default: (0, 0)].routed += size
    if isOpen { sizes[one.family, default: (0, 0)].open += size }
  }

  /// Whether most addresses of a family get every service, not all of them by grants.
  var scope: OutboundSender.Scope {
    sizes.values.contains { $0.open > $0.routed / 2 } ? .everything : .listed
  }
}

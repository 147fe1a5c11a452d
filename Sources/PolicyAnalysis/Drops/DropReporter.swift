// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PolicyLanguage
internal import Ruleset
public import PacketWalk

/// Reports dropped packets in a policy's words. The remedy is computed once for equivalent packets, so that a
/// flood of log lines costs little.
public struct DropReporter: Sendable {
  /// What packets have in common if the same grant would let them in: the names, and what else would drop
  /// their source.
  private struct Key: Hashable {
    let prefix: String
    let zone: String
    let target: GrantTarget?
    package let sender: DropReport.Sender
    let family: AddressFamily
    package let service: String
    let isInTunnel: Bool
    let isInZone: Bool
    let blocked: Int?
  }

  /// A computed remedy: a grant from a sender that the line names, or, if `from` is nil, from the packet's
  /// own address.
  private enum Answer {
    case grant(to: String, services: String, from: String?)
    case none(String)
  }

  /// The limit of cached answers. When it is reached, all are discarded.
  public static let cacheLimit = 1024

  private let policy: Policy
  private let machine: Machine
  private let today: CalendarDate
  private let live: LiveFacts
  private let view: SiteView
  /// The last rule's counter and place in the policy for each chain that drops, by the chain's log prefix.
  private let endings: [String: (counter: NamedCounter, place: String)]
  private var answers: [Key: Answer] = [:]
  /// How many times a policy was compiled to compute an answer.
  private(set) var compilations = 0

  /// Creates a reporter for the packets that a machine's ruleset drops, as the policy compiles on this day.
  public init(
    _ policy: Policy, machine: Machine, today: CalendarDate, live: LiveFacts = LiveFacts()
  ) {
    self.policy = policy
    self.machine = machine
    self.today = today
    self.live = live
    view = CompiledSite(policy, today: today, live: live).view(of: machine)
    let counters = Dictionary(
      view.ruleset.counters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var endings: [String: (NamedCounter, String)] = [:]
    for chain in view.ruleset.chains {
      guard let prefix = chain.rules.first?.log?.prefix, let last = chain.rules.last,
        case .named(let name)? = last.count, let counter = counters[name]
      else { continue }
      endings[prefix] = (counter, last.origin.place)
    }
    self.endings = endings
  }

  /// The report of a dropped packet.
  public mutating func report(_ dropped: DroppedPacket) -> DropReport {
    let isOwn = dropped.hook == NFT.hookOutput || dropped.hook == NFT.hookPostrouting
    let interface = (isOwn ? dropped.output : dropped.input) ?? dropped.input ?? dropped.output
    // An interface that no longer exists is in no zone.
    let zone = interface.flatMap { interface in
      isOwn || dropped.headers == nil
        ? view.zone(of: interface) : dropped.headers.flatMap { view.zone(of: interface, from: $0.source) }
    }
    let ending = endings[dropped.prefix]
    // A ruleset that another version loaded, or that was compiled from another policy, can have other chains.
    let counter = ending?.counter.name ?? dropped.prefix
    let cause = (ending?.counter.purpose ?? NamedCounter.Purpose(counterNamed: counter)).cause
    let words = cause.map(DropWords.init)
    let final = words.map { $0.final } ?? "the ruleset that dropped it was not compiled from this policy"
    let headers = dropped.headers
    let sender = headers.map { self.sender($0.source, zone) } ?? .address
    let names: (all: [String], narrowest: Service?) = headers.map(services) ?? ([], nil)
    var remedy = DropReport.Remedy.none(final ?? "its headers or its interface are unknown")
    if ending == nil {
      remedy = .none("the ruleset that dropped it was not compiled from this policy")
    } else if final == nil, let headers, let zone, let input = dropped.input {
      remedy = self.remedy(headers, zone, input, sender, names.narrowest, dropped.prefix)
    }
    return DropReport(
      time: dropped.time, zone: zone?.name ?? "unknown", interface: interface, source: headers?.source,
      destination: headers?.destination, transport: headers?.transport, port: headers?.destinationPort,
      sender: sender, services: names.all, counter: counter, reason: words?.meaning ?? counter,
      place: ending?.place ?? "built in:", remedy: remedy)
  }

  // MARK: Names

  private func sender(_ address: IPAddress, _ zone: SiteZone?) -> DropReport.Sender {
    if let zone, zone.kind == .tunnel, let tunnel = policy.tunnel(named: zone.name) {
      return policy.machines.first { $0.addresses(in: tunnel.name).contains(address) }.map {
        .machine($0.name)
      }
        ?? .address
    }
    let known = policy.machines.first { machine in
      if case .addresses(let own) = machine.endpoint { own.contains(address) } else { false }
    }
    return known.map { .endpoint($0.name) } ?? .address
  }

  /// The names of the requested service, and the service that covers only this port; nil if no service can.
  private func services(_ headers: CapturedHeaders) -> (all: [String], narrowest: Service?) {
    let asked: ServicePort
    let written: String
    switch headers.transport {
    case .icmp, .icmpv6:
      guard headers.icmpType == (headers.transport == .icmp ? 8 : 128) else {
        return (["\(headers.transport) type \(headers.icmpType.map { String($0) } ?? "unknown")"], nil)
      }
      (asked, written) = (.echoRequest, "ping")
    case let transport where transport.hasPorts:
      guard let number = headers.destinationPort, let port = PortRange(number) else {
        return (["\(transport)"], nil)
      }
      (asked, written) = (.ports(transport, port), "\(number)/\(transport)")
    case let transport: (asked, written) = (.protocol(transport), "ip/\(transport.number)")
    }
    let own = policy.services.filter { $0.holds(asked) }
    let others = ServiceCatalogue.services.filter { service in
      service.holds(asked) && !policy.services.contains { $0.name == service.name }
    }
    let named = (own + others).sorted { ($0.ports.count, $0.name) < ($1.ports.count, $1.name) }
    let exact = named.first { $0.ports == [asked] }
    let all = own.isEmpty ? others.map(\.name) : own.map(\.name)
    return (all.isEmpty ? [written] : all, exact ?? Service(written: written))
  }

  // MARK: What would let it in

  private mutating func remedy(
    _ headers: CapturedHeaders, _ zone: SiteZone, _ input: InterfaceName, _ sender: DropReport.Sender,
    _ service: Service?, _ prefix: String
  ) -> DropReport.Remedy {
    guard let service else { return .none("no service can name this protocol or ICMP type") }
    let target = target(headers.destination)
    let key = Key(
      prefix: prefix, zone: zone.name, target: target, sender: sender, family: headers.source.family,
      service: service.name,
      isInTunnel: policy.tunnels.contains { $0.prefixes.contains { $0.contains(headers.source) } },
      isInZone: zone.prefixes.isEmpty || zone.prefixes.contains { $0.contains(headers.source) },
      blocked: policy.block.firstIndex { policy.list(named: $0.name)?.holds(headers.source) == true })
    let answer: Answer
    if let known = answers[key] {
      answer = known
    } else {
      answer = self.answer(headers, zone, input, sender, service, target)
      if answers.count >= Self.cacheLimit { answers.removeAll(keepingCapacity: true) }
      answers[key] = answer
    }
    switch answer {
    case .grant(let to, let services, let from):
      return .grant(PolicyWords.grant(to: to, services: services, from: from ?? headers.source.description))
    case .none(let why): return .none(why)
    }
  }

  /// The grant target that contains a destination; nil if none does. The caller then assumes this host.
  private func target(_ address: IPAddress) -> GrantTarget? {
    for other in policy.machines where other.name != machine.name {
      if other.addresses.contains(where: { $0.addresses.contains(address) }) { return .machine(other.name) }
    }
    if machine.subnets.contains(where: { $0.contains(address) }) {
      return .subnet(machine: machine.name, prefix: Prefix(address))
    }
    for zone in machine.zones where zone.prefixes.contains(where: { $0.contains(address) }) {
      return .zone(machine: machine.name, zone: zone.name)
    }
    return nil
  }

  private mutating func answer(
    _ headers: CapturedHeaders, _ zone: SiteZone, _ input: InterfaceName, _ sender: DropReport.Sender,
    _ service: Service, _ target: GrantTarget?
  ) -> Answer {
    let source: GrantSource
    var isByAddress = false
    switch (zone.kind, sender) {
    case (.containers, _):
      return .none("a grant cannot name a single container: grant the zone instead")
    case (.tunnel, .machine(let name)): source = .machine(name)
    case (.tunnel, _):
      guard let tunnel = policy.tunnel(named: zone.name) else {
        return .none("the policy has no tunnel of this name")
      }
      guard tunnel.prefixes.contains(where: { $0.contains(headers.source) }) else {
        return .none(
          "its source is not behind any machine of the policy: add its prefix to a zone or to 'subnets'")
      }
      source = .tunnel(tunnel.name)
    default:
      source = .prefix(Prefix(headers.source))
      isByAddress = true
    }
    // The destination can be in a zone of this host and still be the host's own address.
    var candidates: [GrantTarget] = [.machine(machine.name)]
    if let target { candidates.insert(target, at: 0) }
    var obstacle = ""
    for candidate in candidates {
      let trace = trace(headers, input, service, from: source, to: candidate)
      if trace.verdict == .accept {
        return .grant(
          to: PolicyWords.text(candidate), services: service.name,
          from: isByAddress ? nil : PolicyWords.text(source))
      }
      if obstacle.isEmpty {
        obstacle = "a grant is not enough: \(view.reason(trace)) (\(view.because(trace)))"
      }
    }
    return .none(obstacle)
  }

  /// Walks the packet through the ruleset with this grant added.
  private mutating func trace(
    _ headers: CapturedHeaders, _ input: InterfaceName, _ service: Service, from source: GrantSource,
    to target: GrantTarget
  ) -> Trace {
    compilations += 1
    let grant = Grant(
      to: [target], services: [service], from: [source], because: nil, until: nil,
      location: SourceLocation(file: policy.path, line: 1, column: 1), wordsTo: [PolicyWords.text(target)],
      wordsFrom: [PolicyWords.text(source)])
    let more = Policy(
      path: policy.path, tunnels: policy.tunnels, machines: policy.machines, groups: policy.groups,
      services: policy.services, lists: policy.lists, block: policy.block, grants: policy.grants + [grant],
      encryptions: policy.encryptions, failsafe: policy.failsafe, tests: [])
    let view = CompiledSite(more, today: today, live: live).view(of: machine)
    var packet = Packet(
      source: headers.source, destination: headers.destination, transport: headers.transport,
      sourcePort: headers.sourcePort ?? 40_000, destinationPort: headers.destinationPort ?? 0, input: input)
    if target == .machine(machine.name) { return view.arrival(packet) }
    packet.destinationType = .unicast
    return view.passage(packet, to: exit(target, input))
  }

  /// The interface on which a packet leaves for a target behind this machine.
  private func exit(_ target: GrantTarget, _ input: InterfaceName) -> InterfaceName {
    let zone: SiteZone?
    switch target {
    case .machine(let name):
      let other = policy.machine(named: name)
      zone = view.zones.first { zone in
        zone.kind == .tunnel && other?.addresses.contains { $0.tunnel.description == zone.name } == true
      }
    case .zone(_, let name): zone = view.zone(named: name)
    case .subnet(_, let prefix):
      zone =
        view.zones.first { $0.prefixes.contains { $0.contains(prefix) } } ?? view.zone(named: Zone.internet)
    }
    return zone.flatMap { view.interface(of: $0) } ?? input
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyAnalysis
public import PolicyLanguage
public import Ruleset

/// Reports dropped packets in a policy's words.
public struct DropReporter: Sendable {
  private let policy: Policy
  private let view: SiteView
  private var advice: GrantAdvice
  /// The last rule's counter and place in the policy for each chain that drops, by its name on a machine that
  /// does not only observe.
  private let endings: [DropChainName: (counter: NamedCounter, place: String)]
  /// The host whose packets are reported.
  public var host: DropHost

  /// The place of a rule that every ruleset has.
  private static let builtIn = "built in"

  /// How many times a policy was compiled to find a line.
  var compilations: Int { advice.compilations }

  /// Creates a reporter for the packets that a machine's ruleset drops, as the policy compiles on this day.
  public init(
    _ policy: Policy, machine: Machine, today: CalendarDate, live: LiveFacts = LiveFacts(),
    host: DropHost = DropHost()
  ) {
    self.policy = policy
    self.host = host
    view = CompiledSite(policy, today: today, live: live).view(of: machine)
    advice = GrantAdvice(view, today: today, live: live)
    let counters = Dictionary(
      view.ruleset.counters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var endings: [DropChainName: (NamedCounter, String)] = [:]
    for chain in view.ruleset.chains {
      guard let name = chain.rules.first?.log.flatMap({ DropChainName($0.prefix) }),
        let counter = chain.rules.reversed().lazy.compactMap({ rule -> (NamedCounter, String)? in
          guard case .named(let name)? = rule.count, let counter = counters[name] else { return nil }
          return (counter, rule.origin.lines.isEmpty ? Self.builtIn : rule.origin.place)
        }).first
      else { continue }
      endings[name.enforced] = counter
    }
    self.endings = endings
  }

  /// What is known of a chain by its log prefix.
  private func ending(_ prefix: String) -> (counter: NamedCounter, place: String)? {
    DropChainName(prefix).flatMap { endings[$0.enforced] }
  }

  // MARK: Records

  /// The record of one dropped packet.
  public func record(_ dropped: DroppedPacket) -> DropRecord {
    let isOwn =
      dropped.hook == NFT.hookOutput || (dropped.hook == NFT.hookPostrouting && dropped.input == nil)
    let interface = (isOwn ? dropped.output : dropped.input) ?? dropped.input ?? dropped.output
    // An interface that no longer exists is in no zone.
    let zone = interface.flatMap { interface in
      isOwn || dropped.headers == nil
        ? view.zone(of: interface) : dropped.headers.flatMap { view.zone(of: interface, from: $0.source) }
    }
    var key = DropKey(
      prefix: dropped.prefix, zone: zone?.name ?? "unknown",
      place: ending(dropped.prefix)?.place ?? Self.builtIn,
      direction: isOwn ? .outgoing : direction(dropped))
    key.input = dropped.input
    key.output = dropped.output
    if let headers = dropped.headers {
      key.source = headers.source
      key.destination = headers.destination
      key.transport = headers.transport
      key.port = headers.destinationPort
      key.icmpType = headers.icmpType
    }
    return DropRecord(key, first: dropped.time, last: dropped.time, count: 1)
  }

  /// Whether a packet that came from outside is for this host. Before its route is known, its destination decides.
  private func direction(_ dropped: DroppedPacket) -> DropKey.Direction {
    switch dropped.hook {
    case NFT.hookInput: return .local
    case NFT.hookForward, NFT.hookPostrouting: return .through
    default: break
    }
    if cause(dropped.prefix)?.reason == .notForwarded { return .through }
    guard let headers = dropped.headers else { return .local }
    let own = view.machine.addresses.flatMap(\.addresses) + view.machine.endpoint.ownAddresses
    if own.contains(headers.destination) { return .local }
    if host.addresses == nil, isElsewhere(headers.destination) { return .through }
    return host.isLocal(headers.destination) ? .local : .through
  }

  /// Whether the policy has an address at another machine.
  private func isElsewhere(_ address: IPAddress) -> Bool {
    policy.machines.contains { other in
      other.name != view.machine.name && other.addresses.contains { $0.addresses.contains(address) }
    }
  }

  private func cause(_ prefix: String) -> DropCause? {
    ending(prefix)?.counter.purpose.cause ?? DropChainName(prefix)?.dropCause
  }

  // MARK: Reports

  /// The report of a dropped packet.
  public mutating func report(_ dropped: DroppedPacket) -> DropReport { report(record(dropped)) }

  /// Whether a report says what would let its packets in, which can cost a compilation of the policy.
  public enum Advice: Sendable {
    case wanted
    case leftOut
  }

  /// The report of a record.
  public mutating func report(_ record: DropRecord, _ advice: Advice = .wanted) -> DropReport {
    let key = record.key
    let ending = ending(key.prefix)
    let words = cause(key.prefix).map(DropWords.init)
    let service = key.transport.map {
      AdvisedService(policy, $0, port: key.port, icmpType: key.icmpType)
    }
    let remedy: DropReport.Remedy
    if ending == nil {
      remedy = .none("the ruleset that dropped it was not compiled from this policy")
    } else if let why = words?.final {
      remedy = .none(why)
    } else if advice == .leftOut {
      remedy = .none("no line was looked for: others have more packets")
    } else {
      remedy = self.remedy(key, service?.service)
    }
    return DropReport(
      record, sender: sender(key), services: service?.names ?? [],
      counter: ending?.counter.name ?? key.prefix, reason: words?.meaning ?? key.prefix, remedy: remedy)
  }

  private func sender(_ key: DropKey) -> DropReport.Sender {
    guard let address = key.source else { return .address }
    if key.direction != .outgoing, let tunnel = policy.tunnel(named: key.zone) {
      return policy.machines.first { $0.addresses(in: tunnel.name).contains(address) }.map {
        .machine($0.name)
      } ?? .address
    }
    return policy.machines.first { $0.endpoint.ownAddresses.contains(address) }.map { .endpoint($0.name) }
      ?? .address
  }

  private mutating func remedy(_ key: DropKey, _ service: Service?) -> DropReport.Remedy {
    switch key.scope {
    case .flow: break
    case .source: return .none("its source asked for more services than are listed one by one")
    case .reason: return .none("there were more sources than are listed one by one")
    }
    guard let source = key.source, let destination = key.destination, let transport = key.transport,
      let input = key.direction == .outgoing ? key.output : key.input, let zone = view.zone(named: key.zone)
    else { return .none("its headers or its interface are unknown") }
    if let change = host.uncovered[input], zone.kind == .internet {
      return .none("\(input) is a bridge of guests that no zone covers: \(change)")
    }
    guard let service else { return .none("no service can name this protocol or ICMP type") }
    let packet = RefusedPacket(
      zone: zone, input: input, source: source, destination: destination, transport: transport,
      port: key.port ?? 0, route: route(key))
    switch advice.answer(packet, service) {
    case .line(let line): return .grant(line)
    case .none(let why): return .none(why)
    }
  }

  private func route(_ key: DropKey) -> RefusedPacket.Route {
    switch key.direction {
    case .local: .local
    case .through: .through(key.output)
    case .outgoing: .sent
    }
  }
}

extension Endpoint {
  /// The addresses of the policy.
  fileprivate var ownAddresses: [IPAddress] { if case .addresses(let own) = self { own } else { [] } }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketWalk
internal import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset

/// The connections that programs of the host opened.
extension OutboundWalks {
  /// Connections that no rule distinguishes.
  private struct Key: Hashable {
    let place: NamespaceSnapshot.Kind
    let process: String
    let container: String?
    let transport: IPProtocol
    let source: IPAddress
    let destination: IPAddress
    let port: UInt16
    let boundInterface: InterfaceName?
  }

  /// Those to other hosts, by process and destination.
  var connections: [OutboundConnection] {
    let policy = policyWalk
    let index = ServiceIndex(view?.policy)
    var advice = view.map { GrantAdvice($0, today: CalendarDate(secondsSince1970: 0), live: $0.live) }
    return host.survey.namespaces.flatMap { namespace -> [OutboundConnection] in
      var order: [Key] = []
      var found: [Key: [OpenedConnection]] = [:]
      for connection in namespace.snapshot.opened where leaves(connection, namespace) {
        let key = Key(
          place: namespace.kind, process: connection.process.map { "\($0.name) \($0.unit ?? "")" } ?? "",
          container: connection.process?.container, transport: connection.transport,
          source: connection.sent.source, destination: connection.sent.destination,
          port: connection.sent.destinationPort, boundInterface: connection.boundInterface)
        if found[key] == nil { order.append(key) }
        found[key, default: []].append(connection)
      }
      return order.compactMap { key in
        guard let all = found[key], let first = all.first else { return nil }
        var container = first.process.flatMap(host.survey.container(of:))
        if container == nil, case .container(let own) = namespace.kind { container = own }
        let service = index.name(first.transport, key.port)
        let now = judgements(first, namespace, walk, view)
        let wanted = view.flatMap { view in policy.flatMap { judgements(first, namespace, $0, view) } }
        let receiver = view.flatMap { view in
          now?.output.flatMap(view.zone(of:)).map { view.sender(key.destination, in: $0) }
        }
        var line: String?
        if let refused = wanted?.refused, let view {
          let service = Service(key.transport, key.port, in: view.policy)
          if let service, case .line(let advised)? = advice?.answer(refused, service) { line = advised.text }
        }
        return OutboundConnection(
          process: first.process, place: namespace.kind, container: container, transport: key.transport,
          destination: key.destination, port: key.port, receiver: receiver, service: service,
          count: all.count, now: now?.judgement ?? Self.unseen, policy: wanted?.judgement, advice: line)
      }
    }
  }

  /// What would be loaded if the policy was in force; nil without a policy.
  private var policyWalk: PacketWalk? {
    view.map { view in
      let others = host.tables.filter { $0.name != view.table.name || $0.family != view.table.family }
      return PacketWalk(others + [view.table], order: host.order)
    }
  }

  /// The verdict for connections whose packets do not pass the host's rules.
  private static let unseen = OutboundJudgement(
    verdict: .accept, because: "bypasses the host's rules", reason: "", standing: .ungranted)

  /// How the packets of a connection come to the rules of the host.
  private enum Entry {
    /// The host sends them.
    case own
    /// They arrive from a guest on this bridge.
    case guest(InterfaceName)
    /// No rule sees them: they leave by a macvlan or ipvlan.
    case unseen
  }

  /// How a connection's packets come to the rules; nil for namespaces that are not those of guests.
  private func entry(_ connection: OpenedConnection, _ namespace: NamespaceSnapshot) -> Entry? {
    if namespace.kind == .host { return .own }
    guard let interface = namespace.snapshot.interface(owning: connection.sent.source),
      let end = namespace.attachment(of: interface.name), end.namespace == host.survey.host.identity
    else { return nil }
    if end.kind == .parent { return .unseen }
    return (end.master ?? end.link).flatMap { bridges.contains($0) ? .guest($0) : nil }
  }

  /// Whether a connection leaves this machine: it is neither to the host itself nor to its guests.
  private func leaves(_ connection: OpenedConnection, _ namespace: NamespaceSnapshot) -> Bool {
    let (own, other) = (connection.sent.source, connection.sent.destination)
    if own.isLoopback || other.isLoopback || other.bits == 0 { return false }
    switch entry(connection, namespace) {
    case nil: return false
    case .unseen: return true
    case .own, .guest: return output(connection, namespace).map { !bridges.contains($0) } ?? false
    }
  }

  /// The interface by which a connection's packets leave; nil if they do not leave this machine.
  private func output(_ connection: OpenedConnection, _ namespace: NamespaceSnapshot) -> InterfaceName? {
    if let bound = connection.boundInterface, namespace.kind == .host { return bound }
    var input: InterfaceName?
    if case .guest(let bridge) = entry(connection, namespace) { input = bridge }
    let route = host.environment.route(
      RouteQuestion(
        destination: connection.sent.destination, source: connection.sent.source, input: input))
    guard let name = route.outputs.first, name != .loopback else { return nil }
    return name
  }

  private struct Judged {
    let judgement: OutboundJudgement
    let output: InterfaceName?
    /// The packet, if it is refused.
    let refused: RefusedPacket?
  }

  /// The verdict for a new connection; nil if its packets do not pass the rules of the host.
  private func judgements(
    _ connection: OpenedConnection, _ namespace: NamespaceSnapshot, _ walk: PacketWalk, _ view: SiteView?
  ) -> Judged? {
    let sent = connection.sent
    var packet = Packet(
      source: sent.source, destination: sent.destination, transport: connection.transport,
      sourcePort: sent.sourcePort, destinationPort: sent.destinationPort, input: nil,
      destinationType: .unicast)
    let trace: Trace
    switch entry(connection, namespace) {
    case .own:
      packet.user = connection.process?.userID
      packet.output = connection.boundInterface
      trace = walk.departure(packet, in: host.environment)
    case .guest(let bridge):
      packet.input = bridge
      trace = walk.arrival(packet, in: host.environment)
    case .unseen, nil: return nil
    }
    let output = output(connection, namespace)
    let judgement = judgement(trace)
    return Judged(judgement: judgement, output: output, refused: refusal(packet, judgement, output, view))
  }

  private func refusal(
    _ packet: Packet, _ judgement: OutboundJudgement, _ output: InterfaceName?, _ view: SiteView?
  ) -> RefusedPacket? {
    guard let view, judgement.verdict == .drop || judgement.verdict == .reject, let output else { return nil }
    let interface = packet.input ?? output
    guard let zone = view.zone(of: interface) else { return nil }
    return RefusedPacket(
      zone: zone, input: interface, source: packet.source, destination: packet.destination,
      transport: packet.transport, port: packet.destinationPort,
      route: packet.input == nil ? .sent : .through(output))
  }
}

extension Service {
  /// The service for one port: one of a policy that has no other port, else the port as it is written.
  fileprivate init?(_ transport: IPProtocol, _ port: UInt16, in policy: Policy) {
    guard let range = PortRange(port),
      let service = policy.services.first(where: { $0.ports == [.ports(transport, range)] })
        ?? Service(written: "\(port)/\(transport)")
    else { return nil }
    self = service
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketWalk
internal import PolicyAnalysis
internal import Ruleset

/// Sockets in other network namespaces of the host, and packets that arrive there.
extension ReachJudge {
  /// The exposure of a socket in another network namespace of the host.
  func exposure(of listener: Listener, in other: NamespaceSnapshot) -> Exposure {
    var container = listener.process.flatMap(host.survey.container(of:))
    if container == nil, case .container(let own) = other.kind { container = own }
    return Exposure(
      listener: listener, place: other.kind, container: container, network: network(of: listener, in: other),
      service: services.name(listener.protocol, listener.port), reachable: reaches(listener, other))
  }

  /// The parent interfaces on the host of the namespace's macvlan and ipvlan interfaces, in words; nil if it has
  /// none.
  func network(of listener: Listener, in other: NamespaceSnapshot) -> String? {
    let beside = other.attachments.filter { attachment in
      attachment.kind == .parent && attachment.namespace == host.survey.host.identity
        && (listener.isWildcard
          || other.snapshot.interface(owning: listener.address)?.name == attachment.interface)
    }
    let words = beside.compactMap { attachment -> String? in
      guard let link = attachment.link else { return nil }
      let kind = other.snapshot.interface(named: attachment.interface)?.kind
      return "\(kind ?? "an interface") on \(link)"
    }
    return words.isEmpty ? nil : words.joined(separator: ", ")
  }

  func reaches(_ listener: Listener, _ other: NamespaceSnapshot) -> [Exposure.Reach] {
    reaches(listener, in: other) { outcome, question, ingress in self.arrived(outcome, question, ingress) }
  }

  /// The verdict for a packet to another namespace that bypasses the host's rules; nil if it passes them.
  func passed(
    _ question: PacketOutcomes.Question, to other: NamespaceSnapshot, _ near: Nearness, _ ingress: Ingress
  ) -> Judged? {
    let open: Judged
    if let parent = near.parent, ingress.interfaces.contains(where: { $0.name == parent }) {
      open = Judged(
        verdict: .accept, because: "bypasses the host's rules",
        reason: "through its own macvlan or ipvlan interface on \(parent)",
        standing: ingress.kind == .tunnel ? .unjudged : .ungranted)
    } else if near.outputs.contains(question.input), leads(question.input, to: other) {
      open = Judged(
        verdict: .accept, because: "same bridge",
        reason: "neighbour on \(question.input): bridged, not routed", standing: .unjudged)
    } else {
      return nil
    }
    return inside(other, question.destination, question.port, question) ?? open
  }

  /// How an address of another namespace is reached without the host.
  func nearness(of address: IPAddress, in other: NamespaceSnapshot) -> Nearness {
    var parent: InterfaceName?
    if let interface = other.snapshot.interface(owning: address),
      let attachment = other.attachment(of: interface.name), attachment.kind == .parent,
      attachment.namespace == host.survey.host.identity
    {
      parent = attachment.link
    }
    let question = RouteQuestion(destination: address, source: nil, input: nil)
    return Nearness(parent: parent, outputs: host.environment.route(question).outputs)
  }

  /// Whether IPVS of a namespace takes a packet that arrives there: by its address and port, or by the mark that the namespace's
  /// rules give it.
  func isBalanced(
    _ other: NamespaceSnapshot, _ address: IPAddress, _ port: UInt16, _ question: PacketOutcomes.Question
  ) -> Bool {
    guard let services = host.otherServices[other.identity] else { return false }
    let mark = trace(in: other, address, port, question)?.packet?.mark ?? 0
    return services.contains { service in
      switch service {
      case .address(question.transport, address, port: port): true
      case .address: false
      case .mark(let number): number == mark
      }
    }
  }

  /// The walk of a packet through the rules of the namespace where it arrives; nil if that has none.
  func trace(
    in other: NamespaceSnapshot, _ address: IPAddress, _ port: UInt16, _ question: PacketOutcomes.Question
  ) -> Trace? {
    guard let walk = otherWalks[other.identity] else { return nil }
    // The port classes come from the host's rules; these rules may distinguish more ports.
    dependsOnPort = true
    let packet = Packet(
      source: question.source, destination: address, transport: question.transport, destinationPort: port,
      input: other.snapshot.interface(owning: address)?.name)
    return walk.trace(packet, hooks: [NFT.hookPrerouting, NFT.hookInput])
  }

  /// The verdict of the namespace's own rules for a packet that arrives there; nil if they accept it.
  func inside(
    _ other: NamespaceSnapshot, _ address: IPAddress, _ port: UInt16, _ question: PacketOutcomes.Question
  ) -> Judged? {
    guard let trace = trace(in: other, address, port, question), trace.verdict != .accept else { return nil }
    return Judged(
      verdict: trace.verdict, because: TraceWords.because(trace), reason: "a rule in \(other.kind)",
      standing: .unjudged)
  }
}

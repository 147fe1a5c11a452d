// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
public import PacketWalk

/// The answer to a question: packets, the machines on their packet path, and what each machine does, step by
/// step.
public struct Explanation: Sendable {
  /// A machine on the packet path.
  public struct Hop: Sendable {
    /// The name of the machine; for a tunnel, the name of the interface.
    public let machine: String
    /// The role of the machine on the packet path.
    public let role: Role
    /// The walk of the packet on this machine; empty for a tunnel, which has no rules.
    public let trace: Trace
    /// The verdict of this machine.
    public let verdict: TraceVerdict
    /// The line of the policy, or the rule of another table, that decided.
    public let because: String
    /// The reason that the line or rule states.
    public let reason: String
  }

  /// The role of a machine on a packet path.
  public enum Role: String, Sendable {
    case sender
    case tunnel
    case router
    case hub
    case receiver
  }

  /// A packet and its packet path.
  public struct Path: Sendable {
    /// The packet as it is sent.
    public let packet: Packet
    /// The zone of the receiving machine from which the packet arrives.
    public let zone: String
    /// The sender, in the policy's words.
    public let source: String
    /// The machines on the packet path, in order, up to the first that does not accept the packet.
    public let hops: [Hop]

    /// The hop that decided: the first that does not accept the packet, else the last.
    public var deciding: Hop? { hops.first { $0.verdict != .accept } ?? hops.last }
    /// The verdict for the packet.
    public var verdict: TraceVerdict { deciding?.verdict ?? .undetermined }
    /// If the verdict is undetermined: between which verdicts one condition decides, if that is known.
    public var alternatives: Trace.Alternatives? {
      deciding.flatMap { $0.verdict == .undetermined ? $0.trace.alternatives : nil }
    }
    /// Where the packet may go instead, by chance, each as `10.0.0.21 port 80`; empty if it is not accepted.
    public var otherEnds: [String] {
      guard verdict == .accept else { return [] }
      return (hops.last?.trace.others ?? []).compactMap(\.packet).map { end in
        end.transport.hasPorts ? "\(end.destination) port \(end.destinationPort)" : "\(end.destination)"
      }
    }
    /// Rates and other limits below which the packet is accepted, in the order of its path; empty if it is not.
    public var assumptions: [String] {
      guard verdict == .accept else { return [] }
      var found: [String] = []
      for case .assumed(let text) in hops.flatMap(\.trace.steps).map(\.outcome) where !found.contains(text) {
        found.append(text)
      }
      return found
    }
  }

  /// All packets of the question.
  public let paths: [Path]

  /// The packet that decides the answer: the first that is not accepted, else the first of all.
  public var deciding: Path? { paths.first { $0.verdict != .accept } ?? paths.first }
  /// The verdict for all packets: accept if all are accepted, else the verdict for the first that is not.
  public var verdict: TraceVerdict { deciding?.verdict ?? .undetermined }

  /// Which part of the packet path a question covers.
  public enum Reach: Sendable {
    /// Only the asked machine.
    case machine
    /// The whole path, from the sender's output through the tunnel.
    case across
  }

  /// Answers a question with the rulesets that a policy compiles to.
  public init(_ question: Question, of site: CompiledSite, _ reach: Reach) {
    var judges = Set(site.policy.tunnels.compactMap(\.hub)).union([question.target.machine])
    for source in question.sources {
      switch source {
      case .machine(let name), .machineZone(let name, _): judges.insert(name)
      case .tunnel, .zone, .prefix, .list, .anywhere: break
      }
    }
    let paths = PacketPaths(site, judges: judges)
    var found: [Path] = []
    let itself = GrantSource.machine(question.target.machine)
    for source in question.sources where source != itself || paths.isOutbound(source, question.target) {
      let arrivals = paths.arrivals(source, at: question.target, over: question.over)
      for port in question.service.ports {
        for path in paths.paths(arrivals, source, question.target, port) {
          found.append(Self.path(path, source, question.target, paths, reach))
        }
      }
    }
    self.paths = found
  }

  private static func path(
    _ path: PacketPath, _ source: GrantSource, _ target: GrantTarget, _ paths: PacketPaths,
    _ reach: Reach
  ) -> Path {
    var hops: [Hop] = []
    if reach == .across {
      let isFirst = path.hops.count > 1 && path.hops.first?.machine == source.machine
      if case .machine(let name) = source, name != target.machine, !isFirst, let sender = paths.views[name] {
        let output = sender.interface(towards: path.zone)
        hops.append(hop(.sender, sender, sender.departure(path.packet, by: output)))
      }
      hops += path.hops.dropLast().compactMap { segment in
        paths.views[segment.machine].map { view in
          let isSender = source == .machine(view.machine.name)
          return hop(
            isSender ? .sender : view.machine.name == source.machine ? .router : .hub, view, segment.trace)
        }
      }
      if path.zone.kind == .tunnel {
        let tunnel = tunnelHop(path, source, target, paths.policy)
        // A packet enters the tunnel after the rules of the sender or of the routing machine.
        let inside = hops.prefix { $0.role == .sender || $0.role == .router }.count
        hops.insert(tunnel, at: inside)
      }
    }
    if let last = path.hops.last, let view = paths.views[last.machine] {
      hops.append(hop(path.isOutbound ? .sender : .receiver, view, last.trace))
    }
    if let refusal = hops.firstIndex(where: { $0.verdict != .accept }) {
      hops.removeSubrange((refusal + 1)...)
    }
    return Path(
      packet: path.packet, zone: path.zone.name, source: PolicyWords.text(source), hops: hops)
  }

  private static func hop(_ role: Role, _ view: SiteView, _ trace: Trace) -> Hop {
    Hop(
      machine: view.machine.name, role: role, trace: trace, verdict: trace.verdict,
      because: view.because(trace), reason: view.reason(trace))
  }

  /// WireGuard's own check of AllowedIPs: the destination selects the peer, and the receiving end accepts the
  /// source only from the peer that has it.
  private static func tunnelHop(
    _ path: PacketPath, _ source: GrantSource, _ target: GrantTarget, _ policy: Policy
  ) -> Hop {
    let packet = path.packet
    let name = path.zone.name
    func owner(of address: IPAddress) -> Machine? {
      policy.machines.first { machine in
        (machine.addresses.filter { $0.tunnel.description == name }.flatMap(\.addresses).map { Prefix($0) }
          + machine.subnets + machine.zones.flatMap(\.prefixes)).contains { $0.contains(address) }
      }
    }
    /// The machine behind whose zone without prefixes, such as `internet`, an address is.
    func router(_ end: (machine: String, zone: String)?, _ address: IPAddress) -> Machine? {
      end.flatMap { end in
        policy.machine(named: end.machine).flatMap { machine in
          policy.hosts(of: end.zone, on: machine).contains { $0.contains(address) } ? machine : nil
        }
      }
    }
    let (targetZone, sourceZone): ((machine: String, zone: String)?, (machine: String, zone: String)?)
    switch target {
    case .zone(let machine, let zone): targetZone = (machine, zone)
    // Peers send to the internet through a machine if some grant says so.
    case .machine(let name), .subnet(let name, _):
      let outside = GrantTarget.zone(machine: name, zone: Zone.internet)
      targetZone = policy.grants.contains { $0.to.contains(outside) } ? (name, Zone.internet) : nil
    }
    if case .machineZone(let machine, let zone) = source {
      sourceZone = (machine, zone)
    } else {
      sourceZone = nil
    }
    let hub = policy.tunnel(named: name)?.hub
    guard let to = owner(of: packet.destination) ?? router(targetZone, packet.destination) else {
      return Hop(
        machine: name, role: .tunnel, trace: Trace(), verdict: .drop,
        because: "no peer of \(name) has \(packet.destination) in its AllowedIPs, according to the policy",
        reason: "WireGuard does not send it")
    }
    guard let from = owner(of: packet.source) ?? router(sourceZone, packet.source) else {
      return Hop(
        machine: name, role: .tunnel, trace: Trace(), verdict: .drop,
        because: "no peer of \(name) has \(packet.source) in its AllowedIPs, according to the policy",
        reason: "WireGuard drops it at the receiving end")
    }
    let relayed = hub.map { $0 != to.name && $0 != from.name } ?? false
    let route = relayed ? "\(from.name) -> \(hub ?? "") -> \(to.name)" : "\(from.name) -> \(to.name)"
    return Hop(
      machine: name, role: .tunnel, trace: Trace(), verdict: .accept, because: route,
      reason:
        "\(packet.destination) is in \(relayed ? hub ?? "" : to.name)'s AllowedIPs, \(packet.source) in "
        + "\(relayed ? hub ?? "" : from.name)'s")
  }

  /// The answer for packets that were walked elsewhere: through all rules that are loaded in a kernel.
  public init(paths: [Path]) { self.paths = paths }

  /// A packet path of one machine.
  public static func path(
    _ packet: Packet, _ trace: Trace, from source: String, over zone: String, on view: SiteView
  )
    -> Path
  {
    Path(packet: packet, zone: zone, source: source, hops: [hop(.receiver, view, trace)])
  }
}

extension GrantSource {
  /// The machine that this source is, or that routes it; nil if there is none.
  package var machine: String? {
    switch self {
    case .machine(let name), .machineZone(let name, _): name
    case .tunnel, .zone, .prefix, .list, .anywhere: nil
    }
  }
}

extension SiteView {
  /// The interface on which this machine sends to another machine's zone: the tunnel, or one of zone
  /// `internet`.
  func interface(towards zone: SiteZone) -> InterfaceName {
    let internet = zones.first { $0.kind == .internet }.flatMap { interface(of: $0) }
    if zone.kind == .tunnel, case .exact(let name)? = zone.interfaces.first { return name }
    return internet ?? .loopback
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
public import PacketWalk

/// The answer to a question: packets, the machines that they meet, and what each of them does, step by step.
public struct Explanation: Sendable {
  /// A machine on the way.
  public struct Hop: Sendable {
    /// Its name.
    public let machine: String
    /// What it is on the way.
    public let role: Role
    /// What befalls the packet there; nothing for a tunnel, which has no rules.
    public let trace: Trace
    /// Accept, drop, reject or undetermined.
    public let verdict: TraceVerdict
    /// The line of the policy, or the foreign rule, that decided.
    public let because: String
    /// What that line is about.
    public let reason: String
  }

  /// What a machine is on a packet's way.
  public enum Role: String, Sendable {
    case sender
    case tunnel
    case router
    case hub
    case receiver
  }

  /// A packet and its way.
  public struct Way: Sendable {
    /// The packet as it sets out.
    public let packet: Packet
    /// The zone of the receiving machine by which it comes.
    public let zone: String
    /// Who sends it, in the policy's words.
    public let source: String
    /// The machines that it meets, in order, up to the first that does not let it on.
    public let hops: [Hop]

    /// The stop that decided: the first that refuses, else the last.
    public var deciding: Hop? { hops.first { $0.verdict != .accept } ?? hops.last }
    /// What becomes of it.
    public var verdict: TraceVerdict { deciding?.verdict ?? .undetermined }
  }

  /// Every packet that the question is about.
  public let ways: [Way]

  /// What becomes of all of them: accept where all are let in, else what befalls the first that is not.
  public var deciding: Way? { ways.first { $0.verdict != .accept } ?? ways.first }
  /// What becomes of them.
  public var verdict: TraceVerdict { deciding?.verdict ?? .undetermined }

  /// How far a question goes.
  public enum Reach: Sendable {
    /// What the asked machine does.
    case machine
    /// From the sender's output through the tunnel.
    case across
  }

  /// The answer of what a policy compiles to.
  public init(_ question: Question, of site: CompiledSite, _ reach: Reach) {
    var judges = Set(site.policy.tunnels.compactMap(\.hub)).union([question.target.machine])
    for source in question.sources {
      switch source {
      case .machine(let name), .machineZone(let name, _): judges.insert(name)
      case .tunnel, .zone, .prefix, .list: break
      }
    }
    let paths = PacketPaths(site, judges: judges)
    var ways: [Way] = []
    for source in question.sources where source != .machine(question.target.machine) {
      let arrivals = paths.arrivals(source, at: question.target, over: question.over)
      for port in question.service.ports {
        for path in paths.paths(arrivals, source, question.target, port) {
          ways.append(Self.way(path, source, question.target, paths, reach))
        }
      }
    }
    self.ways = ways
  }

  private static func way(
    _ path: PacketPath, _ source: GrantSource, _ target: GrantTarget, _ paths: PacketPaths,
    _ reach: Reach
  ) -> Way {
    var hops: [Hop] = []
    if reach == .across {
      if case .machine(let name) = source, let sender = paths.views[name] {
        let output = sender.interface(towards: path.zone)
        hops.append(hop(.sender, sender, sender.departure(path.packet, by: output)))
      }
      hops += path.hops.dropLast().compactMap { segment in
        paths.views[segment.machine].map { view in
          hop(view.machine.name == source.machine ? .router : .hub, view, segment.trace)
        }
      }
      if path.zone.kind == .tunnel {
        let tunnel = tunnelStop(path, source, target, paths.policy)
        // The tunnel is entered behind the sender's, or the routing machine's, rules.
        let inside = hops.prefix { $0.role == .sender || $0.role == .router }.count
        hops.insert(tunnel, at: inside)
      }
    }
    if let last = path.hops.last, let view = paths.views[last.machine] {
      hops.append(hop(.receiver, view, last.trace))
    }
    if let refusal = hops.firstIndex(where: { $0.verdict != .accept }) {
      hops.removeSubrange((refusal + 1)...)
    }
    return Way(
      packet: path.packet, zone: path.zone.name, source: PolicyWords.text(source), hops: hops)
  }

  private static func hop(_ role: Role, _ view: SiteView, _ trace: Trace) -> Hop {
    Hop(
      machine: view.machine.name, role: role, trace: trace, verdict: trace.verdict,
      because: view.because(trace), reason: view.reason(trace))
  }

  /// WireGuard's own check: the destination chooses the peer, and that peer must be allowed the source.
  private static func tunnelStop(
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
    let hub = policy.tunnel(named: name)?.hub
    guard let to = owner(of: packet.destination) else {
      return Hop(
        machine: name, role: .tunnel, trace: Trace(), verdict: .drop,
        because: "no peer of \(name) has \(packet.destination) in its AllowedIPs as the policy has them",
        reason: "WireGuard refuses it")
    }
    guard let from = owner(of: packet.source) else {
      return Hop(
        machine: name, role: .tunnel, trace: Trace(), verdict: .drop,
        because: "no peer of \(name) has \(packet.source) in its AllowedIPs as the policy has them",
        reason: "WireGuard drops it at the other end")
    }
    let relayed = hub.map { $0 != to.name && $0 != from.name } ?? false
    let way = relayed ? "\(from.name) -> \(hub ?? "") -> \(to.name)" : "\(from.name) -> \(to.name)"
    return Hop(
      machine: name, role: .tunnel, trace: Trace(), verdict: .accept, because: way,
      reason:
        "\(packet.destination) is in \(relayed ? hub ?? "" : to.name)'s AllowedIPs, \(packet.source) in "
        + "\(relayed ? hub ?? "" : from.name)'s")
  }

  /// The answer of packets that were walked elsewhere: through everything that is loaded in a kernel.
  public init(ways: [Way]) { self.ways = ways }

  /// A way on one machine alone.
  public static func way(
    _ packet: Packet, _ trace: Trace, from source: String, over zone: String, on view: SiteView
  )
    -> Way
  {
    Way(packet: packet, zone: zone, source: source, hops: [hop(.receiver, view, trace)])
  }
}

extension GrantSource {
  /// The machine that it is, or that routes it.
  package var machine: String? {
    switch self {
    case .machine(let name), .machineZone(let name, _): name
    case .tunnel, .zone, .prefix, .list: nil
    }
  }
}

extension SiteView {
  /// The interface by which this machine sends towards another's zone: the tunnel itself, or one of the internet.
  func interface(towards zone: SiteZone) -> InterfaceName {
    let internet = zones.first { $0.kind == .internet }.flatMap { interface(of: $0) }
    if zone.kind == .tunnel, case .exact(let name)? = zone.interfaces.first { return name }
    return internet ?? .loopback
  }
}

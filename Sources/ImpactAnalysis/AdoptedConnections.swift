// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PacketWalk
public import Ruleset

/// The connections that conntrack must know before the first ruleset is loaded.
///
/// If nothing tracked connections before, conntrack takes the sender of the first packet that it sees as the opener.
/// For half of all connections this is the wrong side: a ruleset that judges the packets of the opener then ends
/// connections that are granted, and continues connections that are not. So an entry is created for each live socket
/// of the host, and for each of its guests whose packets pass through the host.
public struct AdoptedConnections: Sendable {
  /// The entries to create, with the true opener.
  public private(set) var created: [LiveFlow] = []
  /// The entries of `created` for which conntrack has an entry with the wrong opener, as it is tracked now. It must be
  /// deleted first.
  public private(set) var reversed: [LiveFlow] = []

  /// Seconds until an entry expires if no packet arrives: the kernel's defaults for an established TCP connection
  /// (`nf_conntrack_tcp_timeout_established`) and for UDP in both directions (`nf_conntrack_udp_timeout_stream`).
  static func timeout(_ transport: IPProtocol) -> UInt32 { transport == .tcp ? 432_000 : 120 }

  /// Finds the entries. `tracked` is what conntrack has now. `desired` is the ruleset that will be loaded: a
  /// connection of a guest is adopted only if the ruleset accepts its opener's packets, because the guest itself
  /// reports its sockets. `interfaces` and `environment` are the host's.
  public init(
    _ namespaces: [NamespaceConnections], tracked: [LiveFlow], desired: KernelTable,
    interfaces: [NetworkInterface], in environment: any HostEnvironment
  ) {
    var known: [Key: LiveFlow] = [:]
    for flow in tracked {
      known[Key(transport: flow.transport, tuple: flow.original)] = flow
      known[Key(transport: flow.transport, tuple: flow.reply)] = flow
    }
    let walk = PacketWalk([desired])
    for (key, connection) in Self.connections(namespaces, interfaces, environment) {
      var flow = LiveFlow(transport: key.transport, original: key.tuple, reply: key.tuple.inverted)
      flow.timeout = Self.timeout(key.transport)
      flow.tcpState = key.transport == .tcp ? .established : nil
      let found = known[key] ?? known[Key(transport: key.transport, tuple: flow.reply)]
      let wrong = found.flatMap { found in
        found.original == flow.reply && found.reply == flow.original && found.zone == 0
          && connection.isCertain
          ? found : nil
      }
      if found != nil, wrong == nil { continue }
      if connection.place == .other, !Self.isAccepted(flow, walk, environment) { continue }
      if let wrong {
        flow.mark = wrong.mark
        reversed.append(wrong)
      }
      created.append(flow)
    }
    created.sort { ($0.transport, $0.original) < ($1.transport, $1.original) }
    reversed.sort { ($0.transport, $0.original) < ($1.transport, $1.original) }
  }

  /// The connections as they are after the adoption, from those that are tracked now.
  public func following(_ tracked: [LiveFlow]) -> [LiveFlow] {
    let wrong = Set(reversed)
    return tracked.filter { !wrong.contains($0) } + created
  }

  /// A connection by its opener's packets.
  private struct Key: Hashable {
    let transport: IPProtocol
    let tuple: FlowTuple
  }

  private struct Connection {
    var place: NamespaceConnections.Place
    var isCertain: Bool
  }

  /// Each connection once, also if both of its sockets are on this host.
  private static func connections(
    _ namespaces: [NamespaceConnections], _ interfaces: [NetworkInterface], _ environment: any HostEnvironment
  ) -> [Key: Connection] {
    var found: [Key: Connection] = [:]
    for namespace in namespaces {
      for socket in namespace.sockets {
        let (side, isCertain) = namespace.opener(of: socket)
        guard passes(socket, of: namespace.place, interfaces, environment) else { continue }
        let tuple = side == .thisSide ? socket.sent : socket.sent.inverted
        let key = Key(transport: socket.transport, tuple: tuple)
        let opposite = Key(transport: socket.transport, tuple: tuple.inverted)
        if let other = found[opposite] {
          // The two sockets disagree: the one that is certain is right.
          guard isCertain, !other.isCertain else { continue }
          found[opposite] = nil
          found[key] = Connection(
            place: other.place == .host ? .host : namespace.place, isCertain: isCertain)
        } else {
          found[key] = Connection(
            place: found[key]?.place == .host ? .host : namespace.place,
            isCertain: isCertain || found[key]?.isCertain == true)
        }
      }
    }
    return found
  }

  /// Whether the packets of a socket meet the host's rules. A guest's do if the host routes to the guest's address by
  /// an interface of guests. A guest can give itself any address; another one would not be routed to it.
  private static func passes(
    _ socket: NamespaceConnections.Socket, of place: NamespaceConnections.Place,
    _ interfaces: [NetworkInterface], _ environment: any HostEnvironment
  ) -> Bool {
    let (own, remote) = (socket.sent.source, socket.sent.destination)
    if own.isLoopback || remote.isLoopback || remote.bits == 0 { return false }
    switch place {
    case .host:
      // Packets between two addresses of the host use the loopback interface, where every packet is accepted.
      return environment.addressType(remote, on: nil) != .local
    case .other:
      guard environment.addressType(own, on: nil) != .local,
        let name = environment.route(
          RouteQuestion(destination: own, source: nil, input: nil)
        ).outputs.first,
        let interface = interfaces.first(where: { $0.name == name })
      else { return false }
      return interface.kind.map { guestKinds.contains($0) } ?? false
    }
  }

  /// Kinds of interfaces (`IFLA_INFO_KIND`) by which a host reaches its guests.
  private static let guestKinds: Set<String> = ["bridge", "veth", "netkit", "ipvlan", "macvlan", "macvtap"]

  private static func isAccepted(
    _ flow: LiveFlow, _ walk: PacketWalk, _ environment: any HostEnvironment
  ) -> Bool {
    let source = flow.original.source
    guard
      let input = environment.route(
        RouteQuestion(destination: source, source: nil, input: nil)
      ).outputs.first
    else { return false }
    var packet = flow.nextPacket
    packet.input = input
    packet.destinationType = environment.addressType(flow.original.destination, on: nil) ?? .unicast
    return walk.arrival(packet, in: environment).verdict == .accept
  }
}

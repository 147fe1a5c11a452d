// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PacketWalk
internal import Ruleset

/// Finds what must keep working on a host, from facts about the host alone: no policy is asked.
public struct EssentialFlows {
  let facts: ImpactFacts
  let environment: any HostEnvironment

  /// The tunnels of the site: their peers may send first, whatever the port.
  private let siteTunnels: Set<InterfaceName>

  /// Creates a finder. `environment` answers for the host's routes and addresses.
  public init(_ facts: ImpactFacts, tunnels: Set<InterfaceName> = [], in environment: any HostEnvironment) {
    self.facts = facts
    siteTunnels = tunnels
    self.environment = environment
  }

  /// Every flow, sessions first, then in order of kind and subject. A flow for which the host has no route is left
  /// out.
  public var all: [EssentialFlow] {
    let found =
      sessions + tunnels + internet + nameServers + timeServers + leases + guests + metadata + multicast
    return found.filter { !$0.exchanges.isEmpty }
  }

  /// Addresses in the internet that take the default route, unless a more specific one exists.
  static let farAway = ["9.9.9.9", "2620:fe::9"].compactMap { IPAddress($0) }

  // MARK: Packets

  /// A packet of this host to a destination, which is answered; nil without a route to another host.
  private func own(
    to destination: IPAddress, _ transport: IPProtocol, from port: UInt16 = 40_000, _ destinationPort: UInt16,
    mark: UInt32 = 0, _ words: String
  ) -> EssentialFlow.Exchange? {
    let question = RouteQuestion(destination: destination, source: nil, input: nil, mark: mark)
    guard let output = environment.route(question).outputs.first, output != .loopback, carries(output),
      let source = environment.sourceAddress(question)
        ?? facts.host.sourceAddress(on: output, towards: destination)
    else { return nil }
    var packet = Packet(
      source: source, destination: destination, transport: transport, sourcePort: port,
      destinationPort: destinationPort, input: nil, output: output, destinationType: .unicast)
    packet.mark = mark
    return EssentialFlow.Exchange(packet: packet, answer: .reply, words: words)
  }

  /// Whether an interface can carry packets: a bridge without ports cannot.
  private func carries(_ name: InterfaceName) -> Bool {
    guard let interface = facts.host.interface(named: name), interface.kind == "bridge" else { return true }
    return ports(of: interface) > 0
  }

  /// The number of ports of a bridge.
  func ports(of bridge: NetworkInterface) -> Int {
    facts.host.interfaces.count { $0.master == bridge.index }
  }

  // MARK: Administrators

  private var sessions: [EssentialFlow] {
    var known: Set<IPAddress> = []
    return facts.sessions.compactMap { found in
      let session = found.session
      guard !session.client.isLoopback, known.insert(session.client).inserted else { return nil }
      let route = environment.route(
        RouteQuestion(destination: session.client, source: session.server, input: nil))
      let towards = route.outputs.first
      guard let input = session.clientScope ?? towards, input != .loopback, carries(input) else { return nil }
      let packet = Packet(
        source: session.client, destination: session.server, transport: .tcp,
        sourcePort: session.clientPort, destinationPort: session.serverPort, input: input)
      return EssentialFlow(
        kind: .session, subject: session.client.description,
        loss: found.owner == .caller
          ? "your own session from \(session.client) over \(input) would end, and a new one would be refused"
          : "an administrator's session from \(session.client) over \(input) would end",
        exchanges: [
          EssentialFlow.Exchange(
            packet: packet, answer: .reply,
            words: "from \(session.client) to port \(session.serverPort)/tcp over \(input)")
        ])
    }
  }

  // MARK: Tunnels

  private var tunnels: [EssentialFlow] {
    facts.devices.compactMap { device in
      guard let port = device.listenPort, port != 0 else { return nil }
      // A port that the kernel did not choose was configured: peers may send first.
      let isServer = siteTunnels.contains(device.name) || !facts.ephemeralPorts.contains(port)
      var exchanges: [EssentialFlow.Exchange] = []
      for endpoint in Set(device.peers.compactMap(\.endpoint)).sorted(by: { $0.description < $1.description })
      {
        let out = own(
          to: endpoint.address, .udp, from: port, endpoint.port, mark: device.firewallMark,
          "to the peer at \(endpoint)")
        guard let out else { continue }
        exchanges.append(out)
        guard isServer, let input = out.packet.output else { continue }
        exchanges.append(
          EssentialFlow.Exchange(
            packet: Packet(
              source: endpoint.address, destination: out.packet.source, transport: .udp,
              sourcePort: endpoint.port, destinationPort: port, input: input), answer: .reply,
            words: "from the peer at \(endpoint) to port \(port)/udp"))
      }
      return EssentialFlow(
        kind: .tunnel, subject: device.name.description,
        loss: "the tunnel \(device.name) would stop: its own packets would be dropped", exchanges: exchanges)
    }
  }

  // MARK: Services that the host uses

  private var internet: [EssentialFlow] {
    var byInterface: [InterfaceName: [EssentialFlow.Exchange]] = [:]
    for address in Self.farAway {
      guard let exchange = own(to: address, .tcp, 443, "to 443/tcp in the internet (\(address))"),
        let output = exchange.packet.output
      else { continue }
      byInterface[output, default: []].append(exchange)
    }
    return byInterface.sorted { $0.key < $1.key }.map { interface, exchanges in
      EssentialFlow(
        kind: .internet, subject: interface.description,
        loss: "this host would no longer reach the internet over \(interface)", exchanges: exchanges)
    }
  }

  private var nameServers: [EssentialFlow] {
    facts.nameServers.unique.map { server in
      EssentialFlow(
        kind: .dns, subject: server.description,
        loss: "this host would no longer reach its name server \(server)",
        exchanges: [IPProtocol.udp, .tcp].compactMap { own(to: server, $0, 53, "to \(server) port 53/\($0)") }
      )
    }
  }

  private var timeServers: [EssentialFlow] {
    facts.timeServers.unique.map { server in
      EssentialFlow(
        kind: .time, subject: server.description,
        loss: "this host would no longer reach its time server \(server)",
        exchanges: [own(to: server, .udp, 123, "to \(server) port 123/udp")].compactMap { $0 })
    }
  }

  /// RFC 2131, section 4.3.6: a renewal is sent to the server's address, a rebinding to everyone.
  private var leases: [EssentialFlow] {
    facts.leased.sorted().compactMap { name in
      guard let interface = facts.host.interface(named: name),
        let address = interface.addresses.first(where: { $0.address.family == .ipv4 }),
        let server = address.network.hosts(except: [address.address]).first
      else { return nil }
      var broadcast = Packet(
        source: address.address, destination: IPAddress(family: .ipv4, bits: 0xffff_ffff), transport: .udp,
        sourcePort: 68, destinationPort: 67, input: nil, output: name, destinationType: .broadcast)
      broadcast.state = .new
      // The server answers from its own address, so conntrack takes the answer for a new connection.
      let answer = Packet(
        source: server, destination: address.address, transport: .udp, sourcePort: 67, destinationPort: 68,
        input: name)
      return EssentialFlow(
        kind: .dhcp, subject: name.description,
        loss: "the address \(address) of \(name) would not be renewed by DHCP",
        exchanges: [
          EssentialFlow.Exchange(packet: broadcast, answer: .none, words: "to DHCP servers on \(name)"),
          EssentialFlow.Exchange(packet: answer, answer: .none, words: "from a DHCP server on \(name)"),
        ])
    }
  }

  /// The address that AWS, Azure, Google Cloud and others use. It is asked for only where a route leads to it that is
  /// not the default route.
  private var metadata: [EssentialFlow] {
    guard let address = IPAddress("169.254.169.254"),
      let exchange = own(to: address, .tcp, 80, "to \(address) port 80/tcp")
    else { return [] }
    return [
      EssentialFlow(
        kind: .metadata, subject: address.description,
        loss: "this host would no longer reach the metadata service of its cloud provider",
        exchanges: [exchange])
    ]
  }

  /// Protocols that use multicast and are not answered: OSPF (RFC 2328, appendix A.1) and VRRP (RFC 5798, section
  /// 5.1.1).
  private static let protocols: [(groups: [String], transport: IPProtocol, name: String)] = [
    (["224.0.0.5", "224.0.0.6", "ff02::5", "ff02::6"], IPProtocol(number: 89), "OSPF"),
    (["224.0.0.18", "ff02::12"], IPProtocol(number: 112), "VRRP"),
  ]

  private var multicast: [EssentialFlow] {
    facts.groups.sorted { $0.key < $1.key }.flatMap { name, groups -> [EssentialFlow] in
      guard let interface = facts.host.interface(named: name) else { return [] }
      return Self.protocols.compactMap { groupNames, transport, word in
        let exchanges = groups.filter { groupNames.contains($0.description) }.sorted().compactMap { group in
          interface.addresses.first { $0.address.family == group.family && !$0.address.isLinkLocal }
            .flatMap { $0.network.hosts(except: [$0.address]).first }.map { neighbour in
              var packet = Packet(
                source: neighbour, destination: group, transport: transport, input: name,
                destinationType: .multicast)
              packet.hopLimit = word == "VRRP" ? 255 : 1
              return EssentialFlow.Exchange(
                packet: packet, answer: .none, words: "\(word) from neighbours on \(name) to \(group)")
            }
        }
        if exchanges.isEmpty { return nil }
        return EssentialFlow(
          kind: .multicast, subject: "\(word.lowercased())-\(name)",
          loss: "\(word) with the neighbours on \(name) would stop", exchanges: exchanges)
      }
    }
  }
}

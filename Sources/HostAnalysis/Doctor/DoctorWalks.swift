// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PacketWalk
public import PolicyAnalysis
internal import PolicyLanguage

/// Walks of packets that must be accepted, through every table that is loaded in the kernel.
public struct DoctorWalks: Sendable {
  /// The packets that the policy grants to this machine.
  public let granted: Reading<Granted>
  /// The packets to WireGuard's own port.
  public let listening: Reading<[Listening]>

  /// The packets of a policy's grants.
  public struct Granted: Sendable {
    /// Each packet with its walk.
    public var packets: [GrantedPacket] = []
    /// What could not be evaluated, as sentences without a full stop.
    public var gaps: [String] = []
  }

  /// A packet that a line of the policy lets in.
  public struct GrantedPacket: Sendable {
    /// The packet in words, such as `3000/tcp from laptop-eric over wg0`.
    public let what: String
    /// The line of the policy, as `file:line`.
    public let line: String
    /// The zone or tunnel from which it arrives.
    public let zone: String
    /// Its walk.
    public let trace: Trace
  }

  /// A packet to WireGuard's port.
  public struct Listening: Sendable {
    /// The tunnel.
    public let tunnel: InterfaceName
    /// The sender, in words.
    public let sender: String
    /// Its walk.
    public let trace: Trace
  }

  /// Creates the walks from their parts.
  public init(granted: Reading<Granted>, listening: Reading<[Listening]>) {
    self.granted = granted
    self.listening = listening
  }

  /// Creates a value without walks, and the reason.
  public init(unknown why: String) { self.init(granted: .unknown(why), listening: .unknown(why)) }

  /// Walks the packets that a host must accept through the tables of its kernel. `site` is the compiled policy of the
  /// subject's role, nil without a policy.
  public init(
    _ subject: DoctorSubject, of site: CompiledSite?, through walk: PacketWalk,
    in environment: any HostEnvironment
  ) {
    listening = .known(Self.listening(subject, walk, environment))
    guard let site, let role = subject.role else {
      granted = .unknown(DoctorSubject.noPolicy)
      return
    }
    granted = .known(Self.granted(subject, role, site, walk, environment))
  }

  /// The most granted packets that are walked.
  static let most = 20_000

  private static func granted(
    _ subject: DoctorSubject, _ role: DoctorSubject.Role, _ site: CompiledSite, _ walk: PacketWalk,
    _ environment: any HostEnvironment
  ) -> Granted {
    var granted = Granted()
    let paths = PacketPaths(site, judges: [role.machine.name])
    for grant in role.policy.grants + role.policy.failsafe where grant.until.map({ $0 >= site.today }) ?? true
    {
      for target in grant.to where target.machine == role.machine.name {
        for service in grant.services {
          let question = Question(sources: grant.from, target: target, service: service)
          let packets = LivePackets(question, through: paths, on: subject.facts.host)
          if packets.asked.isEmpty, let note = packets.notes.first { granted.gaps.append(note) }
          for asked in packets.asked {
            guard granted.packets.count < most else {
              granted.gaps.append("the policy grants more than \(most) packets: the rest was not evaluated")
              return granted
            }
            granted.packets.append(
              GrantedPacket(
                what: "\(PolicyWords.of(service, asked.packet)) from \(asked.source) over \(asked.zone)",
                line: "\(grant.location.file):\(grant.location.line)", zone: "\(asked.zone)",
                // What the host itself sends has no input.
                trace: asked.packet.input == nil
                  ? walk.departure(asked.packet, in: environment)
                  : walk.arrival(asked.packet, in: environment)))
          }
        }
      }
    }
    return granted
  }

  /// Packets from each peer's endpoint, and from anyone if the policy sets the port.
  private static func listening(
    _ subject: DoctorSubject, _ walk: PacketWalk, _ environment: any HostEnvironment
  ) -> [Listening] {
    var walks: [Listening] = []
    for tunnel in subject.tunnels {
      guard let device = tunnel.device, let port = device.listenPort else { continue }
      var senders = device.peers.compactMap { peer in
        peer.endpoint.map { ($0.address, $0.port, "\(subject.name(of: peer, in: tunnel)) at \($0.address)") }
      }
      if let listen = tunnel.policy?.listen, listen == port {
        senders += DoctorSubject.anyone.map { ($0, 51_820, "anyone on the internet (\($0))") }
      }
      for (address, from, sender) in senders {
        guard case .leaves(let input, _) = subject.routeFact(to: address, mark: device.firewallMark),
          input != tunnel.name,
          let own = subject.facts.host.interface(named: input)?.addresses.map(\.address)
            .first(where: { $0.family == address.family && !$0.isLinkLocal })
        else { continue }
        let packet = Packet(
          source: address, destination: own, transport: .udp, sourcePort: from, destinationPort: port,
          input: input)
        walks.append(
          Listening(tunnel: tunnel.name, sender: sender, trace: walk.arrival(packet, in: environment)))
      }
    }
    return walks
  }
}

extension PolicyWords {
  /// A service in words, with the packet's port unless the name is the port.
  static func of(_ service: Service, _ packet: Packet) -> String {
    let port = packet.transport.hasPorts ? "\(packet.destinationPort)/\(packet.transport)" : service.name
    return service.name == port || !packet.transport.hasPorts ? service.name : "\(service.name) (\(port))"
  }
}

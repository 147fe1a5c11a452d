// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PacketWalk
public import PolicyAnalysis
internal import PolicyLanguage

/// Packets that have to get in, and what everything that is loaded in the kernel does with them.
public struct DoctorWalks: Sendable {
  /// What the policy grants to this machine.
  public let granted: Reading<Granted>
  /// What WireGuard itself is sent.
  public let listening: Reading<[Listening]>

  /// The packets of a policy's grants.
  public struct Granted: Sendable {
    /// Each packet, and what became of it.
    public var packets: [GrantedPacket] = []
    /// What could not be asked about, in sentences without a full stop.
    public var gaps: [String] = []
  }

  /// A packet that a line of the policy lets in.
  public struct GrantedPacket: Sendable {
    /// What it is, as in `3000/tcp from laptop-eric over wg0`.
    public let what: String
    /// The line, as `file:line`.
    public let line: String
    /// What befell it.
    public let trace: Trace
  }

  /// A packet to WireGuard's port.
  public struct Listening: Sendable {
    /// The tunnel.
    public let tunnel: InterfaceName
    /// Who sends it, in words.
    public let sender: String
    /// What befell it.
    public let trace: Trace
  }

  /// Walks of these parts.
  public init(granted: Reading<Granted>, listening: Reading<[Listening]>) {
    self.granted = granted
    self.listening = listening
  }

  /// No walks at all, and why.
  public init(unknown why: String) { self.init(granted: .unknown(why), listening: .unknown(why)) }

  /// Takes the packets that a subject has to let in through the tables of its kernel. `site` is the policy's, for the
  /// machine that the subject is looked at as.
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

  /// More packets than this are not asked about.
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
              granted.gaps.append("the policy grants more than \(most) packets: the rest was not asked about")
              return granted
            }
            granted.packets.append(
              GrantedPacket(
                what: "\(PolicyWords.of(service, asked.packet)) from \(asked.source) over \(asked.zone)",
                line: "\(grant.location.file):\(grant.location.line)",
                trace: walk.arrival(asked.packet, in: environment)))
          }
        }
      }
    }
    return granted
  }

  /// From each peer's endpoint; and from anyone, where the policy fixes the port.
  private static func listening(
    _ subject: DoctorSubject, _ walk: PacketWalk, _ environment: any HostEnvironment
  ) -> [Listening] {
    var walks: [Listening] = []
    for tunnel in subject.tunnels {
      guard let device = tunnel.device, let port = device.listenPort else { continue }
      var senders = device.peers.compactMap { peer in
        peer.endpoint.map { ($0.address, $0.port, "\(subject.name(of: peer, in: tunnel)) at \($0.address)") }
      }
      if tunnel.policy?.listen != nil {
        senders += DoctorSubject.anyone.map { ($0, 51_820, "anyone on the internet (\($0))") }
      }
      for (address, from, sender) in senders {
        guard case .leaves(let input, _) = subject.way(address, mark: device.firewallMark),
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
  /// A service for a sentence: with the packet's port, where its name does not say it.
  static func of(_ service: Service, _ packet: Packet) -> String {
    let port = packet.transport.hasPorts ? "\(packet.destinationPort)/\(packet.transport)" : service.name
    return service.name == port || !packet.transport.hasPorts ? service.name : "\(service.name) (\(port))"
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PacketWalk

/// A listening socket or published port of a host, and who reaches it.
public struct Exposure: Sendable, Hashable {
  /// The socket with the address to which clients connect. For a published port that no socket of the host listens
  /// on: the address and port of the host, and the process behind it.
  public let listener: Listener
  /// The last of several published ports in a row that the same senders reach in the same way; else the listener's port.
  public let lastPort: UInt16
  /// The network namespace of that address.
  public let place: NamespaceSnapshot.Kind
  /// Where the host's rules send its packets; nil if the socket itself receives them.
  public let published: PublishedTarget?
  /// The container that answers; nil if none does.
  public let container: ContainerIdentity?
  /// The container's network, if it is not behind a bridge of the host: `host network` or `macvlan on eth0`.
  public let network: String?
  /// The name of its port in the policy or in the service catalogue; nil if it has none.
  public let service: String?
  /// The reaches from each side, in the order of the sides; empty for a socket that only this host can reach.
  public let reachable: [Reach]
  /// Whether a side that is not a tunnel reaches it without a grant that names that side for its port.
  public let isExposed: Bool

  /// Sources of one side that get the same verdict.
  public struct Reach: Sendable, Hashable {
    /// The zone where the packets arrive; without a policy, the interface.
    public let zone: String
    /// Names of machines, prefixes or lists; `anyone` for sources that the policy does not name.
    public let from: [String]
    /// The verdict for their packets.
    public let verdict: TraceVerdict
    /// What decided: a line of the policy, a rule of another table, or `built in`.
    public let because: String
    /// The reason of that line or rule.
    public let reason: String
    /// Whether a grant of the policy covers it.
    public let standing: Standing

    /// Creates a value from its parts.
    package init(
      zone: String, from: [String], verdict: TraceVerdict, because: String, reason: String, standing: Standing
    ) {
      self.zone = zone
      self.from = from
      self.verdict = verdict
      self.because = because
      self.reason = reason
      self.standing = standing
    }

    /// What decided, and its reason, on one line.
    public var words: String {
      because.hasPrefix("built in") || reason.isEmpty ? because : "\(because) \(reason)"
    }
  }

  /// Whether packets that are accepted are meant to be.
  public enum Standing: String, Sendable, Hashable {
    /// A grant of the policy lets it in.
    case granted
    /// It is accepted without a grant, or there is no policy.
    case ungranted
    /// It comes through a tunnel or from a neighbour on the same bridge, or it is not accepted.
    case unjudged
  }

  /// Creates an exposure from its parts.
  public init(
    listener: Listener, place: NamespaceSnapshot.Kind = .host, published: PublishedTarget? = nil,
    container: ContainerIdentity? = nil, network: String? = nil, service: String?, reachable: [Reach],
    lastPort: UInt16? = nil
  ) {
    self.listener = listener
    self.lastPort = lastPort ?? listener.port
    self.place = place
    self.published = published
    self.container = container
    self.network = network
    self.service = service
    self.reachable = reachable
    isExposed = reachable.contains { $0.verdict == .accept && $0.standing == .ungranted }
  }

  /// Whether the verdict for at least one side is undetermined.
  public var isUndetermined: Bool { reachable.contains { $0.verdict == .undetermined } }

  /// Its port, or its ports: `80`, or `8000-8099`.
  public var ports: String {
    lastPort == listener.port ? "\(listener.port)" : "\(listener.port)-\(lastPort)"
  }

  /// This one and another for the next ports, as one; nil if they are not the same but for their ports.
  func joined(with next: Exposure) -> Exposure? {
    guard let target = published, let following = next.published, let joined = target.joined(with: following),
      next.listener.port > 0, lastPort == next.listener.port - 1,
      listener.protocol == next.listener.protocol, listener.address == next.listener.address,
      listener.process == next.listener.process, listener.inode == next.listener.inode,
      place == next.place, container == next.container, network == next.network, hasNoName, next.hasNoName,
      reachable.count == next.reachable.count,
      zip(reachable, next.reachable).allSatisfy({ one, other in
        one.zone == other.zone && one.from == other.from && one.verdict == other.verdict
          && one.standing == other.standing
      })
    else { return nil }
    return Exposure(
      listener: listener, place: place, published: joined, container: container, network: network,
      service: service, reachable: reachable, lastPort: next.lastPort)
  }

  private var hasNoName: Bool { serviceName == nil }
}

extension [Exposure] {
  /// The same, with published ports in a row that differ only in their ports as one.
  var joiningRanges: [Exposure] {
    reduce(into: []) { joined, next in
      if let range = joined.last?.joined(with: next) {
        joined[joined.count - 1] = range
      } else {
        joined.append(next)
      }
    }
  }
}

/// The destination to which NAT on the host translates packets.
public struct PublishedTarget: Sendable, Hashable {
  /// The translated destination address; nil if it cannot be determined.
  public let address: IPAddress?
  /// The translated destination port, in host order; of several, the first.
  public let port: UInt16
  /// The last of several translated ports in a row.
  public let lastPort: UInt16
  /// The network namespace that has the address; nil if no namespace of this host has it.
  public let place: NamespaceSnapshot.Kind?

  /// Creates a target from its parts.
  public init(
    address: IPAddress?, port: UInt16, lastPort: UInt16? = nil, place: NamespaceSnapshot.Kind?
  ) {
    self.address = address
    self.port = port
    self.lastPort = lastPort ?? port
    self.place = place
  }

  /// Its address with its port or ports: `172.17.0.2:80`, `[fd00::2]:8000-8099`.
  public var text: String {
    guard let address else { return "a destination that cannot be determined" }
    let ports = lastPort == port ? "\(port)" : "\(port)-\(lastPort)"
    return address.family == .ipv6 ? "[\(address)]:\(ports)" : "\(address):\(ports)"
  }

  /// This target and that of the next published ports, as one; nil if it does not go on.
  func joined(with next: PublishedTarget) -> PublishedTarget? {
    guard address == next.address, place == next.place, next.port > 0, lastPort == next.port - 1 else {
      return nil
    }
    return PublishedTarget(address: address, port: port, lastPort: next.lastPort, place: place)
  }
}

extension TraceVerdict {
  /// A rank for comparison: the more it lets through, the higher.
  var openness: Int {
    switch self {
    case .accept: 3
    case .undetermined: 2
    case .reject: 1
    case .drop: 0
    }
  }
}

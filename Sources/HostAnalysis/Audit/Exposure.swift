// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PacketWalk

/// A listening socket or published port of a host, and who reaches it.
public struct Exposure: Sendable, Hashable {
  /// The socket with the address to which clients connect. For a published port that no socket of the host listens
  /// on: the address and port of the host, and the process behind it.
  public let listener: Listener
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
    container: ContainerIdentity? = nil, network: String? = nil, service: String?, reachable: [Reach]
  ) {
    self.listener = listener
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
}

/// The destination to which NAT on the host translates packets.
public struct PublishedTarget: Sendable, Hashable {
  /// The translated destination address.
  public let address: IPAddress
  /// The translated destination port, in host order.
  public let port: UInt16
  /// The network namespace that has the address; nil if no namespace of this host has it.
  public let place: NamespaceSnapshot.Kind?

  /// Creates a target from its parts.
  public init(address: IPAddress, port: UInt16, place: NamespaceSnapshot.Kind?) {
    self.address = address
    self.port = port
    self.place = place
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

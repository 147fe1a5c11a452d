// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PacketWalk

/// Something that answers on a host, and who reaches it.
public struct Exposure: Sendable, Hashable {
  /// The socket: where it is called. Of a published port that nobody on the host listens on, the address and port of the
  /// host, and the process behind it.
  public let listener: Listener
  /// The network namespace where it is called.
  public let place: NamespaceSnapshot.Kind
  /// Where the host's rules send what comes for it; nil where it is taken by the socket itself.
  public let published: PublishedTarget?
  /// The container that answers; nil where none does.
  public let container: ContainerIdentity?
  /// How a container that answers is on the network, where that is not behind a bridge of the host: `host network`, or
  /// `macvlan on eth0`.
  public let network: String?
  /// The policy's or the catalogue's name for its port, where it has one.
  public let service: String?
  /// By side, in the order of the sides; empty for a socket that only this host can reach.
  public let reachable: [Reach]
  /// Whether a side that is not a tunnel reaches it though no grant names that side for its port.
  public let isExposed: Bool

  /// Sources of one side that fare alike.
  public struct Reach: Sendable, Hashable {
    /// The zone where the packets arrive, or the interface where there is no policy.
    public let zone: String
    /// Names of machines, prefixes or lists; `anyone` for whom nothing names.
    public let from: [String]
    /// What befalls them.
    public let verdict: TraceVerdict
    /// The line of the policy that decided, the rule of another table, or what is built in.
    public let because: String
    /// What that line is about.
    public let reason: String
    /// What a grant of the policy has to do with it.
    public let standing: Standing

    /// A value of these parts.
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

    /// What decided and what it is about, on one line.
    public var words: String {
      because.hasPrefix("built in") || reason.isEmpty ? because : "\(because) \(reason)"
    }
  }

  /// Whether what gets through is meant to.
  public enum Standing: String, Sendable, Hashable {
    /// A grant of the policy lets it in.
    case granted
    /// It gets in and no grant says so, or there is no policy.
    case ungranted
    /// It comes through a tunnel or from a neighbour on one bridge, or does not get in.
    case unjudged
  }

  /// An exposure from its parts.
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

  /// Whether some side's outcome is not known.
  public var isUndetermined: Bool { reachable.contains { $0.verdict == .undetermined } }
}

/// Where a translation of the host sends packets.
public struct PublishedTarget: Sendable, Hashable {
  /// The address behind the host.
  public let address: IPAddress
  /// The port there, in host order.
  public let port: UInt16
  /// The network namespace that has the address; nil where it is none of this host's.
  public let place: NamespaceSnapshot.Kind?

  /// A target from its parts.
  public init(address: IPAddress, port: UInt16, place: NamespaceSnapshot.Kind?) {
    self.address = address
    self.port = port
    self.place = place
  }
}

extension TraceVerdict {
  /// How much it lets through: the more, the higher.
  var openness: Int {
    switch self {
    case .accept: 3
    case .undetermined: 2
    case .reject: 1
    case .drop: 0
    }
  }
}

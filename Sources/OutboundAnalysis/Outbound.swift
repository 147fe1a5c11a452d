// SPDX-License-Identifier: GPL-3.0-or-later

public import HostAnalysis
public import NetworkModel
public import PacketWalk
public import PolicyAnalysis

/// What a host and its guests may send to other hosts, and what their programs are connected to now. The verdicts come
/// from walks of packets through every table that the kernel has loaded, as those of an `Audit`.
public struct Outbound: Sendable, Hashable {
  /// The host, then its guests by bridge, then guests whose packets bypass the host's rules.
  public let senders: [OutboundSender]
  /// The connections to other hosts that programs opened.
  public let connections: [OutboundConnection]
  /// What could not be evaluated, as sentences.
  public let notes: [String]

  /// Evaluates a host. `ingresses` are the sides of its audit: those with guests are senders.
  public init(of host: AuditedHost, by view: SiteView?, ingresses: [Ingress]) {
    let walks = OutboundWalks(host, view, ingresses)
    senders = walks.senders
    connections = walks.connections
    notes = walks.notes
  }

  /// Creates a value from its parts.
  package init(senders: [OutboundSender], connections: [OutboundConnection] = [], notes: [String] = []) {
    self.senders = senders
    self.connections = connections
    self.notes = notes
  }

  /// Nothing was evaluated.
  public static let nothing = Outbound(senders: [])
}

/// The host, or guests of it whose packets get the same verdicts.
public struct OutboundSender: Sendable, Hashable {
  /// Whose packets they are.
  public enum Kind: String, Sendable, Hashable {
    /// The host's own, with those of containers on its network.
    case host
    /// Those of containers and virtual machines on its bridges.
    case containers
    /// Those of containers with an own macvlan or ipvlan interface: no rule of the host sees them.
    case bypassing
  }

  /// How much it may send.
  public enum Scope: String, Sendable, Hashable {
    /// Every service to most addresses without a grant. What is refused is listed.
    case everything
    /// Only what is listed.
    case listed
  }

  /// Whose packets they are.
  public let kind: Kind
  /// The bridges of the guests, or the parent interfaces of guests that bypass the rules; empty for the host.
  public let interfaces: [InterfaceName]
  /// The containers and namespaces whose packets they are, by name.
  public let guests: [String]
  /// The entries of `confine` for this sender.
  public let confinements: [Confining]
  /// How much it may send.
  public let scope: Scope
  /// What it may send, and what may be refused or not, which cannot be determined.
  public let allowed: [Reach]
  /// What it may not send; empty unless `scope` is `everything`.
  public let refused: [Reach]

  /// An entry of `confine`.
  public struct Confining: Sendable, Hashable {
    /// Its line, as `policy.yaml:24`.
    public let place: String
    /// The prefixes towards which the sender is confined; nil for all.
    public let towards: [Prefix]?

    package init(place: String, towards: [Prefix]?) {
      self.place = place
      self.towards = towards
    }
  }

  /// Destinations and services with the same verdict.
  public struct Reach: Sendable, Hashable {
    /// The policy's names for the destinations: machines, tunnels, zones, prefixes, `internet`.
    public let to: [String]
    /// The families of their addresses.
    public let families: [AddressFamily]
    /// The services.
    public let services: [String]
    /// The interface by which the packets leave.
    public let interface: InterfaceName
    /// The zone of that interface; nil without a policy.
    public let zone: String?
    /// The verdict.
    public let judgement: OutboundJudgement

    package init(
      to: [String], families: [AddressFamily], services: [String], interface: InterfaceName, zone: String?,
      judgement: OutboundJudgement
    ) {
      self.to = to
      self.families = families
      self.services = services
      self.interface = interface
      self.zone = zone
      self.judgement = judgement
    }
  }

  package init(
    kind: Kind, interfaces: [InterfaceName] = [], guests: [String] = [], confinements: [Confining] = [],
    scope: Scope, allowed: [Reach] = [], refused: [Reach] = []
  ) {
    self.kind = kind
    self.interfaces = interfaces
    self.guests = guests
    self.confinements = confinements
    self.scope = scope
    self.allowed = allowed
    self.refused = refused
  }
}

/// The verdict for outbound packets.
public struct OutboundJudgement: Sendable, Hashable {
  /// The verdict.
  public let verdict: TraceVerdict
  /// What decided: a line of the policy, a rule of another table, or `built in`.
  public let because: String
  /// The reason of that line or rule.
  public let reason: String
  /// Whether a grant of the policy covers them.
  public let standing: Exposure.Standing

  package init(verdict: TraceVerdict, because: String, reason: String, standing: Exposure.Standing) {
    self.verdict = verdict
    self.because = because
    self.reason = reason
    self.standing = standing
  }
}

/// Connections of one program to one destination and port.
public struct OutboundConnection: Sendable, Hashable {
  /// The process that opened them; nil if it could not be read.
  public let process: ProcessIdentity?
  /// The network namespace of the process.
  public let place: NamespaceSnapshot.Kind
  /// The container of the process; nil if it is in none.
  public let container: ContainerIdentity?
  /// `tcp` or `udp`.
  public let transport: IPProtocol
  /// The address of the receiver.
  public let destination: IPAddress
  /// The port of the receiver, in host order.
  public let port: UInt16
  /// The machine of the policy that has the address, or the zone by which it is reached; nil without a policy.
  public let receiver: String?
  /// The name of the port in the policy or in the service catalogue; nil if it has none.
  public let service: String?
  /// The number of connections.
  public let count: Int
  /// The verdict for a new connection, of the rules that are loaded.
  public let now: OutboundJudgement
  /// The verdict for a new connection, if the policy is in force; nil without a policy.
  public let policy: OutboundJudgement?
  /// A line of `allow` that would let it pass, if the policy refuses it and there is one.
  public let advice: String?

  package init(
    process: ProcessIdentity?, place: NamespaceSnapshot.Kind = .host, container: ContainerIdentity? = nil,
    transport: IPProtocol, destination: IPAddress, port: UInt16, receiver: String? = nil,
    service: String? = nil, count: Int = 1, now: OutboundJudgement, policy: OutboundJudgement? = nil,
    advice: String? = nil
  ) {
    self.process = process
    self.place = place
    self.container = container
    self.transport = transport
    self.destination = destination
    self.port = port
    self.receiver = receiver
    self.service = service
    self.count = count
    self.now = now
    self.policy = policy
    self.advice = advice
  }

  /// Whether the policy refuses a connection as this one.
  public var isRefused: Bool { policy?.verdict == .drop || policy?.verdict == .reject }

  /// The destination and port, as `198.51.100.7:443/tcp`.
  public var target: String {
    let address = destination.family == .ipv6 ? "[\(destination)]" : "\(destination)"
    return "\(address):\(port)/\(transport)"
  }

  /// The container, or the process, and where that is.
  public var who: String {
    let name = process?.name ?? "an unknown process"
    if let container { return "\(name) in container \(container)" }
    if case .process = place { return "\(name) in its own network namespace" }
    return place == .host ? name : "\(name) in \(place)"
  }
}

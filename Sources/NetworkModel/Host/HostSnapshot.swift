// SPDX-License-Identifier: GPL-3.0-or-later

/// A host's interfaces and listening sockets at one moment, in one network namespace.
public struct HostSnapshot: Sendable, Hashable {
  /// The interfaces, by index.
  public let interfaces: [NetworkInterface]
  /// The listening sockets, ordered.
  public let listeners: [Listener]
  /// The connections that its programs opened, ordered; empty if they were not read.
  public let opened: [OpenedConnection]
  /// What could not be read. A report that uses the snapshot must include these notes.
  public let notes: [HostNote]

  /// A snapshot from its parts, which are put in order.
  public init(
    interfaces: [NetworkInterface], listeners: [Listener], opened: [OpenedConnection] = [],
    notes: [HostNote] = []
  ) {
    self.interfaces = interfaces.sorted { $0.index < $1.index }
    self.listeners = listeners.sorted()
    self.opened = opened.sorted()
    self.notes = notes
  }

  /// The interface of this name.
  public func interface(named name: InterfaceName) -> NetworkInterface? {
    interfaces.first { $0.name == name }
  }

  /// The interface that carries this address.
  public func interface(owning address: IPAddress) -> NetworkInterface? {
    interfaces.first { $0.owns(address) }
  }

  /// The address that this host uses on an interface: in the network of the destination, else the first global one of
  /// the interface, else of another interface.
  package func sourceAddress(on name: InterfaceName, towards destination: IPAddress) -> IPAddress? {
    func usable(_ interface: NetworkInterface) -> [InterfaceAddress] {
      interface.addresses.filter { $0.address.family == destination.family && !$0.address.isLinkLocal }
    }
    guard let interface = interface(named: name) else { return nil }
    let known = usable(interface)
    let best = known.first { $0.network.contains(destination) } ?? known.first
    let others = interfaces.filter { !$0.isLoopback && $0.name != name }
    return (best ?? others.lazy.flatMap(usable).first)?.address
  }
}

/// Something about the host that could not be read, and that limits how far a report can be trusted.
public enum HostNote: Sendable, Hashable {
  /// The kernel has not loaded this protocol, so nothing can listen on it. It was not queried: a query would
  /// load it.
  case protocolNotLoaded(IPProtocol)
  /// The protocol is in use, but the kernel does not list its sockets: the errno of its answer.
  case protocolUnreadable(IPProtocol, errno: Int32)
  /// The owners of some listening sockets are unknown, because this user cannot read some processes; root
  /// can.
  case unknownOwners(listeners: Int, unreadableProcesses: Int)
  /// A socket is bound to an interface that no longer exists, or whose name cannot be written in a policy.
  /// The socket is listed as not bound.
  case boundInterfaceUnknown(index: UInt32, protocol: IPProtocol, port: UInt16)
  /// An interface has a name that cannot be written in a policy (quotes, backslashes, `*`). It is not listed.
  case interfaceNameUnusable(String, index: UInt32)
  /// Another network namespace could not be read: its kind, and why. Its listening sockets are not listed.
  case namespaceUnread(NamespaceSnapshot.Kind, identity: UInt64, reason: String)
  /// The network namespaces of this many processes are unknown, because this user cannot read them; root can.
  case namespacesUnknown(processes: Int)
  /// A container engine has a socket but did not report the names of its containers: why.
  case containersUnnamed(reason: String)
}

extension HostNote: CustomStringConvertible {
  /// The note in one sentence, without a full stop.
  public var description: String {
    switch self {
    case .protocolNotLoaded(let proto): "\(proto) is not loaded in this kernel, so nothing listens on it"
    case .protocolUnreadable(let proto, let errno):
      "the kernel does not list \(proto) sockets (errno \(errno)): listeners may be missing"
    case .unknownOwners(let listeners, 0):
      "no visible process owns \(Self.count(listeners, "listening socket"))"
    case .unknownOwners(let listeners, let processes):
      "the owner of \(Self.count(listeners, "listening socket")) is unknown: "
        + "\(Self.count(processes, "process", "processes")) cannot be read (run as root)"
    case .boundInterfaceUnknown(let index, let proto, let port):
      "the socket on port \(port)/\(proto) is bound to interface \(index), which has no usable name"
    case .interfaceNameUnusable(let name, let index):
      "interface \(index) has a name that cannot be written in a policy: \(name.debugDescription)"
    case .namespaceUnread(let kind, let identity, let reason):
      "the network namespace \(identity) (\(kind)) could not be read: \(reason): "
        + "its listening sockets are not listed"
    case .namespacesUnknown(let processes):
      "the network namespace of \(Self.count(processes, "process", "processes")) is unknown: "
        + "listening sockets there may be missing (run as root)"
    case .containersUnnamed(let reason): "the names of containers are unknown: \(reason)"
    }
  }

  private static func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
    number == 1 ? "1 \(one)" : "\(number) \(many ?? one + "s")"
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// A host's interfaces and listening sockets at one moment, in one network namespace.
public struct HostSnapshot: Sendable, Hashable {
  /// The interfaces, by index.
  public let interfaces: [NetworkInterface]
  /// The listening sockets, ordered.
  public let listeners: [Listener]
  /// What could not be learnt. A report that rests on the snapshot must say these.
  public let notes: [HostNote]

  /// A snapshot from its parts, which are put in order.
  public init(interfaces: [NetworkInterface], listeners: [Listener], notes: [HostNote] = []) {
    self.interfaces = interfaces.sorted { $0.index < $1.index }
    self.listeners = listeners.sorted()
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
}

/// Something about the host that a reading could not learn, and that changes how far it can be trusted.
public enum HostNote: Sendable, Hashable {
  /// The kernel has not loaded this protocol, so nothing can listen on it. It was not asked: asking would load it.
  case protocolNotLoaded(IPProtocol)
  /// The protocol is in use, but the kernel does not list its sockets: the errno that it answered.
  case protocolUnreadable(IPProtocol, errno: Int32)
  /// So many listening sockets belong to processes that this user may not look into; root sees them.
  case unknownOwners(listeners: Int, unreadableProcesses: Int)
  /// A socket is bound to an interface that is gone, or whose name a policy cannot write. It is listed as not bound.
  case boundInterfaceUnknown(index: UInt32, protocol: IPProtocol, port: UInt16)
  /// An interface has a name that a policy cannot write (quotes, backslashes, `*`). It is not listed.
  case interfaceNameUnusable(String, index: UInt32)
  /// Another network namespace could not be read: what it is, and why not. What listens in it is not listed.
  case namespaceUnread(NamespaceSnapshot.Kind, identity: UInt64, reason: String)
  /// This user may not see which network namespaces so many processes are in; root does.
  case namespacesUnknown(processes: Int)
  /// A container engine has a socket and did not tell its containers' names: why not.
  case containersUnnamed(reason: String)
}

extension HostNote: CustomStringConvertible {
  /// The note as one sentence for people, without a full stop.
  public var description: String {
    switch self {
    case .protocolNotLoaded(let proto): "\(proto) is not loaded in this kernel, so nothing listens on it"
    case .protocolUnreadable(let proto, let errno):
      "the kernel does not list \(proto) sockets (errno \(errno)): listeners may be missing"
    case .unknownOwners(let listeners, 0):
      "no process that can be seen from here holds \(Self.count(listeners, "listening socket"))"
    case .unknownOwners(let listeners, let processes):
      "who holds \(Self.count(listeners, "listening socket")) is unknown: "
        + "\(Self.count(processes, "process", "processes")) may not be looked into (run as root)"
    case .boundInterfaceUnknown(let index, let proto, let port):
      "the socket on port \(port)/\(proto) is bound to interface number \(index), which has no usable name"
    case .interfaceNameUnusable(let name, let index):
      "interface number \(index) has a name that a policy cannot write: \(name.debugDescription)"
    case .namespaceUnread(let kind, let identity, let reason):
      "the network namespace \(identity) (\(kind)) was not read: \(reason): what listens in it is not listed"
    case .namespacesUnknown(let processes):
      "the network namespace of \(Self.count(processes, "process", "processes")) is unknown: what listens there may be missing (run as root)"
    case .containersUnnamed(let reason): "the names of containers are unknown: \(reason)"
    }
  }

  private static func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
    number == 1 ? "1 \(one)" : "\(number) \(many ?? one + "s")"
  }
}

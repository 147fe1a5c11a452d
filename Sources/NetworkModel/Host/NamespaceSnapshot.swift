// SPDX-License-Identifier: GPL-3.0-or-later

/// A network namespace of a host at one moment: its kind, its interfaces and sockets, and its links to other
/// namespaces.
public struct NamespaceSnapshot: Sendable, Hashable {
  /// What a network namespace belongs to.
  public enum Kind: Sendable, Hashable {
    /// The one that the reader runs in.
    case host
    /// The namespace of a container. If containers share it (a pod, `--network container:…`): the container
    /// of the process with the lowest number; all are in `containers`.
    case container(ContainerIdentity)
    /// One that a file keeps, such as the files of `ip netns` in `/run/netns`: the file's name.
    case named(String)
    /// Any other: the process in it with the lowest number.
    case process(ProcessIdentity)
  }

  /// Its number in the kernel: the inode of `/proc/PID/ns/net`, namespaces(7).
  public let identity: UInt64
  /// What it belongs to.
  public let kind: Kind
  /// Its interfaces and listening sockets.
  public let snapshot: HostSnapshot
  /// The far ends of its interfaces that have one, by the interface's index.
  public let attachments: [InterfaceAttachment]
  /// The ids of the containers that have a process in it, ordered. For the host's own namespace: containers
  /// that use the host's network. The container that the reader itself runs in is left out.
  public let containers: [String]

  /// A namespace from its parts.
  public init(
    identity: UInt64, kind: Kind, snapshot: HostSnapshot, attachments: [InterfaceAttachment] = [],
    containers: [String] = []
  ) {
    self.identity = identity
    self.kind = kind
    self.snapshot = snapshot
    self.attachments = attachments
    self.containers = containers.sorted()
  }

  /// The far end of this interface; nil if it has none.
  public func attachment(of interface: InterfaceName) -> InterfaceAttachment? {
    attachments.first { $0.interface == interface }
  }
}

extension NamespaceSnapshot.Kind: CustomStringConvertible {
  /// `host`, `container db`, `namespace blue`, `process nginx (812)`.
  public var description: String {
    switch self {
    case .host: "host"
    case .container(let container): "container \(container)"
    case .named(let name): "namespace \(name)"
    case .process(let process): "process \(process.name) (\(process.pid))"
    }
  }
}

/// The interface that another one is attached to: the other end of a virtual pair, or the parent interface.
/// Source: `IFLA_LINK`, `IFLA_LINK_NETNSID` of `linux/if_link.h`.
public struct InterfaceAttachment: Sendable, Hashable {
  /// The relation of the far end to the interface.
  public enum Kind: String, Sendable, Hashable {
    /// The other end of a pair (`veth`, `netkit`): packets that are sent at one end arrive at the other.
    case pair
    /// The parent (`macvlan`, `macvtap`, `ipvlan`, `ipvtap`, `vlan`). Packets of a macvlan or ipvlan do not
    /// pass the hooks of the namespace that the parent is in.
    case parent
  }

  /// The interface, in the namespace that this belongs to.
  public let interface: InterfaceName
  /// The relation of the far end to it.
  public let kind: Kind
  /// The namespace that the far end is in; nil if that namespace was not read.
  public let namespace: UInt64?
  /// The far end's name in its namespace; nil if it was not read.
  public let link: InterfaceName?
  /// The bridge, bond or VRF that the far end belongs to, in the far end's namespace.
  public let master: InterfaceName?

  /// An attachment from its parts.
  public init(
    interface: InterfaceName, kind: Kind, namespace: UInt64?, link: InterfaceName?, master: InterfaceName?
  ) {
    self.interface = interface
    self.kind = kind
    self.namespace = namespace
    self.link = link
    self.master = master
  }
}

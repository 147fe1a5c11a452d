// SPDX-License-Identifier: GPL-3.0-or-later

/// Another network namespace on the host: a container's, or one of `ip netns` in which a process runs.
public struct NamespaceFacts: Sendable, Hashable {
  /// The number by which it is known: the inode of `/proc/PID/ns/net`.
  public let identity: UInt64
  /// A process in it: a WireGuard's where there is one, else the one with the lowest number.
  public let process: ProcessIdentity
  /// Its interfaces.
  public let interfaces: [NetworkInterface]
  /// Those of its interfaces that are WireGuard's: the kernel's, and tunnels beside which a userspace WireGuard runs.
  public let wireGuard: [InterfaceName]

  /// A namespace from its parts.
  public init(
    identity: UInt64, process: ProcessIdentity, interfaces: [NetworkInterface],
    wireGuard: [InterfaceName] = []
  ) {
    self.identity = identity
    self.process = process
    self.interfaces = interfaces
    self.wireGuard = wireGuard
  }

  /// The interface that carries this address.
  public func interface(owning address: IPAddress) -> NetworkInterface? {
    interfaces.first { $0.owns(address) }
  }
}

/// The other network namespaces that were found, and what could not be looked into.
public struct NamespaceReading: Sendable, Hashable {
  /// Those that were entered, by their lowest process.
  public var namespaces: [NamespaceFacts]
  /// What could not be looked into, in sentences without a full stop; empty where everything was.
  public var gaps: [String]

  /// A reading of these parts.
  public init(namespaces: [NamespaceFacts] = [], gaps: [String] = []) {
    self.namespaces = namespaces
    self.gaps = gaps
  }
}

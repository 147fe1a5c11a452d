// SPDX-License-Identifier: GPL-3.0-or-later

/// Another network namespace of the host, in which a tunnel can end.
public struct NamespaceFacts: Sendable, Hashable {
  /// What it belongs to.
  public let kind: NamespaceSnapshot.Kind
  /// A process in it: a userspace WireGuard if there is one, else the process with the lowest number; nil if
  /// only a file keeps the namespace.
  public let process: ProcessIdentity?
  /// Its interfaces.
  public let interfaces: [NetworkInterface]
  /// Its WireGuard interfaces: those of the kernel, and tunnels of a userspace WireGuard that runs in the
  /// namespace.
  public let wireGuard: [InterfaceName]

  /// A namespace from its parts.
  public init(
    kind: NamespaceSnapshot.Kind, process: ProcessIdentity?, interfaces: [NetworkInterface],
    wireGuard: [InterfaceName] = []
  ) {
    self.kind = kind
    self.process = process
    self.interfaces = interfaces
    self.wireGuard = wireGuard
  }

  /// The interface that carries this address.
  public func interface(owning address: IPAddress) -> NetworkInterface? {
    interfaces.first { $0.owns(address) }
  }
}

extension NamespaceFacts: CustomStringConvertible {
  /// `container db (wireguard-go[812])`, `the network namespace of sleep[12]`, `the network namespace blue`.
  public var description: String {
    let process = process.map { "\($0.name)[\($0.pid)]" }
    switch kind {
    case .host: return "the host"
    case .container: return "\(kind)" + (process.map { " (\($0))" } ?? "")
    case .named(let name): return "the network namespace \(name)" + (process.map { " (\($0))" } ?? "")
    case .process(let own): return "the network namespace of \(process ?? "\(own.name)[\(own.pid)]")"
    }
  }
}

/// The other network namespaces that were found, and what could not be read.
public struct OtherNamespaces: Sendable, Hashable {
  /// The namespaces that were read.
  public var namespaces: [NamespaceFacts]
  /// What could not be read, in sentences without a full stop; empty if everything was read.
  public var gaps: [String]

  /// A reading of these parts.
  public init(namespaces: [NamespaceFacts] = [], gaps: [String] = []) {
    self.namespaces = namespaces
    self.gaps = gaps
  }
}

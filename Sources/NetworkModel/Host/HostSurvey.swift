// SPDX-License-Identifier: GPL-3.0-or-later

/// A host at one moment: all its network namespaces, and its containers.
public struct HostSurvey: Sendable, Hashable {
  /// The namespace that the reader runs in.
  public let host: NamespaceSnapshot
  /// The other namespaces that could be read, by identity. For those that could not, there is only a note: an
  /// empty snapshot would look like a namespace in which nothing listens.
  public let others: [NamespaceSnapshot]
  /// The containers that have a process in some namespace, or that the engine lists, by id.
  public let containers: [String: ContainerIdentity]
  /// What could not be read of the host as a whole. The notes about a single namespace are in its snapshot.
  public let notes: [HostNote]

  /// A survey from its parts, which are put in order.
  public init(
    host: NamespaceSnapshot, others: [NamespaceSnapshot], containers: [String: ContainerIdentity] = [:],
    notes: [HostNote] = []
  ) {
    self.host = host
    self.others = others.sorted { $0.identity < $1.identity }
    self.containers = containers
    self.notes = notes
  }

  /// All namespaces that were read: the host's own, then the others.
  public var namespaces: [NamespaceSnapshot] { [host] + others }

  /// The namespace with this identity.
  public func namespace(_ identity: UInt64) -> NamespaceSnapshot? {
    identity == host.identity ? host : others.first { $0.identity == identity }
  }

  /// The container that a process runs in; nil if it runs in none.
  public func container(of process: ProcessIdentity) -> ContainerIdentity? {
    process.container.map { containers[$0] ?? ContainerIdentity(id: $0) }
  }
}

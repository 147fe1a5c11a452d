// SPDX-License-Identifier: GPL-3.0-or-later

/// A whole host at one moment: each of its network namespaces, and the containers by their names.
public struct HostSurvey: Sendable, Hashable {
  /// The namespace that the reader stands in.
  public let host: NamespaceSnapshot
  /// The other ones that could be read, by their identity. Those that could not are notes, and are not here: an empty
  /// snapshot would read as one where nothing listens.
  public let others: [NamespaceSnapshot]
  /// The containers that have a process somewhere, or that the engine names, by id.
  public let containers: [String: ContainerIdentity]
  /// What could not be learnt of the host as a whole. Those of single namespaces are in their snapshots.
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

  /// All that was read: the host's own namespace, then the others.
  public var namespaces: [NamespaceSnapshot] { [host] + others }

  /// The namespace of this identity.
  public func namespace(_ identity: UInt64) -> NamespaceSnapshot? {
    identity == host.identity ? host : others.first { $0.identity == identity }
  }

  /// The container that a process runs in; nil where it runs in none.
  public func container(of process: ProcessIdentity) -> ContainerIdentity? {
    process.container.map { containers[$0] ?? ContainerIdentity(id: $0) }
  }
}

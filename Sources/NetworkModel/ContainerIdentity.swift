// SPDX-License-Identifier: GPL-3.0-or-later

/// A container, as people know one. All but its id comes from the engine that runs it; without the engine's word a
/// container is known by its id alone. Names and labels are chosen by whoever runs the container: they may hold any
/// character.
public struct ContainerIdentity: Sendable, Hashable {
  /// Its id: 64 hexadecimal digits, as they stand in the control groups of its processes.
  public let id: String
  /// Its name, without the engine's leading `/`.
  public let name: String?
  /// The image that it was made from, as it was asked for: `postgres:16`.
  public let image: String?
  /// The Compose project and service that it belongs to (labels `com.docker.compose.project` and `….service`).
  public let composeProject: String?
  /// The Compose service within the project.
  public let composeService: String?
  /// The Swarm service that it is a task of (label `com.docker.swarm.service.name`).
  public let swarmService: String?

  /// An identity from its parts.
  public init(
    id: String, name: String? = nil, image: String? = nil, composeProject: String? = nil,
    composeService: String? = nil, swarmService: String? = nil
  ) {
    self.id = id
    self.name = name
    self.image = image
    self.composeProject = composeProject
    self.composeService = composeService
    self.swarmService = swarmService
  }

  /// The first 12 digits of the id, as engines print it.
  public var shortID: String { String(id.prefix(12)) }
}

extension ContainerIdentity: CustomStringConvertible {
  /// The name, else the first 12 digits of the id.
  public var description: String { name ?? shortID }
}

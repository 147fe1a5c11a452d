// SPDX-License-Identifier: GPL-3.0-or-later

/// The identity of a container. Everything except the id comes from the engine that runs it; if the engine
/// does not answer, only the id is known. The user who runs the container chooses its name and labels: they
/// can contain any character.
public struct ContainerIdentity: Sendable, Hashable {
  /// Its id: 64 hexadecimal digits, as in the control groups of its processes.
  public let id: String
  /// Its name, without the engine's leading `/`.
  public let name: String?
  /// The image that it was created from, as it was requested: `postgres:16`.
  public let image: String?
  /// The Compose project and service that it belongs to (labels `com.docker.compose.project` and
  /// `….service`).
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
  /// The name, or the first 12 digits of the id if there is no name.
  public var description: String { name ?? shortID }
}

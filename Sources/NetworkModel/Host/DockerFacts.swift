// SPDX-License-Identifier: GPL-3.0-or-later

/// What Docker reports about itself, as far as the health of a tunnel depends on it. Source: Docker Engine
/// API, `/info`, `/networks`.
public struct DockerFacts: Sendable, Hashable {
  /// The Swarm that it is part of; nil if it is in none.
  public var swarm: SwarmFacts?
  /// Its networks that have subnets, by name.
  public var networks: [DockerNetwork]

  /// Facts of these parts.
  public init(swarm: SwarmFacts? = nil, networks: [DockerNetwork] = []) {
    self.swarm = swarm
    self.networks = networks
  }
}

/// The state of a Swarm, as reported by the host's own node.
public struct SwarmFacts: Sendable, Hashable {
  /// The address by which others reach it (`NodeAddr`).
  public var nodeAddress: IPAddress?
  /// The addresses of the managers that it knows (`RemoteManagers`).
  public var managers: [IPAddress]

  /// Facts of these parts.
  public init(nodeAddress: IPAddress?, managers: [IPAddress] = []) {
    self.nodeAddress = nodeAddress
    self.managers = managers
  }
}

/// A Docker network.
public struct DockerNetwork: Sendable, Hashable {
  /// Its name.
  public let name: String
  /// The subnets that its containers are in.
  public let subnets: [Prefix]

  /// A network of these parts.
  public init(name: String, subnets: [Prefix]) {
    self.name = name
    self.subnets = subnets
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// What Docker tells of itself, as far as a tunnel's health hangs on it. Source: Docker Engine API, `/info`, `/networks`.
public struct DockerFacts: Sendable, Hashable {
  /// The Swarm that it is part of; nil where it is in none.
  public var swarm: SwarmFacts?
  /// Its networks that have subnets, by name.
  public var networks: [DockerNetwork]

  /// Facts of these parts.
  public init(swarm: SwarmFacts? = nil, networks: [DockerNetwork] = []) {
    self.swarm = swarm
    self.networks = networks
  }
}

/// A node of a Swarm, as it sees itself.
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

/// A network of Docker's.
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

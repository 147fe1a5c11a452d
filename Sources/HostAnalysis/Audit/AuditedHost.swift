// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset
public import PacketWalk

/// What an audit reads of a host: its sockets, and everything in its kernel that decides about a packet.
public struct AuditedHost {
  /// Its network namespaces with their sockets.
  public var survey: HostSurvey
  /// Every table of the host's own network namespace.
  public var tables: [KernelTable]
  /// The order of base chains of one priority; nil if it could not be read.
  public var order: HookOrder?
  /// Its routes and addresses.
  public var environment: any HostEnvironment
  /// The tables of other network namespaces that have any, by the namespace's identity.
  public var otherTables: [UInt64: [KernelTable]]
  /// The services of IPVS in other network namespaces that have any, by the namespace's identity.
  public var otherServices: [UInt64: [VirtualService]]
  /// The WireGuard interfaces.
  public var tunnels: Set<InterfaceName>
  /// The UDP ports of WireGuard, which are meant to be reachable.
  public var tunnelPorts: Set<UInt16>
  /// The WireGuard devices with their peers, to find those that a policy does not name.
  public var devices: [WireGuardDevice] = []

  /// Creates a host from its parts.
  public init(
    survey: HostSurvey, tables: [KernelTable], order: HookOrder? = nil, environment: any HostEnvironment,
    otherTables: [UInt64: [KernelTable]] = [:], otherServices: [UInt64: [VirtualService]] = [:],
    tunnels: Set<InterfaceName> = [], tunnelPorts: Set<UInt16> = []
  ) {
    self.survey = survey
    self.tables = tables
    self.order = order
    self.environment = environment
    self.otherTables = otherTables
    self.otherServices = otherServices
    self.tunnels = tunnels
    self.tunnelPorts = tunnelPorts
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset
public import PacketWalk

/// A host as an audit finds it: what is on it, and everything that its kernel would do with a packet.
public struct AuditedHost {
  /// Its network namespaces with their sockets.
  public var survey: HostSurvey
  /// Every table of its own namespace.
  public var tables: [KernelTable]
  /// The order of base chains of one priority; nil where it could not be read.
  public var order: HookOrder?
  /// Its routes and addresses.
  public var environment: any HostEnvironment
  /// The tables of other namespaces that have some, by the namespace's identity.
  public var otherTables: [UInt64: [KernelTable]]
  /// The interfaces that WireGuard made.
  public var tunnels: Set<InterfaceName>
  /// The UDP ports of WireGuard, which are there to be reached.
  public var tunnelPorts: Set<UInt16>

  /// A host from its parts.
  public init(
    survey: HostSurvey, tables: [KernelTable], order: HookOrder? = nil, environment: any HostEnvironment,
    otherTables: [UInt64: [KernelTable]] = [:], tunnels: Set<InterfaceName> = [],
    tunnelPorts: Set<UInt16> = []
  ) {
    self.survey = survey
    self.tables = tables
    self.order = order
    self.environment = environment
    self.otherTables = otherTables
    self.tunnels = tunnels
    self.tunnelPorts = tunnelPorts
  }
}

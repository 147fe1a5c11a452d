// SPDX-License-Identifier: GPL-3.0-or-later

/// The result of reading something, or the reason why it could not be read. A value that was not read is
/// never treated as absent.
public enum Reading<Value: Sendable>: Sendable {
  /// What was read.
  case known(Value)
  /// Why it could not be read: a sentence without a full stop.
  case unknown(String)

  /// What was read; nil if it could not be read.
  public var value: Value? {
    switch self {
    case .known(let value): value
    case .unknown: nil
    }
  }
}

extension Reading: Equatable where Value: Equatable {}

/// The state of a host at one moment, as far as the health of a tunnel depends on it. Values only; other
/// modules read them.
public struct HostFacts: Sendable {
  /// Its interfaces and listening sockets.
  public var host: HostSnapshot
  /// When it was read, in seconds since 1970-01-01 UTC.
  public var time: Int64
  /// Its WireGuard devices.
  public var wireGuard: WireGuardFacts
  /// The other network namespaces on it.
  public var elsewhere: OtherNamespaces
  /// The values of the kernel settings that were read; a setting that could not be read is missing.
  public var settings: [NetworkSetting: Int]
  /// The routes that were looked up, with the kernel's answers.
  public var routes: [RouteAsk: RouteFact]
  /// What Docker reports about itself.
  public var docker: Reading<DockerFacts>
  /// The systemd units that a unit is ordered after, by unit; a unit is missing if its files were not found.
  public var unitOrder: [String: Set<String>]

  /// Facts of these parts.
  public init(
    host: HostSnapshot, time: Int64, wireGuard: WireGuardFacts = WireGuardFacts(),
    elsewhere: OtherNamespaces = OtherNamespaces(), settings: [NetworkSetting: Int] = [:],
    routes: [RouteAsk: RouteFact] = [:], docker: Reading<DockerFacts> = .unknown("Docker was not queried"),
    unitOrder: [String: Set<String>] = [:]
  ) {
    self.host = host
    self.time = time
    self.wireGuard = wireGuard
    self.elsewhere = elsewhere
    self.settings = settings
    self.routes = routes
    self.docker = docker
    self.unitOrder = unitOrder
  }

  /// The interface with this index.
  public func interface(index: UInt32) -> NetworkInterface? { host.interfaces.first { $0.index == index } }
}

/// The WireGuard devices of a network namespace.
public struct WireGuardFacts: Sendable, Hashable {
  /// The devices that could be read, by name.
  public var devices: [WireGuardDevice]
  /// Why the other devices could not be read, by name.
  public var unread: [InterfaceName: String]
  /// Names of sockets of userspace implementations whose interfaces are not in this namespace.
  public var orphanSockets: [InterfaceName]
  /// Peers to which bytes were sent between two readings.
  public var sentMeanwhile: Set<WireGuardKey>

  /// Devices of these parts.
  public init(
    devices: [WireGuardDevice] = [], unread: [InterfaceName: String] = [:],
    orphanSockets: [InterfaceName] = [],
    sentMeanwhile: Set<WireGuardKey> = []
  ) {
    self.devices = devices
    self.unread = unread
    self.orphanSockets = orphanSockets
    self.sentMeanwhile = sentMeanwhile
  }

  /// The device of this name.
  public func device(named name: InterfaceName) -> WireGuardDevice? { devices.first { $0.name == name } }
}

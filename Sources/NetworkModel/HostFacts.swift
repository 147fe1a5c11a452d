// SPDX-License-Identifier: GPL-3.0-or-later

/// What a reading gave, or in words why it gave nothing. What was not read is never taken for what is not there.
public enum Reading<Value: Sendable>: Sendable {
  /// What was read.
  case known(Value)
  /// Why it could not be: a sentence without a full stop.
  case unknown(String)

  /// What was read; nil where it was not.
  public var value: Value? {
    switch self {
    case .known(let value): value
    case .unknown: nil
    }
  }
}

extension Reading: Equatable where Value: Equatable {}

/// What a host looks like at one moment, as far as a tunnel's health hangs on it: pure values, read elsewhere.
public struct HostFacts: Sendable {
  /// Its interfaces and listening sockets.
  public var host: HostSnapshot
  /// When it was read, in seconds since 1970-01-01 UTC.
  public var time: Int64
  /// Its WireGuard devices.
  public var wireGuard: WireGuardFacts
  /// The other network namespaces on it.
  public var elsewhere: OtherNamespaces
  /// The kernel's settings that were read, by what they set; one that could not be read is missing.
  public var settings: [NetworkSetting: Int]
  /// The ways that were asked of the kernel.
  public var routes: [RouteAsk: RouteFact]
  /// What Docker tells.
  public var docker: Reading<DockerFacts>
  /// What the units of systemd are ordered after, by unit; missing where its files could not be found.
  public var unitOrder: [String: Set<String>]

  /// Facts of these parts.
  public init(
    host: HostSnapshot, time: Int64, wireGuard: WireGuardFacts = WireGuardFacts(),
    elsewhere: OtherNamespaces = OtherNamespaces(), settings: [NetworkSetting: Int] = [:],
    routes: [RouteAsk: RouteFact] = [:], docker: Reading<DockerFacts> = .unknown("Docker was not asked"),
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

  /// The interface with this number.
  public func interface(index: UInt32) -> NetworkInterface? { host.interfaces.first { $0.index == index } }
}

/// The WireGuard devices of a network namespace.
public struct WireGuardFacts: Sendable, Hashable {
  /// Those that could be read, by name.
  public var devices: [WireGuardDevice]
  /// Why others could not be, by name.
  public var unread: [InterfaceName: String]
  /// Names of sockets of userspace implementations whose interfaces are not in this namespace.
  public var orphanSockets: [InterfaceName]
  /// Peers to whom more was sent between two readings.
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

// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink
public import NetworkModel

/// The WireGuard interfaces of this thread's network namespace: the kernel's by generic netlink, those of
/// userspace implementations by their sockets.
public struct WireGuardDevices: Sendable {
  /// The directory of the sockets of userspace implementations.
  public static let defaultDirectory = "/run/wireguard"

  /// The devices, by name.
  public let devices: [WireGuardDevice]
  /// The devices that could not be read.
  public let failures: [Failure]

  /// A device that could not be read, with the reason.
  public struct Failure: Sendable, Hashable {
    /// The device.
    public let name: InterfaceName
    /// The reason.
    public let reason: Reason
  }

  /// The reason why a device could not be read.
  public enum Reason: Sendable, Hashable {
    /// The query failed.
    case unreadable(HostReadError)
    /// Its socket exists, but this network namespace has no such interface. The socket was not used: sockets
    /// are files, so it may belong to an interface of the same name in another namespace.
    case interfaceMissing
  }

  /// Reads every device. A device that does not answer within one second is a failure. Throws only if the
  /// interfaces themselves cannot be listed.
  public static func read(directory: String = defaultDirectory) throws(HostReadError) -> WireGuardDevices {
    read(directory: directory, interfaces: try LinkTable.read().interfaces)
  }

  /// Reads the devices among these interfaces.
  public static func read(directory: String = defaultDirectory, interfaces: [NetworkInterface])
    -> WireGuardDevices
  {
    var devices: [WireGuardDevice] = []
    var failures: [Failure] = []
    func take(_ name: InterfaceName, _ read: () throws(HostReadError) -> WireGuardDevice?) {
      do throws(HostReadError) {
        if let device = try read() { devices.append(device) }
      } catch {
        failures.append(Failure(name: name, reason: .unreadable(error)))
      }
    }
    let inKernel = interfaces.filter { $0.kind == "wireguard" }.map { $0.name }
    for name in inKernel {
      take(name) { () throws(HostReadError) in try WireGuardNetlink.device(name) }
    }
    for name in sockets(in: directory) where !inKernel.contains(name) {
      guard interfaces.contains(where: { $0.name == name }) else {
        failures.append(Failure(name: name, reason: .interfaceMissing))
        continue
      }
      take(name) { () throws(HostReadError) in
        try WireGuardSocket.device(name, path: "\(directory)/\(name).sock")
      }
    }
    return WireGuardDevices(devices: devices.sorted { $0.name < $1.name }, failures: failures)
  }

  /// The interfaces that have a file `NAME.sock` in a directory, sorted by name; empty if the directory does
  /// not exist.
  private static func sockets(in directory: String) -> [InterfaceName] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [InterfaceName] = []
    while let entry = Glibc.readdir(stream) {
      let file = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if file.hasSuffix(".sock"), let name = InterfaceName(file.dropLast(5)) { names.append(name) }
    }
    return names.sorted()
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink
public import NetworkModel

/// The live WireGuard interfaces of this thread's network namespace: the kernel's by generic netlink, those of userspace
/// implementations by their sockets.
public struct WireGuardDevices: Sendable {
  /// Where userspace implementations put their sockets.
  public static let defaultDirectory = "/run/wireguard"

  /// The devices, by name.
  public let devices: [WireGuardDevice]
  /// The devices that could not be read.
  public let failures: [Failure]

  /// A device that could not be read, and why.
  public struct Failure: Sendable, Hashable {
    /// The device.
    public let name: InterfaceName
    /// Why.
    public let reason: Reason
  }

  /// Why a device could not be read.
  public enum Reason: Sendable, Hashable {
    /// Asking it failed.
    case unreadable(HostReadError)
    /// Its socket is there, but this network namespace has no such interface. It was not asked: sockets are files, so
    /// it may well be another namespace's interface of the same name.
    case interfaceMissing
  }

  /// Reads every device. A device that does not answer within a second is a failure of its own. Throws only where the
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

  /// The interfaces that have a file `NAME.sock` in a directory, by name; none where there is no directory.
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

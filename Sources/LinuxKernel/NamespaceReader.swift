// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import NetworkModel

/// Finds the other network namespaces on the host, by the processes that are in them, and enters each to look at its
/// interfaces. Source: network_namespaces(7), `/proc/PID/ns/net`, setns(2).
///
/// A namespace without a process (one that `ip netns` keeps) is not found. Nothing is changed in any of them.
public enum NamespaceReader {
  /// More are not entered.
  static let most = 1024

  /// Names of userspace implementations, as `/proc/PID/comm` has them (15 bytes at most).
  static let implementations = ["wireguard-go", "boringtun", "boringtun-cli", "amneziawg-go", "wireproxy"]

  /// Looks into every namespace but the calling thread's own. What may not be looked into is said.
  public static func read() -> NamespaceReading {
    var reading = NamespaceReading()
    guard let own = NetworkNamespace.identity else {
      reading.gaps.append(
        "/proc/thread-self/ns/net could not be read: there is no telling one namespace from another")
      return reading
    }
    let proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard proc >= 0 else {
      reading.gaps.append("/proc could not be read: no other network namespace was looked for")
      return reading
    }
    defer { close(proc) }
    var processes: [UInt32] = []
    if ProcFile.numbers(in: proc, each: { processes.append($0) }) != 0 {
      reading.gaps.append("/proc could not be listed to its end: network namespaces may be missing")
    }
    var members: [UInt64: [UInt32]] = [:]
    var refused = 0
    for process in processes.sorted() {
      var status = stat()
      if fstatat(proc, "\(process)/ns/net", &status, 0) != 0 {
        // Kernel threads that end, and processes that have, have none.
        if errno == EACCES || errno == EPERM { refused += 1 }
        continue
      }
      if UInt64(status.st_ino) != own { members[UInt64(status.st_ino), default: []].append(process) }
    }
    if refused > 0 {
      reading.gaps.append(
        "\(refused == 1 ? "1 process" : "\(refused) processes") may not be looked into, so a network namespace may be missing "
          + "(root with all its capabilities sees them)")
    }
    let found = members.compactMap { identity, processes in processes.first.map { (identity, $0, processes) }
    }
    .sorted { $0.1 < $1.1 }
    for (identity, first, processes) in found.prefix(most) {
      switch look(identity, processes) {
      case .known(let facts): reading.namespaces.append(facts)
      case .unknown(let why):
        let name = ProcessTable.identity(of: first)?.name ?? "a process that ended"
        reading.gaps.append("the network namespace of \(name)[\(first)] could not be entered: \(why)")
      }
    }
    if found.count > most {
      reading.gaps.append(
        "there are \(found.count) network namespaces: \(found.count - most) were not entered")
    }
    return reading
  }

  private static func look(_ identity: UInt64, _ processes: [UInt32]) -> Reading<NamespaceFacts> {
    let identities = processes.prefix(256).compactMap { ProcessTable.identity(of: $0) }
    let implementation = identities.first { implementations.contains($0.name) }
    guard let process = implementation ?? identities.first else {
      return .unknown("its processes have ended")
    }
    let descriptor = open("/proc/\(processes[0])/ns/net", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return .unknown(String(cString: strerror(errno))) }
    defer { close(descriptor) }
    // The process may have ended meanwhile, and its number been given to another.
    var status = stat()
    guard fstat(descriptor, &status) == 0, UInt64(status.st_ino) == identity else {
      return .unknown("its process has ended")
    }
    let links = OwnThread.run { () -> Reading<[NetworkInterface]> in
      let code = csys_enter_network_namespace(descriptor)
      guard code == 0 else { return .unknown(String(cString: strerror(code))) }
      do throws(HostReadError) {
        return .known(try LinkTable.read().interfaces)
      } catch {
        return .unknown(error.description)
      }
    }
    switch links {
    case .known(let interfaces):
      let wireGuard = interfaces.filter { interface in
        interface.kind == "wireguard"
          || interface.kind == "tun" && (implementation != nil || hasSocket(interface.name, processes))
      }
      return .known(
        NamespaceFacts(
          identity: identity, process: process, interfaces: interfaces, wireGuard: wireGuard.map(\.name)))
    case .unknown(let why): return .unknown(why)
    case nil: return .unknown("no thread could be started")
    }
  }

  /// Whether a process has a socket of a userspace WireGuard for this interface in its own `/run/wireguard`. It is not
  /// asked: a container may have put anything there.
  private static func hasSocket(_ name: InterfaceName, _ processes: [UInt32]) -> Bool {
    processes.prefix(16).contains { process in
      var status = stat()
      return lstat("/proc/\(process)/root\(WireGuardDevices.defaultDirectory)/\(name).sock", &status) == 0
        && status.st_mode & S_IFMT == S_IFSOCK
    }
  }
}

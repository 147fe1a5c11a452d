// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink
public import NetworkModel

/// Finds the other network namespaces of a host in which WireGuard runs. Changes nothing in them.
public enum NamespaceReader {
  /// The names of userspace implementations, as in `/proc/PID/comm` (at most 15 bytes).
  static let implementations = ["wireguard-go", "boringtun", "boringtun-cli", "amneziawg-go", "wireproxy"]

  /// The other namespaces of a survey with their tunnels, and what could not be read.
  public static func read(_ survey: HostSurvey) throws(HostReadError) -> OtherNamespaces {
    var processes: [UInt64: [UInt32]] = [:]
    if !survey.others.isEmpty {
      let directory = try ProcessDirectory()
      for process in directory.processes {
        if case .identity(let identity) = directory.namespace(of: process) {
          processes[identity, default: []].append(process)
        }
      }
    }
    return OtherNamespaces(
      namespaces: survey.others.map { facts(of: $0, processes[$0.identity] ?? []) },
      gaps: survey.notes.map(\.description))
  }

  private static func facts(of other: NamespaceSnapshot, _ processes: [UInt32]) -> NamespaceFacts {
    let identities = processes.prefix(256).compactMap { ProcessTable.identity(of: $0) }
    let implementation = identities.first { implementations.contains($0.name) }
    let wireGuard = other.snapshot.interfaces.filter { interface in
      interface.kind == "wireguard"
        || interface.kind == "tun" && (implementation != nil || hasSocket(interface.name, processes))
    }
    return NamespaceFacts(
      kind: other.kind, process: implementation ?? identities.first, interfaces: other.snapshot.interfaces,
      wireGuard: wireGuard.map(\.name))
  }

  /// Whether a process has the socket of a userspace WireGuard for this interface in its own
  /// `/run/wireguard`. The socket is not used: it may belong to anything in a container.
  private static func hasSocket(_ name: InterfaceName, _ processes: [UInt32]) -> Bool {
    processes.prefix(16).contains { process in
      var status = stat()
      return lstat("/proc/\(process)/root\(WireGuardDevices.defaultDirectory)/\(name).sock", &status) == 0
        && status.st_mode & S_IFMT == S_IFSOCK
    }
  }
}

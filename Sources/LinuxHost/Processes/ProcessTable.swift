// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink
public import NetworkModel

/// The processes that hold sockets, found by the descriptors in `/proc/PID/fd` that point to
/// `socket:[INODE]`.
public struct ProcessTable: Sendable {
  /// The ids of the processes that hold the sockets, by inode.
  private let holders: [UInt32: UInt32]
  private let identities: [UInt32: ProcessIdentity]
  /// The number of processes whose descriptors this user may not read.
  public let unreadableProcesses: Int

  /// The owner of one of the requested sockets; nil if none was found. If several processes hold a socket,
  /// the one with the lowest id; `init` (which opens sockets for its services) only if no other process holds
  /// it.
  public func owner(of inode: UInt32) -> ProcessIdentity? { holders[inode].flatMap { identities[$0] } }

  /// Searches the processes that hold these sockets. Processes that end in the meantime are skipped. Throws
  /// only if `/proc` itself cannot be listed.
  public static func owners(of inodes: Set<UInt32>) throws(HostReadError) -> ProcessTable {
    owners(of: inodes, among: try ProcessDirectory())
  }

  /// The same for processes with one of these names only (`/proc/PID/comm`), which costs one file for every other
  /// process.
  static func owners(of inodes: Set<UInt32>, named names: Set<String>) throws(HostReadError) -> ProcessTable {
    let directory = try ProcessDirectory()
    return owners(
      of: inodes,
      among: directory.processes.filter { process in
        guard let name = try? ProcFile.text("/proc/\(process)/comm") else { return false }
        return names.contains(String(name.hasSuffix("\n") ? name.dropLast() : name[...]))
      }, in: directory)
  }

  /// The same for processes that are already listed.
  static func owners(of inodes: Set<UInt32>, among directory: borrowing ProcessDirectory) -> ProcessTable {
    owners(of: inodes, among: directory.processes, in: directory)
  }

  private static func owners(
    of inodes: Set<UInt32>, among processes: [UInt32], in directory: borrowing ProcessDirectory
  ) -> ProcessTable {
    var holders: [UInt32: UInt32] = [:]
    var unreadable = 0
    var missing = inodes
    missing.remove(0)
    holders.reserveCapacity(missing.count)
    for process in processes {
      if missing.isEmpty { break }
      let failure = directory.sockets(of: process) { inode in
        if missing.remove(inode) != nil { holders[inode] = process }
      }
      if failure == EACCES || failure == EPERM { unreadable += 1 }
    }

    var identities: [UInt32: ProcessIdentity] = [:]
    for process in Set(holders.values) { identities[process] = identity(of: process) }
    return ProcessTable(holders: holders, identities: identities, unreadableProcesses: unreadable)
  }

  /// The inodes of the sockets that a process holds, ordered by descriptor; empty if the descriptors cannot
  /// be read.
  static func sockets(of process: UInt32) -> [UInt32] {
    let directory = open("/proc/\(process)/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { return [] }
    defer { close(directory) }
    var found: [(descriptor: UInt32, inode: UInt32)] = []
    _ = ProcFile.numbers(in: directory) { descriptor in
      if let inode = ProcessDirectory.socket(descriptor, in: directory) { found.append((descriptor, inode)) }
    }
    return found.sorted { $0.descriptor < $1.descriptor }.map { $0.inode }
  }

  /// The name, user and control group of a process; nil if it has ended.
  static func identity(of process: UInt32) -> ProcessIdentity? {
    guard let name = try? ProcFile.text("/proc/\(process)/comm") else { return nil }
    let group = (try? ProcFile.text("/proc/\(process)/cgroup")).map { ControlGroup($0) }
    return ProcessIdentity(
      pid: Int32(bitPattern: process), name: String(name.hasSuffix("\n") ? name.dropLast() : name[...]),
      userID: (try? ProcFile.text("/proc/\(process)/status")).flatMap { userID(status: $0) },
      unit: group?.unit,
      container: group?.container)
  }

  /// The effective user in `Uid: REAL EFFECTIVE SAVED FILESYSTEM` of `/proc/PID/status`.
  static func userID(status: String) -> UInt32? {
    for line in status.utf8.split(separator: UInt8(ascii: "\n")) where line.starts(with: "Uid:".utf8) {
      let fields = line.split { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }
      return fields.count > 2 ? UInt32(Substring(fields[2])) : nil
    }
    return nil
  }
}

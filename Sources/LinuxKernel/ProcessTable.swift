// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import NetworkModel

/// Which process holds which socket, by the descriptors in `/proc/PID/fd` that point to `socket:[INODE]`.
public struct ProcessTable: Sendable {
  /// The owners of the sockets that were asked for, by inode. Where several processes hold a socket, the one with the
  /// lowest number; `init` (which opens sockets for its services) only where nobody else does.
  public let owners: [UInt32: ProcessIdentity]
  /// The processes that this user may not look into.
  public let unreadableProcesses: Int

  /// Looks for the holders of these sockets. Processes that end meanwhile are passed over. Throws only where `/proc`
  /// itself cannot be listed.
  public static func owners(of inodes: Set<UInt32>) throws(HostReadError) -> ProcessTable {
    let proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard proc >= 0 else { throw .file(path: "/proc", errno: errno) }
    defer { close(proc) }
    var processes: [UInt32] = []
    let failure = ProcFile.numbers(in: proc) { processes.append($0) }
    guard failure == 0 else { throw .file(path: "/proc", errno: failure) }

    var holders: [UInt32: UInt32] = [:]
    var unreadable = 0
    var missing = inodes.subtracting([0])
    for process in processes.filter({ $0 != 1 }).sorted() + [1] {
      if missing.isEmpty { break }
      let directory = openat(proc, "\(process)/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      if directory < 0 {
        if errno == EACCES || errno == EPERM { unreadable += 1 }
        continue
      }
      defer { close(directory) }
      let failure = ProcFile.numbers(in: directory) { descriptor in
        if let inode = socket(descriptor, in: directory), missing.remove(inode) != nil {
          holders[inode] = process
        }
      }
      if failure == EACCES || failure == EPERM { unreadable += 1 }
    }

    var identities: [UInt32: ProcessIdentity] = [:]
    for process in Set(holders.values) { identities[process] = identity(of: process) }
    return ProcessTable(owners: holders.compactMapValues { identities[$0] }, unreadableProcesses: unreadable)
  }

  /// The sockets that a process holds, by descriptor, lowest first; empty where it may not be looked into.
  static func sockets(of process: UInt32) -> [UInt32] {
    let directory = open("/proc/\(process)/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { return [] }
    defer { close(directory) }
    var found: [(descriptor: UInt32, inode: UInt32)] = []
    _ = ProcFile.numbers(in: directory) { descriptor in
      if let inode = socket(descriptor, in: directory) { found.append((descriptor, inode)) }
    }
    return found.sorted { $0.descriptor < $1.descriptor }.map { $0.inode }
  }

  /// The name, user and control group of a process; nil where it is gone.
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
    for line in status.split(separator: "\n") where line.hasPrefix("Uid:") {
      let fields = line.split { $0 == "\t" || $0 == " " }
      return fields.count > 2 ? UInt32(fields[2]) : nil
    }
    return nil
  }

  /// The inode behind a descriptor that is a socket.
  private static func socket(_ descriptor: UInt32, in directory: Int32) -> UInt32? {
    withUnsafeTemporaryAllocation(byteCount: 48, alignment: 1) { buffer in
      // The descriptor in decimal and a zero, from the end of the first 16 bytes.
      var start = 15
      buffer[start] = 0
      var rest = descriptor
      repeat {
        start -= 1
        buffer[start] = UInt8(0x30 + rest % 10)
        rest /= 10
      } while rest > 0
      guard let base = buffer.baseAddress else { return nil }
      let name = (base + start).assumingMemoryBound(to: CChar.self)
      let target = UnsafeMutableRawBufferPointer(rebasing: buffer[16...])
      guard let into = target.baseAddress else { return nil }
      let length = readlinkat(directory, name, into.assumingMemoryBound(to: CChar.self), target.count)
      let opening: StaticString = "socket:["
      let before = opening.utf8CodeUnitCount
      guard length > before + 1, length < target.count,
        memcmp(into, opening.utf8Start, before) == 0
      else { return nil }
      var inode: UInt32 = 0
      for byte in target[before..<(length - 1)] {
        guard byte >= 0x30, byte <= 0x39 else { return nil }
        inode = inode &* 10 &+ UInt32(byte - 0x30)
      }
      return inode
    }
  }
}

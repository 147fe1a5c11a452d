// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import Netlink

/// The processes of `/proc`, listed once. Each query opens files of a process; processes that ended in the
/// meantime are skipped. Source: proc(5).
struct ProcessDirectory: ~Copyable {
  /// The process ids, lowest first, but `init` (1) last: it opens sockets for its services.
  let processes: [UInt32]
  private let directory: Int32

  /// Lists `/proc`.
  init() throws(HostReadError) {
    let opened = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard opened >= 0 else { throw .file(path: "/proc", errno: errno) }
    var found: [UInt32] = []
    let failure = ProcFile.numbers(in: opened) { found.append($0) }
    guard failure == 0 else {
      close(opened)
      throw .file(path: "/proc", errno: failure)
    }
    found.sort()
    if found.first == 1 { found.append(found.removeFirst()) }
    processes = found
    directory = opened
  }

  deinit { close(directory) }

  /// The network namespace of a process.
  enum Namespace {
    /// Its inode.
    case identity(UInt64)
    /// This user may not read it.
    case forbidden
    /// The process has ended.
    case gone
  }

  /// Reads `/proc/PID/ns/net`.
  func namespace(of process: UInt32) -> Namespace {
    switch "\(process)/ns/net".withCString({ Self.link($0, in: directory, opening: "net:[") }) {
    case .number(let inode): .identity(inode)
    case .failed(let errno): errno == EACCES || errno == EPERM ? .forbidden : .gone
    case .other: .gone
    }
  }

  /// The number of descriptors from which on several threads read them: the kernel needs about 3 µs for each.
  private static let shared = 2048

  /// Calls `each` with the inodes of the sockets of a process, in the order in which its descriptors are
  /// listed. Returns 0, or errno.
  func sockets(of process: UInt32, each: (UInt32) -> Void) -> Int32 {
    let directory = openat(directory, "\(process)/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { return errno }
    defer { close(directory) }
    var descriptors: [UInt32] = []
    let failure = ProcFile.numbers(in: directory) { descriptors.append($0) }
    guard descriptors.count >= Self.shared else {
      for descriptor in descriptors { if let inode = Self.socket(descriptor, in: directory) { each(inode) } }
      return failure
    }
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: descriptors.count) { inodes in
      let workers = min(4, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
      let share = (descriptors.count + workers - 1) / workers
      // Each thread writes its own part.
      WorkThreads.run(workers) { worker in
        for place in min(worker * share, inodes.count)..<min((worker + 1) * share, inodes.count) {
          inodes.initializeElement(at: place, to: Self.socket(descriptors[place], in: directory) ?? 0)
        }
      }
      for inode in inodes where inode != 0 { each(inode) }
    }
    return failure
  }

  /// The inode of a descriptor that is a socket, given the open `/proc/PID/fd`; nil for other descriptors.
  static func socket(_ descriptor: UInt32, in directory: Int32) -> UInt32? {
    withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { buffer -> UInt32? in
      // The descriptor in decimal and a terminating zero, written from the end.
      var start = 15
      buffer[start] = 0
      var rest = descriptor
      repeat {
        start -= 1
        buffer[start] = UInt8(0x30 + rest % 10)
        rest /= 10
      } while rest > 0
      guard let base = buffer.baseAddress else { return nil }
      let name = UnsafePointer((base + start).assumingMemoryBound(to: CChar.self))
      guard case .number(let inode) = link(name, in: directory, opening: "socket:[") else { return nil }
      return UInt32(truncatingIfNeeded: inode)
    }
  }

  /// The target of a link.
  private enum Target {
    /// The number in `OPENING NUMBER ]`.
    case number(UInt64)
    /// Something else.
    case other
    /// It could not be read.
    case failed(errno: Int32)
  }

  private static func link(_ name: UnsafePointer<CChar>, in directory: Int32, opening: StaticString) -> Target
  {
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { buffer in
      guard let into = buffer.baseAddress else { return .other }
      let length = readlinkat(directory, name, into.assumingMemoryBound(to: CChar.self), buffer.count)
      guard length >= 0 else { return .failed(errno: errno) }
      let before = opening.utf8CodeUnitCount
      guard length > before + 1, length < buffer.count, memcmp(into, opening.utf8Start, before) == 0 else {
        return .other
      }
      var number: UInt64 = 0
      for byte in buffer[before..<(length - 1)] {
        guard byte >= 0x30, byte <= 0x39 else { return .other }
        number = number &* 10 &+ UInt64(byte - 0x30)
      }
      return .number(number)
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// The kind of network namespace that the calling thread is in. A test must know it before it loads a
/// ruleset.
///
/// A ruleset that is loaded in the initial namespace cuts the machine off, so a namespace that cannot be
/// determined counts as the initial one.
public enum NetworkNamespace: Sendable, Hashable {
  /// The machine's own namespace.
  case initial
  /// A namespace that was created later.
  case other
  /// It cannot be determined, and must be treated as the initial one.
  case undetermined(Reason)

  /// The reason why it cannot be determined.
  public enum Reason: Sendable, Hashable {
    /// `/proc/thread-self/ns/net` is not readable: no procfs.
    case unreadable
    /// `/proc/1/ns/net` is not readable, and before Linux 6.18 the initial namespace has no fixed inode.
    case kernelTooOld
  }

  /// Whether it is certain that the thread is not in the machine's own namespace.
  public var isCertainlyOther: Bool { self == .other }

  /// Determines the namespace of the calling thread.
  ///
  /// Compares it with the namespace of process 1 if that is readable. It is not readable if process 1 has
  /// capabilities that the caller lacks. Since Linux 6.18 the initial namespace has the inode
  /// `NET_NS_INIT_INO` (`linux/nsfs.h`).
  public static func current() -> NetworkNamespace {
    guard let own = inode(of: "/proc/thread-self/ns/net") else { return .undetermined(.unreadable) }
    if let first = inode(of: "/proc/1/ns/net") { return own == first ? .initial : .other }
    if own == initialInode { return .initial }
    guard let release = KernelRelease.running(), release >= KernelRelease(major: 6, minor: 18) else {
      return .undetermined(.kernelTooOld)
    }
    return .other
  }

  /// The identity of the calling thread's namespace (the inode of its file); nil if there is no procfs.
  public static var identity: UInt64? { inode(of: "/proc/thread-self/ns/net") }

  /// `NET_NS_INIT_INO` of `linux/nsfs.h`, which the headers of older systems lack.
  private static let initialInode: UInt64 = 0xEFFF_FFF9

  private static func inode(of path: String) -> UInt64? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return UInt64(status.st_ino)
  }
}

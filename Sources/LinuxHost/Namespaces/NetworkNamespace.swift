// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// Which network namespace the calling thread is in: what has to be known before a ruleset is loaded in a test.
///
/// A ruleset loaded in the initial namespace cuts the machine off, so whatever cannot be told counts as initial.
public enum NetworkNamespace: Sendable, Hashable {
  /// The machine's own.
  case initial
  /// One that was made later.
  case other
  /// The kernel does not say. To be treated as the initial one.
  case undetermined(Reason)

  /// Why it cannot be told.
  public enum Reason: Sendable, Hashable {
    /// `/proc/thread-self/ns/net` is not readable: no procfs.
    case unreadable
    /// `/proc/1/ns/net` is not readable, and before Linux 6.18 the initial namespace has no fixed inode.
    case kernelTooOld
  }

  /// Whether it is certain that the thread is not in the machine's own namespace.
  public var isCertainlyOther: Bool { self == .other }

  /// Asks for the calling thread.
  ///
  /// The namespace of process 1 is compared where it is readable; it is not where process 1 has capabilities that the
  /// caller lacks. Since Linux 6.18 the initial namespace has the inode `NET_NS_INIT_INO` (`linux/nsfs.h`).
  public static func current() -> NetworkNamespace {
    guard let own = inode(of: "/proc/thread-self/ns/net") else { return .undetermined(.unreadable) }
    if let first = inode(of: "/proc/1/ns/net") { return own == first ? .initial : .other }
    if own == initialInode { return .initial }
    guard let release = KernelRelease.running(), release >= KernelRelease(major: 6, minor: 18) else {
      return .undetermined(.kernelTooOld)
    }
    return .other
  }

  /// The number by which the calling thread's namespace is known (the inode of its file); nil where there is no procfs.
  public static var identity: UInt64? { inode(of: "/proc/thread-self/ns/net") }

  /// `NET_NS_INIT_INO` of `linux/nsfs.h`, which the headers of older systems lack.
  private static let initialInode: UInt64 = 0xEFFF_FFF9

  private static func inode(of path: String) -> UInt64? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return UInt64(status.st_ino)
  }
}

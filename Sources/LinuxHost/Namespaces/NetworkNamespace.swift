// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// The kind of network namespace that the calling thread is in. A test must know it before it loads a
/// ruleset.
///
/// The machine's own namespace is that of process 1. In a system container (systemd-nspawn, LXC, Incus) that is the
/// namespace of the container, which is not the initial one of the kernel.
///
/// A ruleset that is loaded in the machine's own namespace can cut the machine off, so a namespace that cannot be
/// determined counts as the machine's own.
public enum NetworkNamespace: Sendable, Hashable {
  /// The machine's own namespace.
  case initial
  /// A namespace that was created later.
  case other
  /// It cannot be determined, and must be treated as the machine's own.
  case undetermined(Reason)

  /// The reason why it cannot be determined.
  public enum Reason: Sendable, Hashable, CustomStringConvertible {
    /// `/proc/thread-self/ns/net` is not readable: no procfs.
    case unreadable
    /// Process 1 is hidden, and before Linux 6.18 the initial namespace has no fixed inode.
    case kernelTooOld
    /// Process 1 is hidden, and it is not the first process of the machine but of a container, whose own network
    /// namespace may be this one.
    case container

    /// What is not known, as a clause.
    public var description: String {
      switch self {
      case .unreadable: "/proc/thread-self/ns/net is not readable"
      case .kernelTooOld: "process 1 is hidden, and before Linux 6.18 no other sign shows it"
      case .container: "process 1 of this container is hidden"
      }
    }
  }

  /// Whether it is certain that the thread is not in the machine's own namespace.
  public var isCertainlyOther: Bool { self == .other }

  /// A clause for messages; nil if it is certain that the thread is not in the machine's own namespace.
  public var machineClause: String? {
    switch self {
    case .other: nil
    case .initial: "this is the machine's own network namespace"
    case .undetermined(let reason): "this may be the machine's own network namespace (\(reason))"
    }
  }

  /// Determines the namespace of the calling thread.
  public static func current() -> NetworkNamespace { judge(Evidence()) }

  /// What this process can see of the namespaces.
  struct Evidence: Sendable, Hashable {
    /// The inode of `/proc/thread-self/ns/net`; nil if it is not readable.
    var own: UInt64?
    /// The comparison with the namespace of process 1.
    var first: Comparison
    /// The inode of the PID namespace.
    var processes: UInt64?
    /// Whether the initial network namespace has a fixed inode: Linux 6.18.
    var isInodeFixed: Bool
  }

  /// The comparison of this thread's network namespace with that of process 1.
  enum Comparison: Sendable, Hashable {
    case same
    case different
    /// Process 1 cannot be seen: hidepid, `ProtectProc=invisible`.
    case hidden
  }

  /// Decides what the namespace is.
  static func judge(_ evidence: Evidence) -> NetworkNamespace {
    guard let own = evidence.own else { return .undetermined(.unreadable) }
    if own == initialInode { return .initial }
    switch evidence.first {
    case .same: return .initial
    case .different: return .other
    case .hidden: break
    }
    guard evidence.isInodeFixed else { return .undetermined(.kernelTooOld) }
    // Process 1 of the initial PID namespace is in the initial network namespace.
    return evidence.processes == initialProcessesInode ? .other : .undetermined(.container)
  }

  /// The identity of the calling thread's namespace (the inode of its file); nil if there is no procfs.
  public static var identity: UInt64? { inode(of: "/proc/thread-self/ns/net") }

  /// `NET_NS_INIT_INO` of `linux/nsfs.h`, which the headers of older systems lack. Before Linux 6.18 no network
  /// namespace has it.
  static let initialInode: UInt64 = 0xEFFF_FFF9
  /// `PID_NS_INIT_INO` of `linux/nsfs.h`; since Linux 3.8.
  static let initialProcessesInode: UInt64 = 0xEFFF_FFFC

  fileprivate static func inode(of path: String) -> UInt64? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return UInt64(status.st_ino)
  }
}

extension NetworkNamespace.Evidence {
  /// Reads it from `/proc`.
  init() {
    own = NetworkNamespace.identity
    first = NetworkNamespace.Comparison()
    processes = NetworkNamespace.inode(of: "/proc/thread-self/ns/pid")
    isInodeFixed = KernelRelease.running().map { $0 >= KernelRelease(major: 6, minor: 18) } ?? false
  }
}

extension NetworkNamespace.Comparison {
  /// Compares by two files of `/proc/PID`. `ns/net` is readable if process 1 has no capabilities that the caller lacks
  /// (PTRACE_MODE_READ, ptrace(2)). `net/dev` needs no capability: its inode belongs to the network namespace of the
  /// process. Both are missing if process 1 is hidden.
  init(by files: [String] = ["ns/net", "net/dev"]) {
    for file in files {
      guard let first = NetworkNamespace.inode(of: "/proc/1/\(file)"),
        let own = NetworkNamespace.inode(of: "/proc/thread-self/\(file)")
      else { continue }
      self = own == first ? .same : .different
      return
    }
    self = .hidden
  }
}

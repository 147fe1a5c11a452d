// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink

/// The signals that make a service end or read its files again, with a descriptor to wait on: signalfd(2).
public struct SignalReader: ~Copyable {
  /// The descriptor to wait on.
  public let descriptor: Int32

  /// The request that a signal makes.
  public enum Request: Sendable {
    /// SIGTERM or SIGINT.
    case end
    /// SIGHUP.
    case reload
  }

  /// Blocks the three signals, so that they are only read here, and ignores SIGPIPE. Call it before the first
  /// thread is created.
  public init() throws(SystemError) {
    let attempt = "waiting for signals"
    var signals = sigset_t()
    signal(SIGPIPE, SIG_IGN)
    sigemptyset(&signals)
    for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, number) }
    _ = try SystemError.check(sigprocmask(SIG_BLOCK, &signals, nil), attempt)
    descriptor = try SystemError.check(
      signalfd(-1, &signals, Int32(SFD_CLOEXEC | SFD_NONBLOCK)), attempt)
  }

  deinit { close(descriptor) }

  /// The next request; nil if there is none.
  public func next() -> Request? {
    var information = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    guard read(descriptor, &information, size) == size else { return nil }
    return Int32(information.ssi_signo) == SIGHUP ? .reload : .end
  }
}

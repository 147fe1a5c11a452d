// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink

/// The signals that tell a service to end or to read its files again, as something to wait for: signalfd(2).
public struct SignalReader: ~Copyable {
  /// To wait on.
  public let descriptor: Int32

  /// What was asked.
  public enum Request: Sendable {
    /// SIGTERM or SIGINT.
    case end
    /// SIGHUP.
    case reload
  }

  /// From now on the three are read here and do nothing else; SIGPIPE is ignored. Call it before a thread is made.
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

  /// The next one, nil where there is none.
  public func next() -> Request? {
    var information = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    guard read(descriptor, &information, size) == size else { return nil }
    return Int32(information.ssi_signo) == SIGHUP ? .reload : .end
  }
}

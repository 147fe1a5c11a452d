// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink

/// The machine's clocks, in nanoseconds.
public enum Clock {
  /// Since boot, the time that the machine slept included (`CLOCK_BOOTTIME`). It never jumps.
  public static var sinceBoot: Int64 { csys_boot_nanoseconds() }
  /// Since 1970 (`CLOCK_REALTIME`). It can be set.
  public static var sinceEpoch: Int64 { csys_wall_nanoseconds() }
  /// Which boot this is: `/proc/sys/kernel/random/boot_id`. Empty where it cannot be read.
  public static var bootIdentity: String {
    (try? ProcFile.text("/proc/sys/kernel/random/boot_id")).map { String($0.prefix { $0 != "\n" }) } ?? ""
  }
}

/// A timer that can be waited for: timerfd_create(2) on `CLOCK_BOOTTIME`.
public struct AlarmClock: ~Copyable {
  /// To wait on.
  public let descriptor: Int32

  /// A timer that is not armed.
  public init() throws(SystemError) {
    descriptor = try SystemError.check(csys_timer_open(), "making a timer")
  }

  deinit { close(descriptor) }

  /// Arms it for a moment of `Clock.sinceBoot`, or disarms it.
  public func arm(_ moment: Int64?) {
    // A moment that has passed must ring at once; 0 would disarm.
    _ = csys_timer_arm(descriptor, moment.map { max($0, 1) } ?? 0)
  }

  /// Takes note that it rang.
  public func acknowledge() { _ = csys_timer_read(descriptor) }
}

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
    descriptor = try SystemError.check(csys_signals_open(), "waiting for signals")
  }

  deinit { close(descriptor) }

  /// The next one, nil where there is none.
  public func next() -> Request? {
    switch csys_signals_read(descriptor) {
    case 0: nil
    case SIGHUP: .reload
    default: .end
    }
  }
}

/// The memory of this process.
public enum Memory {
  /// Gives back what is not in use: freed heap, and the program's own pages, which come back where they are needed. For
  /// a process that goes to sleep.
  public static func release() { csys_release_memory() }

  /// Has all threads share one heap: a thread that works now and then leaves none of its own behind. Call it before the
  /// first is made.
  public static func share() { csys_share_heap() }
}

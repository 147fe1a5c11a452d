// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink

/// The machine's clocks: clock_gettime(2).
public enum Clock {
  /// Nanoseconds since boot, including the time in suspend (`CLOCK_BOOTTIME`). It never jumps.
  public static var sinceBoot: Int64 { nanoseconds(CLOCK_BOOTTIME) }
  /// Nanoseconds since 1970 (`CLOCK_REALTIME`). It can be set, so it may jump.
  public static var sinceEpoch: Int64 { nanoseconds(CLOCK_REALTIME) }
  /// Milliseconds of `CLOCK_MONOTONIC`, for measuring short times.
  static var monotonicMilliseconds: Int64 { nanoseconds(CLOCK_MONOTONIC) / 1_000_000 }
  /// The identity of this boot: `/proc/sys/kernel/random/boot_id`. Empty if it cannot be read.
  public static var bootIdentity: String {
    (try? ProcFile.text("/proc/sys/kernel/random/boot_id")).map { String($0.prefix { $0 != "\n" }) } ?? ""
  }

  private static func nanoseconds(_ clock: clockid_t) -> Int64 {
    var now = timespec()
    clock_gettime(clock, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
  }
}

/// A timer with a descriptor to wait on: timerfd_create(2) on `CLOCK_BOOTTIME`.
public struct AlarmClock: ~Copyable {
  /// The descriptor to wait on.
  public let descriptor: Int32

  /// Creates a timer that is not armed.
  public init() throws(SystemError) {
    descriptor = try SystemError.check(
      timerfd_create(CLOCK_BOOTTIME, Int32(TFD_CLOEXEC | TFD_NONBLOCK)), "creating a timer")
  }

  deinit { close(descriptor) }

  /// Arms the timer for a time of `Clock.sinceBoot`; nil disarms it.
  public func arm(_ moment: Int64?) {
    // A time in the past must expire at once, but 0 would disarm the timer.
    let nanoseconds = moment.map { max($0, 1) } ?? 0
    var when = itimerspec()
    when.it_value.tv_sec = Int(nanoseconds / 1_000_000_000)
    when.it_value.tv_nsec = Int(nanoseconds % 1_000_000_000)
    timerfd_settime(descriptor, Int32(TFD_TIMER_ABSTIME), &when, nil)
  }

  /// Clears the expiration.
  public func acknowledge() {
    var count: UInt64 = 0
    _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
  }
}

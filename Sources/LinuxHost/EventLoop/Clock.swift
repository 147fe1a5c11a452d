// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink

/// The machine's clocks: clock_gettime(2).
public enum Clock {
  /// Nanoseconds since boot, the time that the machine slept included (`CLOCK_BOOTTIME`). It never jumps.
  public static var sinceBoot: Int64 { nanoseconds(CLOCK_BOOTTIME) }
  /// Nanoseconds since 1970 (`CLOCK_REALTIME`). It can be set.
  public static var sinceEpoch: Int64 { nanoseconds(CLOCK_REALTIME) }
  /// Milliseconds of `CLOCK_MONOTONIC`, to measure short times.
  static var monotonicMilliseconds: Int64 { nanoseconds(CLOCK_MONOTONIC) / 1_000_000 }
  /// Which boot this is: `/proc/sys/kernel/random/boot_id`. Empty where it cannot be read.
  public static var bootIdentity: String {
    (try? ProcFile.text("/proc/sys/kernel/random/boot_id")).map { String($0.prefix { $0 != "\n" }) } ?? ""
  }

  private static func nanoseconds(_ clock: clockid_t) -> Int64 {
    var now = timespec()
    clock_gettime(clock, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
  }
}

/// A timer that can be waited for: timerfd_create(2) on `CLOCK_BOOTTIME`.
public struct AlarmClock: ~Copyable {
  /// To wait on.
  public let descriptor: Int32

  /// A timer that is not armed.
  public init() throws(SystemError) {
    descriptor = try SystemError.check(
      timerfd_create(CLOCK_BOOTTIME, Int32(TFD_CLOEXEC | TFD_NONBLOCK)), "making a timer")
  }

  deinit { close(descriptor) }

  /// Arms it for a moment of `Clock.sinceBoot`, or disarms it.
  public func arm(_ moment: Int64?) {
    // A moment that has passed must ring at once; 0 would disarm.
    let nanoseconds = moment.map { max($0, 1) } ?? 0
    var when = itimerspec()
    when.it_value.tv_sec = Int(nanoseconds / 1_000_000_000)
    when.it_value.tv_nsec = Int(nanoseconds % 1_000_000_000)
    timerfd_settime(descriptor, Int32(TFD_TIMER_ABSTIME), &when, nil)
  }

  /// Takes note that it rang.
  public func acknowledge() {
    var count: UInt64 = 0
    _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
  }
}

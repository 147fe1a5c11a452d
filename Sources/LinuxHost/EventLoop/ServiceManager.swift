// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc

/// The service manager, where one started this process and waits to be told: sd_notify(3).
public enum ServiceManager {
  /// Tells it `READY=1`, `RELOADING=1`, `STOPPING=1`, `WATCHDOG=1` or `STATUS=…`, a line each.
  public static func tell(_ state: String) { _ = csys_notify(state) }

  /// How often `WATCHDOG=1` is expected at least, in nanoseconds (`WATCHDOG_USEC`, for this process); nil: not at all.
  public static var watchdog: Int64? {
    guard let text = getenv("WATCHDOG_USEC").map({ String(cString: $0) }), let microseconds = Int64(text),
      microseconds > 0
    else { return nil }
    if let pid = getenv("WATCHDOG_PID").map({ String(cString: $0) }), Int32(pid) != getpid() { return nil }
    return microseconds * 1000
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// The service manager, where one started this process and waits to be told: sd_notify(3).
public enum ServiceManager {
  /// Tells it `READY=1`, `RELOADING=1`, `STOPPING=1`, `WATCHDOG=1` or `STATUS=…`, a line each.
  public static func tell(_ state: String) {
    guard let name = getenv("NOTIFY_SOCKET"),
      let address = UnixAddress(
        notification: Array(UnsafeRawBufferPointer(start: name, count: strlen(name))))
    else { return }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    let bytes = Array(state.utf8)
    _ = address.withPointer {
      sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, $1)
    }
    close(descriptor)
  }

  /// How often `WATCHDOG=1` is expected at least, in nanoseconds (`WATCHDOG_USEC`, for this process); nil: not at all.
  public static var watchdog: Int64? {
    guard let text = getenv("WATCHDOG_USEC").map({ String(cString: $0) }), let microseconds = Int64(text),
      microseconds > 0
    else { return nil }
    if let pid = getenv("WATCHDOG_PID").map({ String(cString: $0) }), Int32(pid) != getpid() { return nil }
    return microseconds * 1000
  }
}

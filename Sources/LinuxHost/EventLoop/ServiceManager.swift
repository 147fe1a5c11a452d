// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// The service manager, if one started this process and expects notifications: sd_notify(3).
public enum ServiceManager {
  /// Sends a notification: `READY=1`, `RELOADING=1`, `STOPPING=1`, `WATCHDOG=1` or `STATUS=…`, one on each
  /// line.
  public static func notify(_ state: String) {
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

  /// The maximum interval between `WATCHDOG=1` notifications, in nanoseconds (`WATCHDOG_USEC`, if it is for
  /// this process); nil if none are expected.
  public static var watchdog: Int64? {
    guard let text = getenv("WATCHDOG_USEC").map({ String(cString: $0) }), let microseconds = Int64(text),
      microseconds > 0
    else { return nil }
    if let pid = getenv("WATCHDOG_PID").map({ String(cString: $0) }), Int32(pid) != getpid() { return nil }
    return microseconds * 1000
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc

/// A failed system call: what was tried, on what, and the error number.
public struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was tried: `listening on /run/wgfence/control.sock`.
  public let attempt: String
  /// `errno`
  public let code: Int32

  package init(_ attempt: String, code: Int32) {
    self.attempt = attempt
    self.code = code
  }

  /// One line.
  public var description: String {
    "\(attempt): \(ErrorNumber.meaning(code) ?? "error \(code)")"
  }

  /// The result of a call that returns -1 and sets `errno` if it fails.
  package static func check(_ value: Int32, _ attempt: @autoclosure () -> String) throws(SystemError) -> Int32
  {
    if value < 0 {
      let code = errno
      throw SystemError(attempt(), code: code)
    }
    return value
  }
}

/// Names and texts of the kernel's error numbers. Source: errno(3), strerrorname_np of strerror(3).
enum ErrorNumber {
  /// `ENOTSUPP`, which the kernel returns to user space although the C library does not define it. Source:
  /// `include/linux/errno.h`.
  private static let notSupported: Int32 = 524

  /// The constant's name, such as `EPERM`. Nil for a number without a name.
  static func name(_ code: Int32) -> String? {
    if code == notSupported { return "ENOTSUPP" }
    return strerrorname_np(code).map { String(cString: $0) }
  }

  /// The meaning in English, such as `Operation not permitted`. Nil for a number without a text.
  static func meaning(_ code: Int32) -> String? {
    if code == notSupported { return "Operation is not supported" }
    return strerrordesc_np(code).map { String(cString: $0) }
  }
}

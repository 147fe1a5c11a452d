// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc

/// A system call that failed: what was tried, on what, and the system's number.
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

  /// The value of a call that gives -1 and `errno` where it fails.
  package static func check(_ value: Int32, _ attempt: @autoclosure () -> String) throws(SystemError) -> Int32
  {
    if value < 0 {
      let code = errno
      throw SystemError(attempt(), code: code)
    }
    return value
  }
}

/// The kernel's error numbers in words. Source: errno(3), strerrorname_np of strerror(3).
enum ErrorNumber {
  /// `ENOTSUPP`, which the kernel answers to user space though it is not among the C library's numbers. Source:
  /// `include/linux/errno.h`.
  private static let notSupported: Int32 = 524

  /// The constant's name: `EPERM`. Nil for a number that has none.
  static func name(_ code: Int32) -> String? {
    if code == notSupported { return "ENOTSUPP" }
    return strerrorname_np(code).map { String(cString: $0) }
  }

  /// What it means, in English: `Operation not permitted`. Nil for a number that has no meaning.
  static func meaning(_ code: Int32) -> String? {
    if code == notSupported { return "Operation is not supported" }
    return strerrordesc_np(code).map { String(cString: $0) }
  }
}

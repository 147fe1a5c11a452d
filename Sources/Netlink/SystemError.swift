// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys

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
    let words = csys_errno_text(code).map { String(cString: $0) } ?? "error \(code)"
    return "\(attempt): \(words)"
  }

  /// The value of a call that gives `-errno` where it fails.
  package static func check(_ value: Int32, _ attempt: @autoclosure () -> String) throws(SystemError) -> Int32
  {
    if value < 0 { throw SystemError(attempt(), code: -value) }
    return value
  }
}

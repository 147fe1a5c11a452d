// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// The kernel's version, as far as features depend on it, such as `6.18`.
public struct KernelRelease: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The first number.
  public let major: Int
  /// The second number.
  public let minor: Int

  /// A version to compare with.
  public init(major: Int, minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// Parses the beginning of a release text such as `6.18.44-amd64`; nil if it has another format.
  public init?(_ text: String) {
    let numbers = text.split(maxSplits: 2, omittingEmptySubsequences: false) { $0 == "." || $0 == "-" }
    guard numbers.count >= 2, let major = Int(numbers[0]), let minor = Int(numbers[1]) else { return nil }
    self.init(major: major, minor: minor)
  }

  /// The version of the running kernel, by `uname(2)`; nil if its text cannot be parsed.
  public static func running() -> KernelRelease? {
    var names = utsname()
    guard uname(&names) == 0 else { return nil }
    return withUnsafeBytes(of: names.release) { bytes in
      KernelRelease(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
    }
  }

  /// Older versions come before newer ones.
  public static func < (left: Self, right: Self) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }

  /// `6.18`
  public var description: String { "\(major).\(minor)" }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// A version of the program: three numbers, by which versions are ordered (semver.org, section 11).
public struct ProgramVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
  private let numbers: [UInt32]

  /// Reads `1.2.3`; nil for any other text.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { UInt32($0) }
    guard parts.count == 3, numbers.count == 3 else { return nil }
    self.numbers = numbers
    guard description == text else { return nil }
  }

  /// `1.2.3`
  public var description: String { numbers.map { String($0) }.joined(separator: ".") }

  /// By the first number that differs.
  public static func < (left: Self, right: Self) -> Bool {
    left.numbers.lexicographicallyPrecedes(right.numbers)
  }
}

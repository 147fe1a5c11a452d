// SPDX-License-Identifier: GPL-3.0-or-later

/// Why a statement, a trust file, a bundle or a ratchet is not valid, and where.
public struct ReleaseTextError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Which text.
  public let text: Text
  /// The line, from 1.
  public let line: Int
  /// The byte in the line, from 1.
  public let column: Int
  /// One clause.
  public let reason: String

  /// The texts of a release.
  public enum Text: String, Sendable, Hashable {
    case statement
    case trust = "trust file"
    case bundle
    case ratchet
  }

  /// `statement, line 3, column 1: …`
  public var description: String { "\(text.rawValue), line \(line), column \(column): \(reason)" }
}

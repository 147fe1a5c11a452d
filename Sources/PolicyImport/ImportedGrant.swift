// SPDX-License-Identifier: GPL-3.0-or-later

/// A grant of the written policy.
public struct ImportedGrant: Sendable, Hashable {
  /// The section in which it is.
  public enum Section: String, Sendable, Hashable {
    case allow
    case failsafe
  }

  /// Its section.
  public let section: Section
  /// The words of `to`.
  public let to: [String]
  /// The words of `services`.
  public let services: [String]
  /// The words of `from`.
  public let from: [String]
  /// The programs that answer, for the line's comment.
  public let answers: [String]

  /// The line, without its comment.
  public var line: String {
    "- { to: \(Self.list(to)), services: [\(services.joined(separator: ", "))], from: \(Self.list(from)) }"
  }

  private static func list(_ words: [String]) -> String {
    words.count == 1 ? words[0] : "[\(words.joined(separator: ", "))]"
  }
}

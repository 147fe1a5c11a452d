// SPDX-License-Identifier: GPL-3.0-or-later

/// An error or a warning about a policy file, with its location.
public struct Diagnostic: Sendable, Hashable {
  /// The severity of a diagnostic.
  public enum Severity: String, Sendable, Hashable {
    /// The policy is invalid.
    case error
    /// The policy is valid, but something in it is probably a mistake.
    case warning
  }

  /// Whether it is an error or a warning.
  public let severity: Severity
  /// The place in the file.
  public let location: SourceLocation
  /// What is wrong, in one line without a full stop.
  public let message: String
  /// What to do about it, in one line.
  public let help: String?
  /// The line of the file at the location, without its line ending; nil if there is none to show.
  public let sourceLine: String?
  /// How many characters of the line are underlined, from the column on; at least 1.
  public let length: Int

  /// A diagnostic from its parts.
  public init(
    severity: Severity, location: SourceLocation, message: String, help: String?, sourceLine: String?,
    length: Int
  ) {
    self.severity = severity
    self.location = location
    self.message = message
    self.help = help
    self.sourceLine = sourceLine
    self.length = length
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// Something to say about a policy file, at a place in it.
public struct Diagnostic: Sendable, Hashable {
  /// How grave it is.
  public enum Severity: String, Sendable, Hashable {
    /// The policy is not one.
    case error
    /// The policy holds, but something in it is likely not what was meant.
    case warning
  }

  /// How grave it is.
  public let severity: Severity
  /// Where it is.
  public let location: SourceLocation
  /// What is wrong, in one line without a full stop.
  public let message: String
  /// What to do about it, in one line.
  public let help: String?
  /// The line of the file that holds the location, without its line ending; nil where there is none to show.
  public let sourceLine: String?
  /// How many characters of it, from the column on, are meant; at least 1.
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

// SPDX-License-Identifier: GPL-3.0-or-later

/// The `key=value` lines of a frame, read strictly: UTF-8, no line without a key, no key twice, and in the end no key that
/// nobody asked for. What is longer than a frame may be is never read (`ControlFrame.parse`).
struct ControlFields {
  private var values: [String: String] = [:]

  /// Reads a payload.
  init(_ payload: [UInt8]) throws(ControlFormatError) {
    guard let text = String(validating: payload, as: UTF8.self) else {
      throw ControlFormatError("it is not UTF-8")
    }
    let lines = LabelledLines(text[...])
    guard lines.fields.count == text.unicodeScalars.split(separator: "\n").count else {
      throw ControlFormatError("a line has no key")
    }
    for (key, value) in lines.fields {
      guard values.updateValue(value, forKey: key) == nil else {
        throw ControlFormatError("'\(key)' is there twice")
      }
    }
  }

  /// Takes a value; nil where there is none.
  mutating func take(_ key: String) -> String? { values.removeValue(forKey: key) }

  /// Takes a value that must be there.
  mutating func require(_ key: String) throws(ControlFormatError) -> String {
    guard let value = take(key) else { throw ControlFormatError("'\(key)' is missing") }
    return value
  }

  /// Takes a number; nil where there is none.
  mutating func number<Number: FixedWidthInteger>(_ key: String) throws(ControlFormatError) -> Number? {
    guard let text = take(key) else { return nil }
    guard let number = Number(text) else { throw ControlFormatError("'\(key)' is no number") }
    return number
  }

  /// Takes a mark, whose only value is `yes`.
  mutating func mark(_ key: String) throws(ControlFormatError) -> Mark {
    guard let text = take(key) else { return .absent }
    guard text == "yes" else { throw ControlFormatError("'\(key)' is not 'yes'") }
    return .present
  }

  /// Whether a mark is there.
  enum Mark {
    case present
    case absent
  }

  /// Refuses what is left.
  func end() throws(ControlFormatError) {
    if let key = values.keys.min() { throw ControlFormatError("'\(key)' does not belong there") }
  }
}

/// Why a frame's payload says nothing that is known.
public struct ControlFormatError: Error, Sendable, Hashable, CustomStringConvertible {
  /// One clause.
  public let description: String
  init(_ description: String) { self.description = description }

  /// The request is in the form of another version of the program.
  static let otherVersion = ControlFormatError(
    "the daemon is of another version of wgfence: restart it (systemctl restart wgfence)")
}

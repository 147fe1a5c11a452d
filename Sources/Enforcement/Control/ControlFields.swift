// SPDX-License-Identifier: GPL-3.0-or-later

/// The `key=value` lines of a frame, parsed strictly: UTF-8, no line without a key, no duplicate key, no unknown
/// key. `ControlFrame.parse` limits the length.
package struct ControlFields {
  private var values: [String: String] = [:]

  /// Reads a payload.
  package init(_ payload: [UInt8]) throws(ControlFormatError) {
    guard let text = String(validating: payload, as: UTF8.self) else {
      throw ControlFormatError("it is not UTF-8")
    }
    let lines = LabelledLines(text[...])
    guard lines.fields.count == text.unicodeScalars.split(separator: "\n").count else {
      throw ControlFormatError("a line has no key")
    }
    for (key, value) in lines.fields {
      guard values.updateValue(value, forKey: key) == nil else {
        throw ControlFormatError("'\(key)' is given twice")
      }
    }
  }

  /// Takes a value; nil if the key is missing.
  package mutating func take(_ key: String) -> String? { values.removeValue(forKey: key) }

  /// Takes a required value.
  package mutating func require(_ key: String) throws(ControlFormatError) -> String {
    guard let value = take(key) else { throw ControlFormatError("'\(key)' is missing") }
    return value
  }

  /// Takes a number; nil if the key is missing.
  package mutating func number<Number: FixedWidthInteger>(_ key: String) throws(ControlFormatError) -> Number?
  {
    guard let text = take(key) else { return nil }
    guard let number = Number(text) else { throw ControlFormatError("'\(key)' is not a number") }
    return number
  }

  /// Takes a mark: a key whose only value is `yes`.
  package mutating func mark(_ key: String) throws(ControlFormatError) -> Mark {
    guard let text = take(key) else { return .absent }
    guard text == "yes" else { throw ControlFormatError("'\(key)' is not 'yes'") }
    return .present
  }

  /// Whether a mark is given.
  package enum Mark {
    case present
    case absent
  }

  /// Refuses keys that were not taken.
  package func end() throws(ControlFormatError) {
    if let key = values.keys.min() { throw ControlFormatError("'\(key)' is not a key of this request") }
  }
}

/// Why the payload of a frame is not a valid request or result.
public struct ControlFormatError: Error, Sendable, Hashable, CustomStringConvertible {
  /// One clause.
  public let description: String
  package init(_ description: String) { self.description = description }

  /// The request is in the form of another version of the program.
  static let otherVersion = ControlFormatError(
    "the daemon is of another version of wgfence: restart it (systemctl restart wgfence)")
}

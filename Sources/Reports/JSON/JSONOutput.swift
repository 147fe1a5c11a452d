// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// The part of a JSON document that is already written. Only ``JSONWriter`` uses it.
public struct JSONOutput: Sendable {
  private var bytes: [UInt8] = []
  private var depth = 0
  /// Whether the innermost object or array has no members yet.
  private var isEmpty = true

  private let layout: Layout

  /// The layout of members.
  enum Layout: Sendable {
    /// Each member on its own line, indented.
    case indented
    /// All members on one line.
    case line
  }

  init(_ layout: Layout = .indented) { self.layout = layout }

  /// Moves the text out without a copy, and leaves an empty one.
  mutating func take() -> JSONOutput {
    var taken = JSONOutput(layout)
    swap(&taken, &self)
    return taken
  }

  /// The document, ended by a line feed.
  consuming func document() -> String {
    bytes.append(UInt8(ascii: "\n"))
    return String(decoding: bytes, as: UTF8.self)
  }

  mutating func open(_ bracket: StaticString) {
    literal(bracket)
    depth += 1
    isEmpty = true
  }

  mutating func close(_ bracket: StaticString) {
    depth -= 1
    if !isEmpty, layout == .indented { newLine() }
    literal(bracket)
    isEmpty = false
  }

  /// Writes what separates the next member from the one before.
  mutating func next() {
    if !isEmpty { bytes.append(UInt8(ascii: ",")) }
    let isFirst = isEmpty
    isEmpty = false
    switch layout {
    case .indented: newLine()
    case .line: if !isFirst { bytes.append(UInt8(ascii: " ")) }
    }
  }

  private mutating func newLine() {
    bytes.append(UInt8(ascii: "\n"))
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
  }

  mutating func literal(_ text: StaticString) { bytes.append(contentsOf: text.description.utf8) }

  package mutating func number(_ digits: String) { bytes.append(contentsOf: digits.utf8) }

  /// Appends a quoted string. It escapes what RFC 8259 section 7 requires, and every other character that is not safe
  /// on a terminal (`UnsafeCharacters`). Readers get the same value.
  mutating func string(_ text: some StringProtocol) {
    bytes.append(UInt8(ascii: "\""))
    // Most texts have nothing to escape: they are copied in one step, and looked through as bytes.
    func isPlain(_ byte: UInt8) -> Bool {
      byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }
    let start = bytes.count
    bytes.append(contentsOf: text.utf8)
    if bytes[start...].allSatisfy(isPlain) {
      bytes.append(UInt8(ascii: "\""))
      return
    }
    bytes.removeSubrange(start...)
    var previous: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": bytes.append(contentsOf: #"\""#.utf8)
      case "\\": bytes.append(contentsOf: #"\\"#.utf8)
      case "\n": bytes.append(contentsOf: #"\n"#.utf8)
      case "\r": bytes.append(contentsOf: #"\r"#.utf8)
      case "\t": bytes.append(contentsOf: #"\t"#.utf8)
      case _ where UnsafeCharacters.contains(scalar, after: previous):
        for unit in String(scalar).utf16 { escape(unit) }
      default: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
      previous = scalar
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Appends an escape such as `\u001b`: a UTF-16 code unit in four digits (characters beyond U+FFFF have two).
  private mutating func escape(_ unit: UInt16) {
    let digits = String(unit, radix: 16)
    bytes.append(contentsOf: #"\u"#.utf8)
    bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - digits.utf8.count))
    bytes.append(contentsOf: digits.utf8)
  }
}

/// A value that is one token in JSON: strings, integers, Booleans, and optionals of these (nil is `null`).
public protocol JSONScalar {
  /// Appends the token.
  func write(to output: inout JSONOutput)
}

extension String: JSONScalar {
  /// Appends the string, quoted and escaped.
  public func write(to output: inout JSONOutput) { output.string(self) }
}

extension Substring: JSONScalar {
  /// Appends the string, quoted and escaped.
  public func write(to output: inout JSONOutput) { output.string(self) }
}

extension Bool: JSONScalar {
  /// Appends `true` or `false`.
  public func write(to output: inout JSONOutput) { output.literal(self ? "true" : "false") }
}

extension JSONScalar where Self: BinaryInteger {
  /// Appends the number in decimal digits.
  public func write(to output: inout JSONOutput) { output.number(String(self)) }
}

extension Int: JSONScalar {}
extension Int32: JSONScalar {}
extension Int64: JSONScalar {}
extension UInt8: JSONScalar {}
extension UInt16: JSONScalar {}
extension UInt32: JSONScalar {}
extension UInt64: JSONScalar {}

extension Optional: JSONScalar where Wrapped: JSONScalar {
  /// Appends the value, or `null`.
  public func write(to output: inout JSONOutput) {
    if let self { self.write(to: &output) } else { output.literal("null") }
  }
}

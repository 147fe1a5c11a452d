// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// A JSON value in memory, which is built first and written afterwards.
package indirect enum JSONTree: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// A string.
  case text(String)
  /// An integer.
  case number(Int)
  /// A Boolean.
  case truth(Bool)
  /// An array.
  case list([JSONTree])
  /// An object; its members are written in this order.
  case object([(String, JSONTree)])

  package init(stringLiteral value: String) { self = .text(value) }
  package init(integerLiteral value: Int) { self = .number(value) }
  package init(booleanLiteral value: Bool) { self = .truth(value) }
  package init(arrayLiteral elements: JSONTree...) { self = .list(elements) }
  package init(dictionaryLiteral elements: (String, JSONTree)...) { self = .object(elements) }

  /// An array of strings.
  static func texts(_ texts: some Sequence<String>) -> JSONTree { .list(texts.map { .text($0) }) }

  /// This object, with further members appended; a value that is not an object is returned unchanged.
  func with(_ members: [(String, JSONTree)]) -> JSONTree {
    if case .object(let own) = self { .object(own + members) } else { self }
  }

  /// The value as a document; empty if it is not an object.
  package var document: String {
    guard case .object(let members) = self else { return "" }
    return JSONWriter.object { Self.write(members, to: &$0) }
  }

  private static func write(_ members: [(String, JSONTree)], to object: inout JSONWriter.Object) {
    for (name, value) in members {
      switch value {
      case .text(let text): object.put(name, text)
      case .number(let number): object.put(name, number)
      case .truth(let truth): object.put(name, truth)
      case .list(let elements): object.array(name) { write(elements, to: &$0) }
      case .object(let members): object.object(name) { write(members, to: &$0) }
      }
    }
  }

  private static func write(_ elements: [JSONTree], to array: inout JSONWriter.Array) {
    for element in elements {
      switch element {
      case .text(let text): array.put(text)
      case .number(let number): array.put(number)
      case .truth(let truth): array.put(truth)
      case .list(let elements): array.array { write(elements, to: &$0) }
      case .object(let members): array.object { write(members, to: &$0) }
      }
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import FoundationEssentials
import _StringProcessing

@testable import PolicyLanguage

/// A JSON value, as FoundationEssentials reads it.
enum JSONValue: Decodable, Equatable {
  case null
  case truth(Bool)
  case number(Int)
  case text(String)
  case list([JSONValue])
  case object([String: JSONValue])

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let truth = try? value.decode(Bool.self) {
      self = .truth(truth)
    } else if let number = try? value.decode(Int.self) {
      self = .number(number)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let list = try? value.decode([JSONValue].self) {
      self = .list(list)
    } else {
      self = .object(try value.decode([String: JSONValue].self))
    }
  }

  /// A policy's text as an editor reads it: plain scalars by the core schema of YAML 1.2. `YamlReader` does
  /// not keep quotes, so a quoted number is a number here.
  init?(_ node: YamlNode) {
    switch node.content {
    case .refused: return nil
    case .list(let nodes):
      let values = nodes.compactMap { JSONValue($0) }
      guard values.count == nodes.count else { return nil }
      self = .list(values)
    case .map(let entries):
      var members: [String: JSONValue] = [:]
      for entry in entries {
        guard let value = JSONValue(entry.value) else { return nil }
        members[entry.key.text] = value
      }
      self = .object(members)
    case .text(let text):
      switch text {
      case "", "~", "null", "Null", "NULL": self = .null
      case "true", "True", "TRUE": self = .truth(true)
      case "false", "False", "FALSE": self = .truth(false)
      default: self = Int(text).map { .number($0) } ?? .text(text)
      }
    }
  }

  var members: [String: JSONValue] { if case .object(let members) = self { members } else { [:] } }
  var elements: [JSONValue] { if case .list(let elements) = self { elements } else { [] } }
  var string: String? { if case .text(let text) = self { text } else { nil } }

  /// The value at a path of keys.
  subscript(_ path: String...) -> JSONValue {
    path.reduce(self) { value, key in value.members[key] ?? .null }
  }

  var type: String {
    switch self {
    case .null: "null"
    case .truth: "boolean"
    case .number: "integer"
    case .text: "string"
    case .list: "array"
    case .object: "object"
    }
  }
}

/// A validator for the part of JSON Schema (draft-07) that our schema uses. Any other keyword is an error and
/// is not ignored.
struct JSONSchema {
  /// A value that does not fit the schema, or a schema that this validator does not support.
  struct Complaint: Error, CustomStringConvertible {
    let path: String
    let words: String
    var description: String { "\(path.isEmpty ? "/" : path): \(words)" }
  }

  /// Keywords that do not restrict a value.
  private static let annotations: Set = [
    "$schema", "$id", "title", "description", "definitions", "enumDescriptions", "patternErrorMessage",
    "then",
  ]

  let root: JSONValue

  init(_ text: [UInt8]) throws { root = try JSONDecoder().decode(JSONValue.self, from: Data(text)) }

  /// The first complaint about a value, keywords in alphabetical order; nil if it fits.
  func complaint(_ value: JSONValue) throws -> Complaint? {
    do {
      try check(value, root, "")
      return nil
    } catch let complaint as Complaint where !complaint.words.hasPrefix("schema: ") {
      return complaint
    }
  }

  private func check(_ value: JSONValue, _ schema: JSONValue, _ path: String) throws {
    func fail(_ words: String) -> Complaint { Complaint(path: path, words: words) }
    if schema == .truth(true) { return }
    guard case .object(let keywords) = schema else { throw fail("schema: neither an object nor true") }
    if let reference = keywords["$ref"]?.string {
      // Draft-07 ignores all other keywords next to a reference.
      guard keywords.count == 1, reference.hasPrefix("#/definitions/") else {
        throw fail("schema: \(reference)")
      }
      let target = root["definitions", String(reference.dropFirst("#/definitions/".count))]
      return try check(value, target, path)
    }
    for (keyword, argument) in keywords.sorted(by: { $0.key < $1.key })
    where !Self.annotations.contains(keyword) {
      switch keyword {
      case "type":
        let types = argument.string.map { [$0] } ?? argument.elements.compactMap(\.string)
        if !types.contains(value.type), !(value.type == "integer" && types.contains("number")) {
          throw fail("\(value.type) is not \(types.joined(separator: " or "))")
        }
      case "const": if value != argument { throw fail("not the required value") }
      case "enum": if !argument.elements.contains(value) { throw fail("not one of the values") }
      case "pattern":
        if let text = value.string, try !Self.matches(text, argument.string) {
          throw fail("'\(text.shortened)' does not match the pattern")
        }
      case "minimum", "maximum":
        guard case .number(let limit) = argument else { throw fail("schema: \(keyword)") }
        if case .number(let number) = value, keyword == "minimum" ? number < limit : number > limit {
          throw fail("\(number) is out of range")
        }
      case "minItems", "minProperties":
        guard case .number(let least) = argument else { throw fail("schema: \(keyword)") }
        if case .list(let elements) = value, keyword == "minItems", elements.count < least {
          throw fail("empty")
        }
        if case .object(let members) = value, keyword == "minProperties", members.count < least {
          throw fail("empty")
        }
      case "items":
        for (index, element) in value.elements.enumerated() {
          try check(element, argument, "\(path)/\(index)")
        }
      case "required":
        guard case .object(let members) = value else { continue }
        for key in argument.elements.compactMap(\.string) where members[key] == nil {
          throw fail("needs '\(key)'")
        }
      case "properties":
        for (key, member) in value.members.sorted(by: { $0.key < $1.key }) {
          if let own = argument.members[key] { try check(member, own, "\(path)/\(key)") }
        }
      case "additionalProperties":
        for (key, member) in value.members.sorted(by: { $0.key < $1.key })
        where keywords["properties"]?[key] ?? .null == .null {
          if argument == .truth(false) { throw fail("no key '\(key)'") }
          try check(member, argument, "\(path)/\(key)")
        }
      case "propertyNames":
        for key in value.members.keys.sorted() { try check(.text(key), argument, "\(path)/\(key)") }
      case "not": if fits(value, argument) { throw fail("not allowed") }
      case "anyOf":
        if !argument.elements.contains(where: { fits(value, $0) }) {
          throw try deepest(value, argument.elements, path) ?? fail("matches no alternative")
        }
      case "if": if fits(value, argument), let then = keywords["then"] { try check(value, then, path) }
      default: throw fail("schema: unknown keyword '\(keyword)'")
      }
    }
  }

  private func fits(_ value: JSONValue, _ schema: JSONValue) -> Bool {
    (try? check(value, schema, "")) != nil
  }

  /// The complaint with the deepest path, of several alternatives.
  private func deepest(_ value: JSONValue, _ schemas: [JSONValue], _ path: String) throws -> Complaint? {
    var complaints: [Complaint] = []
    for schema in schemas {
      do { try check(value, schema, path) } catch let complaint as Complaint {
        if complaint.words.hasPrefix("schema: ") { throw complaint }
        complaints.append(complaint)
      }
    }
    let depth = complaints.map { $0.path.split(separator: "/").count }.max()
    return complaints.first { $0.path.split(separator: "/").count == depth }
  }

  /// Whether a whole text matches a pattern; each of our patterns has the form `^(?:…)$`.
  private static func matches(_ text: String, _ pattern: String?) throws -> Bool {
    guard let pattern, pattern.hasPrefix("^(?:"), pattern.hasSuffix(")$") else {
      throw Complaint(path: "", words: "schema: the pattern '\(pattern ?? "")' is not anchored")
    }
    let regex = try Regex(String(pattern.dropFirst().dropLast())).matchingSemantics(.unicodeScalar)
    return try regex.wholeMatch(in: text) != nil
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// A piece of HTML (or of SVG inside it). What is text is escaped when it becomes markup, and nothing else can: names of
/// elements and attributes, styles and scripts are constants of the program.
///
/// Source: the HTML Standard, sections 13.1.2 (elements, attributes), 13.3 (what has to be escaped where).
struct Markup: Sendable, Hashable {
  /// As it is written.
  let html: String

  private init(written html: String) { self.html = html }

  /// A text. What a browser would obey is escaped; what would turn the writing's direction is shown (`PrintableText`).
  init(_ text: String) { html = Self.escaped(text) }

  /// Pieces, one behind the other.
  init(_ pieces: [Markup]) { html = pieces.map(\.html).joined() }

  /// A constant that is markup, a style or a script itself.
  static func constant(_ text: StaticString) -> Markup { Markup(written: text.description) }

  /// An element with its attributes and what is in it. An attribute without a value (nil) is left out; an empty value
  /// is how an attribute that is only there or not (`hidden`) is written.
  static func element(
    _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String?> = [:], _ content: [Markup] = []
  ) -> Markup {
    let name = name.description
    var html = "<\(name)" + written(attributes) + ">"
    if voids.contains(name) { return Markup(written: html + "\n") }
    for piece in content { html += piece.html }
    html += "</\(name)>"
    if blocks.contains(name) { html += "\n" }
    return Markup(written: html)
  }

  /// An element that holds a text alone.
  static func element(
    _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String?> = [:], text: String
  ) -> Markup {
    element(name, attributes, [Markup(text)])
  }

  private static func written(_ attributes: KeyValuePairs<StaticString, String?>) -> String {
    var html = ""
    for (name, value) in attributes {
      guard let value else { continue }
      html += " \(name.description)"
      if !value.isEmpty { html += "=\"\(escaped(value))\"" }
    }
    return html
  }

  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in PrintableText.of(text).unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// Elements that hold nothing and have no end (section 13.1.2).
  private static let voids: Set<String> = ["br", "input", "meta"]

  /// Elements behind which white space means nothing: the page has lines that a person can read.
  private static let blocks: Set<String> = [
    "a", "body", "caption", "dd", "details", "div", "dl", "dt", "footer", "g", "h1", "h2", "head", "header",
    "li",
    "main", "ol", "p", "path", "rect", "script", "section", "style", "svg", "table", "tbody", "td", "text",
    "th",
    "thead", "title", "tr", "ul",
  ]
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// A piece of HTML (or of SVG inside it). Text is escaped when it becomes markup. Nothing else from outside can
/// become markup: names of elements and attributes, styles and scripts are constants of the program.
///
/// Source: the HTML Standard, sections 13.1.2 (elements, attributes), 13.3 (what has to be escaped where).
struct Markup: Sendable, Hashable {
  /// The HTML text.
  let html: String

  private init(written html: String) { self.html = html }

  /// Creates text. Characters that are markup are escaped; characters that change the text direction are shown as
  /// escapes (`PrintableText`).
  init(_ text: String) { html = Self.escaped(text) }

  /// Joins pieces.
  init(_ pieces: [Markup]) { html = pieces.map(\.html).joined() }

  /// A constant that is already markup, a style or a script.
  static func constant(_ text: StaticString) -> Markup { Markup(written: text.description) }

  /// An element with its attributes and content. An attribute whose value is nil is omitted; an empty value writes a
  /// boolean attribute (`hidden`).
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

  /// An element that contains only text.
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

  /// Elements without content and end tag (section 13.1.2).
  private static let voids: Set<String> = ["br", "input", "meta"]

  /// Elements after which white space has no effect: a line feed is written there, so that the source is readable.
  private static let blocks: Set<String> = [
    "a", "body", "caption", "dd", "details", "div", "dl", "dt", "footer", "g", "h1", "h2", "head", "header",
    "li",
    "main", "ol", "p", "path", "rect", "script", "section", "style", "svg", "table", "tbody", "td", "text",
    "th",
    "thead", "title", "tr", "ul",
  ]
}

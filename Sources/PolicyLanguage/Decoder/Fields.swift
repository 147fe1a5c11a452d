// SPDX-License-Identifier: GPL-3.0-or-later

/// The entries of a map whose keys are keywords of the language.
struct Fields {
  /// The name of the map in messages: `a grant`.
  let what: String
  let mark: Mark
  let entries: [YamlEntry]

  /// The value of a key.
  subscript(key: String) -> YamlNode? { entries.first { $0.key.text == key }?.value }

  /// A key with its mark, if it is in the map.
  func key(_ key: String) -> YamlText? { entries.first { $0.key.text == key }?.key }
}

extension PolicyDecoder {
  /// The entries of a map; unknown keys are reported. Nil if the node is not a map.
  mutating func fields(_ node: YamlNode, _ what: String, of map: LanguageMap) -> Fields? {
    let keys = map.keys
    switch node.content {
    case .map(let entries):
      for (place, entry) in entries.enumerated() where !keys.contains(entry.key.text) {
        log.error(
          entry.key.mark, "\(what) has no key '\(entry.key.text.shortened)'",
          help: suggestion(for: entry.key.text, among: keys) ?? Self.cut(entries, at: place)
            ?? "its keys: \(keys.joined(separator: ", "))")
      }
      return Fields(what: what, mark: node.mark, entries: entries)
    case .refused: return nil
    case .text, .list:
      let known = "its keys: \(keys.joined(separator: ", "))"
      log.error(
        node.mark, "\(what) must be a map, not \(node.kind)",
        help: what == "a machine" ? "write {} for a machine without keys; \(known)" : known)
      return nil
    }
  }

  /// The advice for an entry that is the rest of a text: in `{ because: backups, and more }` the comma ends the text.
  private static func cut(_ entries: [YamlEntry], at place: Int) -> String? {
    guard place > 0, entries[place - 1].key.text == "because",
      case .text(let start) = entries[place - 1].value.content,
      case .text("") = entries[place].value.content
    else { return nil }
    return
      "a comma ends the text before it; quote the text: because: \"\(start.shortened), \(entries[place].key.text.shortened)\""
  }

  /// The value of a required key; reported if it is missing.
  mutating func required(_ fields: Fields, _ key: String) -> YamlNode? {
    if let node = fields[key] { return node }
    // A misspelt key has already been reported.
    if fields.entries.contains(where: { NearestName.nearest(to: $0.key.text, among: [key]) != nil }) {
      return nil
    }
    log.error(fields.mark, "\(fields.what) needs '\(key)'")
    return nil
  }

  /// The named entries of a section; none if the section is missing.
  mutating func section(_ top: Fields, _ key: String) -> [YamlEntry] {
    guard let node = top[key] else { return [] }
    return entries(node, "'\(key)'", of: "names", at: top.key(key)?.mark)
  }

  /// The entries of a map from names to something.
  mutating func entries(_ node: YamlNode, _ what: String, of expected: String, at key: Mark?) -> [YamlEntry] {
    switch node.content {
    case .map(let entries): return entries
    case .refused: return []
    case .text(""):
      log.error(key ?? node.mark, "\(what) is empty", help: "remove it, or write {}")
    case .text, .list: log.error(node.mark, "\(what) must be a map of \(expected), not \(node.kind)")
    }
    return []
  }

  /// The lines of a section that is a list; none if the section is missing.
  mutating func lines(_ top: Fields, _ key: String) -> [YamlNode] {
    guard let node = top[key] else { return [] }
    switch node.content {
    case .list(let nodes): return nodes
    case .refused: return []
    case .text(""):
      log.error(top.key(key)?.mark ?? node.mark, "'\(key)' is empty", help: "remove it, or write []")
    case .text, .map:
      log.error(node.mark, "'\(key)' must be a list, not \(node.kind)", help: "begin each line with '- '")
    }
    return []
  }

  /// A text, or the texts of a list; anything else is reported. `expected` is the name of one text in
  /// messages: `a machine`.
  mutating func texts(_ node: YamlNode, _ what: String, of expected: String) -> [YamlText] {
    switch node.content {
    case .refused: return []
    case .text(let text):
      if !text.isEmpty { return [YamlText(text: text, mark: node.mark)] }
      log.error(node.mark, "\(what) is empty", help: "write \(expected), or a list of them")
      return []
    case .map:
      log.error(node.mark, "\(what) must be \(expected) or a list of them, not a map")
      return []
    case .list(let nodes):
      if nodes.isEmpty {
        log.error(node.mark, "\(what) is empty", help: "write \(expected), or a list of them")
      }
      var result: [YamlText] = []
      result.reserveCapacity(nodes.count)
      for node in nodes {
        switch node.content {
        case .refused: break
        case .text(let text) where !text.isEmpty: result.append(YamlText(text: text, mark: node.mark))
        case .text, .list, .map:
          log.error(node.mark, "an entry of \(what) must be \(expected), not \(node.kind)")
        }
      }
      return result
    }
  }

  /// A single text that is not empty; anything else is reported.
  mutating func text(_ node: YamlNode, _ what: String, is expected: String) -> YamlText? {
    switch node.content {
    case .refused: return nil
    case .text(let text) where !text.isEmpty: return YamlText(text: text, mark: node.mark)
    case .text, .list, .map:
      log.error(node.mark, "\(what) must be \(expected), not \(node.kind)")
      return nil
    }
  }
}

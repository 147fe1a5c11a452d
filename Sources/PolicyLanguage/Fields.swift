// SPDX-License-Identifier: GPL-3.0-or-later

/// The entries of a map whose keys are words of the language.
struct Fields {
  /// What the map is, for messages: `a grant`.
  let what: String
  let mark: Mark
  let entries: [YamlEntry]

  /// The value of a key.
  subscript(key: String) -> YamlNode? { entries.first { $0.key.text == key }?.value }

  /// A key as it was written.
  func key(_ key: String) -> YamlText? { entries.first { $0.key.text == key }?.key }
}

extension PolicyDecoder {
  /// The entries of a map, its unknown keys reported; nil where the node is no map.
  mutating func fields(_ node: YamlNode, _ what: String, of map: LanguageMap) -> Fields? {
    let keys = map.keys
    switch node.content {
    case .map(let entries):
      for entry in entries where !keys.contains(entry.key.text) {
        log.error(
          entry.key.mark, "\(what) has no key '\(entry.key.text.shortened)'",
          help: suggestion(for: entry.key.text, among: keys) ?? "its keys: \(keys.joined(separator: ", "))")
      }
      return Fields(what: what, mark: node.mark, entries: entries)
    case .refused: return nil
    case .text, .list:
      let known = "its keys: \(keys.joined(separator: ", "))"
      log.error(
        node.mark, "\(what) is a map, not \(node.kind)",
        help: what == "a machine" ? "write {} where there is nothing to say; \(known)" : known)
      return nil
    }
  }

  /// The value of a key that must be there.
  mutating func required(_ fields: Fields, _ key: String) -> YamlNode? {
    if let node = fields[key] { return node }
    // A misspelt key was told already.
    if fields.entries.contains(where: { NearestName.nearest(to: $0.key.text, among: [key]) != nil }) {
      return nil
    }
    log.error(fields.mark, "\(fields.what) needs '\(key)'")
    return nil
  }

  /// The named entries of a section; none where the section is left out.
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
      log.error(key ?? node.mark, "\(what) is empty", help: "leave it out, or write {}")
    case .text, .list: log.error(node.mark, "\(what) is a map of \(expected), not \(node.kind)")
    }
    return []
  }

  /// The lines of a section that is a list; none where it is left out.
  mutating func lines(_ top: Fields, _ key: String) -> [YamlNode] {
    guard let node = top[key] else { return [] }
    switch node.content {
    case .list(let nodes): return nodes
    case .refused: return []
    case .text(""):
      log.error(top.key(key)?.mark ?? node.mark, "'\(key)' is empty", help: "leave it out, or write []")
    case .text, .map:
      log.error(node.mark, "'\(key)' is a list of lines, not \(node.kind)", help: "begin each line with '- '")
    }
    return []
  }

  /// A text, or the texts of a list; what else there is, is reported. `expected` is what one of them is: `a machine`.
  mutating func texts(_ node: YamlNode, _ what: String, of expected: String) -> [YamlText] {
    switch node.content {
    case .refused: return []
    case .text(let text):
      if !text.isEmpty { return [YamlText(text: text, mark: node.mark)] }
      log.error(node.mark, "\(what) is empty", help: "write \(expected), or a list of them")
      return []
    case .map:
      log.error(node.mark, "\(what) is \(expected) or a list of them, not a map")
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
        case .text, .list, .map: log.error(node.mark, "\(what) lists \(expected), not \(node.kind)")
        }
      }
      return result
    }
  }

  /// A single text, not empty.
  mutating func text(_ node: YamlNode, _ what: String, is expected: String) -> YamlText? {
    switch node.content {
    case .refused: return nil
    case .text(let text) where !text.isEmpty: return YamlText(text: text, mark: node.mark)
    case .text, .list, .map:
      log.error(node.mark, "\(what) is \(expected), not \(node.kind)")
      return nil
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// The section `groups`.
extension PolicyDecoder {
  /// How many levels deep groups, and services, can be nested.
  static let nestingLimit = 64

  /// Reads the groups and expands them to machines.
  mutating func decodeGroups(_ entries: [YamlEntry]) {
    var members: [String: [YamlText]] = [:]
    for entry in entries {
      var valid: [YamlText] = []
      for word in texts(entry.value, "the group '\(entry.key.text)'", of: "a machine") {
        switch names[word.text] {
        case .machine: valid.append(word)
        case .group:
          used.insert(word.text)
          valid.append(word)
        case .tunnel, .list, .zone, nil:
          log.error(
            word.mark, unknown(word.text, "machine"),
            help: suggestion(for: word.text, among: names.names(.machine, .group)))
        }
      }
      members[entry.key.text] = valid
    }
    for entry in entries {
      var path: [String] = []
      let machines = expand(entry.key.text, members, &path)
      groups[entry.key.text] = Group(
        name: entry.key.text, machines: machines, location: location(entry.key.mark))
    }
  }

  private mutating func expand(_ name: String, _ members: [String: [YamlText]], _ path: inout [String])
    -> [String]
  {
    if let known = groups[name] { return known.machines }
    path.append(name)
    defer { path.removeLast() }
    var result: Set<String> = []
    for word in members[name] ?? [] {
      if names[word.text] == .machine {
        result.insert(word.text)
      } else if let start = path.firstIndex(of: word.text) {
        // A cycle is reported once: where it closes, seen from the group that is expanded first.
        if start == 0 {
          log.error(
            word.mark, "the group '\(word.text)' contains itself",
            help: (path[start...] + [word.text]).joined(separator: " contains "))
        }
      } else if path.count >= Self.nestingLimit {
        log.error(word.mark, "groups are nested deeper than \(Self.nestingLimit) levels")
      } else {
        result.formUnion(expand(word.text, members, &path))
      }
    }
    return result.sorted()
  }

  /// The message about a word that should be a name of some kind: it is of another kind, or it is unknown.
  func unknown(_ word: String, _ kind: String) -> String {
    if let other = names[word] { return "'\(word)' is a \(other.rawValue), not a \(kind)" }
    return "unknown \(kind) '\(word.shortened)'"
  }
}

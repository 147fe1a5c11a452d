// SPDX-License-Identifier: GPL-3.0-or-later

/// The section `groups`.
extension PolicyDecoder {
  /// How deep groups, and services, may name each other.
  static let nestingLimit = 64

  /// Reads the groups and unfolds them to machines.
  mutating func decodeGroups(_ entries: [YamlEntry]) {
    var members: [String: [YamlText]] = [:]
    for entry in entries {
      var good: [YamlText] = []
      for word in texts(entry.value, "the group '\(entry.key.text)'", of: "a machine") {
        switch names[word.text] {
        case .machine: good.append(word)
        case .group:
          used.insert(word.text)
          good.append(word)
        case .tunnel, .list, .zone, nil:
          log.error(
            word.mark, unknown(word.text, "machine"),
            help: suggestion(for: word.text, among: names.names(.machine, .group)))
        }
      }
      members[entry.key.text] = good
    }
    for entry in entries {
      var path: [String] = []
      let machines = unfold(entry.key.text, members, &path)
      groups[entry.key.text] = Group(
        name: entry.key.text, machines: machines, location: location(entry.key.mark))
    }
  }

  private mutating func unfold(_ name: String, _ members: [String: [YamlText]], _ path: inout [String])
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
        // Told once: where the circle closes, seen from the group that is unfolded first.
        if start == 0 {
          log.error(
            word.mark, "the group '\(word.text)' contains itself",
            help: (path[start...] + [word.text]).joined(separator: " contains "))
        }
      } else if path.count >= Self.nestingLimit {
        log.error(word.mark, "groups nest deeper than \(Self.nestingLimit) levels")
      } else {
        result.formUnion(unfold(word.text, members, &path))
      }
    }
    return result.sorted()
  }

  /// What to say of a word that should be a name of some kind: what else it is, or that nobody knows it.
  func unknown(_ word: String, _ kind: String) -> String {
    if let other = names[word] { return "'\(word)' is a \(other.rawValue), not a \(kind)" }
    return "unknown \(kind) '\(word.shortened)'"
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The sections `lists` and `block`.
extension PolicyDecoder {
  /// Reads the lists, in place and in files.
  mutating func decodeLists(_ entries: [YamlEntry], _ readList: (String) -> ListFile) {
    var read: [String: [Prefix]] = [:]
    for entry in entries {
      var prefixes: [Prefix] = []
      var file: String?
      if case .map = entry.value.content {
        guard let fields = fields(entry.value, "a list in a file", of: .listFile),
          let node = required(fields, "file"), let path = text(node, "'file'", is: "a path"), checkPath(path)
        else { continue }
        file = path.text
        if let known = read[path.text] {
          prefixes = known
        } else {
          switch readList(path.text) {
          case .unreadable(let reason):
            log.error(
              path.mark, "cannot read '\(path.text)': \(reason)",
              help: "the path begins at the policy's folder")
          case .bytes(let bytes) where bytes.count > ListFileReader.sizeLimit:
            log.error(path.mark, "'\(path.text)' is larger than \(ListFileReader.sizeLimit >> 20) MiB")
          case .bytes(let bytes):
            prefixes = ListFileReader.read(
              SourceText(path: besidePolicy(path.text), bytes: bytes), log: &log)
          }
          read[path.text] = prefixes
        }
      } else {
        if case .list(let nodes) = entry.value.content, nodes.isEmpty {
          // A list that holds nobody yet is no mistake.
        } else {
          var merge = PrefixMerge()
          for word in texts(entry.value, "the list '\(entry.key.text)'", of: "a prefix") {
            guard let prefix = prefix(word) else { continue }
            if prefix.length == 0 {
              log.error(word.mark, "\(prefix) is every address", help: "the zone 'internet' is a word for it")
            }
            merge.add(prefix)
          }
          prefixes = merge.merged()
        }
      }
      lists[entry.key.text] = PrefixList(
        name: entry.key.text, prefixes: prefixes, file: file, location: location(entry.key.mark))
    }
  }

  /// A list file lies beside the policy, where it is reviewed with it.
  private mutating func checkPath(_ path: YamlText) -> Bool {
    let parts = path.text.split(separator: "/", omittingEmptySubsequences: false)
    if parts.first == "" || parts.contains("..") {
      log.error(path.mark, "a list file lies beside the policy", help: "write a relative path without '..'")
      return false
    }
    return true
  }

  /// A list file's path, as diagnostics name it.
  private func besidePolicy(_ path: String) -> String {
    guard let slash = source.path.lastIndex(of: "/") else { return path }
    return source.path[...slash] + path
  }

  /// The lists whose sources are dropped first.
  mutating func decodeBlock(_ node: YamlNode?) -> [ListReference] {
    guard let node else { return [] }
    if case .list(let nodes) = node.content, nodes.isEmpty { return [] }
    var result: [ListReference] = []
    for word in texts(node, "'block'", of: "a list") {
      guard names[word.text] == .list else {
        log.error(
          word.mark,
          PrefixScanner.scan(word.text) == nil ? unknown(word.text, "list") : "'\(word.text)' is no list",
          help: suggestion(for: word.text, among: names.names(.list))
            ?? "define it under 'lists', and name it here")
        continue
      }
      used.insert(word.text)
      if result.contains(where: { $0.name == word.text }) {
        warnTwice(word)
      } else {
        result.append(ListReference(name: word.text, location: location(word.mark)))
      }
    }
    return result
  }
}

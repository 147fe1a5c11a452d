// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The sections `lists` and `block`.
extension PolicyDecoder {
  /// The limit for all list files of a policy together, in bytes; each file is counted once.
  public static let listBytesLimit = 64 << 20
  /// The limit for the prefixes of all lists of a policy together, as written. A set in the kernel needs
  /// about 100 bytes for each.
  public static let listPrefixLimit = 2_000_000

  /// The totals of the lists that have been read.
  struct ListTotals {
    var bytes = 0
    var prefixes = 0
  }

  /// Reads the lists, both those in the policy and those in files.
  mutating func decodeLists(_ entries: [YamlEntry], _ readList: (String) -> ListFile) {
    var read: [String: ListFileReader.Content] = [:]
    var totals = ListTotals()
    for entry in entries {
      var prefixes: [Prefix] = []
      var file: String?
      if case .map = entry.value.content {
        guard let fields = fields(entry.value, "a list in a file", of: .listFile),
          let node = required(fields, "file"), let path = text(node, "'file'", is: "a path"), checkPath(path)
        else { continue }
        file = path.text
        let content = read[path.text] ?? readFile(path, &totals, readList)
        read[path.text] = content
        prefixes = content.prefixes
        count(content.written, at: path.mark, &totals)
      } else {
        if case .list(let nodes) = entry.value.content, nodes.isEmpty {
          // An empty list is allowed.
        } else {
          var merge = PrefixMerge()
          for word in texts(entry.value, "the list '\(entry.key.text)'", of: "a prefix") {
            guard let prefix = prefix(word) else { continue }
            if prefix.length == 0 {
              log.error(
                word.mark, "\(prefix) contains every address", help: "use the zone 'internet' instead")
            }
            merge.add(prefix)
            count(1, at: word.mark, &totals)
          }
          prefixes = merge.merged()
        }
      }
      lists[entry.key.text] = PrefixList(
        name: entry.key.text, prefixes: prefixes, file: file, location: location(entry.key.mark))
    }
  }

  /// The content of a list file; reported, and empty, if it cannot be used.
  private mutating func readFile(
    _ path: YamlText, _ totals: inout ListTotals, _ readList: (String) -> ListFile
  ) -> ListFileReader.Content {
    let limit = Self.listBytesLimit
    // The limit has been exceeded and reported: further files are not needed.
    guard totals.bytes <= limit else { return ListFileReader.Content(prefixes: [], written: 0) }
    switch readList(path.text) {
    case .unreadable(let reason):
      log.error(
        path.mark, "cannot read '\(path.text)': \(reason)",
        help: "the path is relative to the policy's folder")
    case .bytes(let bytes):
      totals.bytes += bytes.count
      if totals.bytes <= limit {
        return ListFileReader.read(
          SourceText(path: besidePolicy(path.text), bytes: bytes),
          atMost: max(Self.listPrefixLimit - totals.prefixes, 0), log: &log)
      }
      log.error(
        path.mark,
        "the list files up to '\(path.text)' have \(totals.bytes) bytes, "
          + "the limit is \(limit) (\(limit >> 20) MiB)",
        help: "merge adjacent prefixes, or remove lists; the files after this one were not read")
    }
    return ListFileReader.Content(prefixes: [], written: 0)
  }

  /// Counts prefixes of a list. The first list that exceeds the limit is reported.
  private mutating func count(_ prefixes: Int, at mark: Mark, _ totals: inout ListTotals) {
    let before = totals.prefixes
    totals.prefixes += prefixes
    guard before <= Self.listPrefixLimit, totals.prefixes > Self.listPrefixLimit else { return }
    log.error(
      mark,
      "the lists have \(totals.prefixes) prefixes up to here, the limit is \(Self.listPrefixLimit)",
      help: "merge adjacent prefixes, or remove lists")
  }

  /// Whether a list file is inside the policy's folder, where it is reviewed with the policy; reported if it
  /// is not.
  private mutating func checkPath(_ path: YamlText) -> Bool {
    let parts = path.text.split(separator: "/", omittingEmptySubsequences: false)
    if parts.first == "" || parts.contains("..") {
      log.error(
        path.mark, "a list file must be inside the policy's folder",
        help: "write a relative path without '..'")
      return false
    }
    return true
  }

  /// The path of a list file in diagnostics.
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
          PrefixScanner.scan(word.text) == nil ? unknown(word.text, "list") : "'\(word.text)' is not a list",
          help: suggestion(for: word.text, among: names.names(.list))
            ?? "define a list under 'lists', and name it here")
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

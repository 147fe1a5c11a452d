// SPDX-License-Identifier: GPL-3.0-or-later

internal import Netlink
public import NetworkModel

/// The names of peers in the comments of WireGuard's configuration files. Private keys in the files are not
/// stored.
public enum WireGuardNames {
  /// The directory of wg-quick(8).
  public static let defaultDirectory = "/etc/wireguard"

  /// Reads the `*.conf` files of a directory; empty if it does not exist or cannot be read.
  public static func read(directory: String = defaultDirectory) -> [WireGuardKey: String] {
    let files = DirectoryListing.names(in: directory).filter { $0.hasSuffix(".conf") }
    return files.reduce(into: [:]) { names, file in
      guard let text = try? ProcFile.text("\(directory)/\(file)") else { return }
      names.merge(self.names(in: text)) { first, _ in first }
    }
  }

  /// The names in one file: the comment directly before `[Peer]`, or the first comment in that section,
  /// without a prefix such as `Name =`.
  static func names(in text: String) -> [WireGuardKey: String] {
    var names: [WireGuardKey: String] = [:]
    var (comment, name): (String?, String?)
    var isPeer = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let trimmed = trim(line)
      if trimmed.hasPrefix("#") {
        let words = trim(trimmed.drop { $0 == "#" })
        comment = words.isEmpty ? comment : plain(words)
        if isPeer, name == nil { name = comment }
      } else if trimmed.hasPrefix("[") {
        isPeer = trimmed.lowercased() == "[peer]"
        (name, comment) = (isPeer ? comment : nil, nil)
      } else if trimmed.isEmpty {
        if !isPeer { comment = nil }
      } else {
        let parts = trimmed.split(separator: "=", maxSplits: 1).map { trim($0) }
        if isPeer, parts.count == 2, parts[0].lowercased() == "publickey",
          let key = WireGuardKey(base64: String(parts[1])), let name
        {
          names[key] = name
        }
        if !isPeer { comment = nil }
      }
    }
    return names
  }

  private static func trim(_ text: some StringProtocol) -> String {
    let start = text.drop { $0.isWhitespace }
    return String(start.reversed().drop { $0.isWhitespace }.reversed())
  }

  /// Removes the prefix: `laptop` for `Name = laptop`, `friendly_name=laptop` and `laptop`.
  private static func plain(_ words: String) -> String {
    guard let equals = words.firstIndex(of: "="),
      ["name", "friendly_name", "friendly name", "client"].contains(trim(words[..<equals]).lowercased())
    else { return words }
    return trim(words[words.index(after: equals)...])
  }
}

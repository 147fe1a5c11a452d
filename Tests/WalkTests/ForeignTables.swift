// SPDX-License-Identifier: GPL-3.0-or-later

import TestSupport

/// Tables of another program, as the input of the program that loads them: required lines, and rules of which
/// each can be left out.
struct ForeignTables: CustomStringConvertible {
  enum Loader: String {
    case nft
    case iptables = "iptables-nft-restore"
    case ip6tables = "ip6tables-nft-restore"
    case iptablesLegacy = "iptables-legacy-restore"
    case ip6tablesLegacy = "ip6tables-legacy-restore"
  }

  let name: String
  let loader: Loader
  var head: [String]
  var rules: [String]

  var text: String {
    let end = loader == .nft ? "" : "COMMIT\n"
    return (head + rules).joined(separator: "\n") + "\n" + end
  }

  var description: String { "# \(name), by \(loader.rawValue)\n\(text)" }

  struct Refused: Error, CustomStringConvertible { let description: String }

  /// Loads them. A rule that this machine's kernel or programs do not know is left out; these rules are
  /// returned.
  func load() throws -> [String] {
    var own = self
    var left: [String] = []
    while true {
      let arguments = loader == .nft ? ["nft", "-f", "-"] : [loader.rawValue, "--noflush"]
      let result = try run(arguments, input: own.text)
      if result.status == 0 { return left }
      // nft: /dev/stdin:12:3-9: Error …; iptables: … line: 12, or "line 12 failed".
      let words = result.errors.split { ":- \n.".contains($0) }
      let numbers =
        loader == .nft
        ? words.compactMap { Int($0) }
        : words.indices.dropLast().filter { words[$0] == "line" }.compactMap { Int(words[$0 + 1]) }
      guard let line = numbers.first, own.rules.indices.contains(line - 1 - head.count), left.count < 40
      else {
        throw Refused(description: "\(loader.rawValue): \(result.errors)\n\(own.text)")
      }
      left.append(own.rules.remove(at: line - 1 - head.count))
    }
  }
}

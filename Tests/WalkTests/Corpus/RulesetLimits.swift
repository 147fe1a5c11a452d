// SPDX-License-Identifier: GPL-3.0-or-later

/// Raises the limits of a ruleset. The walk assumes that a packet is within its limit; the packets of a test are so many that
/// those of a real ruleset would be exceeded soon.
enum RulesetLimits {
  /// A line with its rates and numbers of connections raised: those of nft, and the options of iptables.
  static func raised(_ line: String, _ loader: RulesetFile.Loader) -> String {
    guard line.contains("rate") || line.contains("limit") || line.contains("count") else { return line }
    var words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    for index in words.indices.dropFirst() {
      let before = words[index - 1]
      let isOver = before == "over" && index > 1
      let word = isOver ? words[index - 2] : before
      switch word {
      case "rate" where loader.isNft: words[index] = rate(words[index], 1_000_000)
      case "count" where loader.isNft && index > 1 && words[index - (isOver ? 3 : 2)].hasSuffix("ct"):
        words[index] = count(words[index])
      case "--limit", "--hashlimit", "--hashlimit-upto", "--hashlimit-above":
        words[index] = rate(words[index], 10_000)
      case "--connlimit-above", "--connlimit-upto": words[index] = count(words[index])
      default: break
      }
    }
    return words.joined(separator: " ")
  }

  /// `5/minute` is so many in a second. Rates of bytes stay as they are.
  private static func rate(_ word: String, _ number: Int) -> String {
    let digits = word.prefix { $0.isNumber }
    guard !digits.isEmpty else { return word }
    let rest = word.dropFirst(digits.count)
    guard rest.first == "/" else { return word }
    return "\(number)/second" + (rest.hasSuffix(";") ? ";" : "")
  }

  /// More connections than a test has; none stays none.
  private static func count(_ word: String) -> String {
    let digits = word.prefix { $0.isNumber }
    guard let number = Int(digits), number > 0 else { return word }
    return "1000000\(word.dropFirst(digits.count))"
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// Finds the name that was probably intended.
enum NearestName {
  /// The candidate nearest to a word, if one is near enough: a third of the letters may differ, three at
  /// most. Otherwise the only candidate that begins with the word. Case is ignored. Of equally near
  /// candidates, the first in alphabetical order.
  static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    let wanted = lowercased(word)
    guard !wanted.isEmpty, wanted.count <= 64 else { return nil }
    let bound = min(3, max(1, wanted.count / 3))
    var best: (distance: Int, name: String)?
    var longer: Set<String> = []
    for candidate in candidates {
      let letters = lowercased(candidate)
      if wanted.count >= 3, letters.starts(with: wanted), letters.count > wanted.count {
        longer.insert(candidate)
      }
      guard abs(letters.count - wanted.count) <= bound else { continue }
      let distance = distance(wanted, letters)
      guard distance <= bound, distance * 2 <= max(wanted.count, letters.count) else { continue }
      if let known = best, (known.distance, known.name) <= (distance, candidate) { continue }
      best = (distance, candidate)
    }
    return best?.name ?? (longer.count == 1 ? longer.first : nil)
  }

  private static func lowercased(_ text: String) -> [UInt8] {
    text.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
  }

  /// The number of insertions, deletions, replacements and swaps of neighbours that turn one text into the
  /// other (optimal string alignment distance).
  static func distance(_ one: [UInt8], _ two: [UInt8]) -> Int {
    if one.isEmpty || two.isEmpty { return max(one.count, two.count) }
    var older: [Int] = []
    var old = Array(0...two.count)
    for row in 1...one.count {
      var new = [row]
      new.reserveCapacity(two.count + 1)
      for column in 1...two.count {
        let cost = one[row - 1] == two[column - 1] ? 0 : 1
        var value = min(old[column] + 1, new[column - 1] + 1, old[column - 1] + cost)
        if row > 1, column > 1, one[row - 1] == two[column - 2], one[row - 2] == two[column - 1] {
          value = min(value, older[column - 2] + 1)
        }
        new.append(value)
      }
      older = old
      old = new
    }
    return old[two.count]
  }
}

/// Suggests a name for a misspelt word.
public enum Suggestion {
  /// The name nearest to a word, if one is near enough.
  public static func nearest(to word: String, among names: some Sequence<String>) -> String? {
    NearestName.nearest(to: word, among: names)
  }
}

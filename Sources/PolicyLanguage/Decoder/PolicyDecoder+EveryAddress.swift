// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// Warnings about grants that cover every address without the word `internet`.
extension PolicyDecoder {
  /// The number of addresses of each family; addresses in overlapping prefixes are counted more than once.
  struct AddressCount {
    private var counts: [AddressFamily: UInt128] = [:]
    private var full: Set<AddressFamily> = []

    init(_ prefixes: [Prefix]) { for prefix in prefixes { add(prefix) } }

    private mutating func add(_ prefix: Prefix) {
      let host = UInt128(prefix.family.bitWidth - prefix.length)
      let (sum, isOver) = (counts[prefix.family] ?? 0).addingReportingOverflow(host == 128 ? 0 : 1 << host)
      counts[prefix.family] = sum
      if isOver || host == 128 || (prefix.family == .ipv4 && sum >= 1 << 32) { full.insert(prefix.family) }
    }

    mutating func add(_ other: AddressCount) {
      full.formUnion(other.full)
      for (family, count) in other.counts {
        let (sum, isOver) = (counts[family] ?? 0).addingReportingOverflow(count)
        counts[family] = sum
        if isOver || (family == .ipv4 && sum >= 1 << 32) { full.insert(family) }
      }
    }

    /// Whether the count reaches the size of the family. Because of overlaps, some addresses can still be
    /// missing.
    func mayBeEvery(_ family: AddressFamily) -> Bool { full.contains(family) }
  }

  /// Warns about the word with which the prefixes and lists of a grant's `from` cover every address of a
  /// family. A word that covers a family alone is reported at any position.
  mutating func warnOfEveryAddress(_ words: [(word: YamlText, meaning: Word)]) {
    var before = AddressCount([])
    var gathered: [Prefix] = []
    var reported: Set<AddressFamily> = []
    for (word, meaning) in words {
      let prefixes: [Prefix]
      let count: AddressCount
      switch meaning {
      case .prefix(let prefix): (prefixes, count) = ([prefix], AddressCount([prefix]))
      case .list(let name):
        prefixes = lists[name]?.prefixes ?? []
        count = listCounts[name] ?? AddressCount(prefixes)
        listCounts[name] = count
      case .machine, .group, .tunnel, .zone, .machineZone, .anywhere: continue
      }
      before.add(count)
      gathered += prefixes
      for family in AddressFamily.allCases {
        let what = "every \(family == .ipv4 ? "IPv4" : "IPv6") address"
        if count.mayBeEvery(family), Self.isEvery(prefixes, family) {
          reported.insert(family)
          if case .list = meaning {
            warnOfEveryAddress(word, "the list '\(word.text)' contains \(what)")
          } else {
            warnOfEveryAddress(word, "\(word.text) contains \(what)")
          }
        } else if !reported.contains(family), before.mayBeEvery(family), Self.isEvery(gathered, family) {
          reported.insert(family)
          warnOfEveryAddress(word, "with '\(word.text)', the sources of this grant contain \(what)")
        }
      }
    }
  }

  private mutating func warnOfEveryAddress(_ word: YamlText, _ what: String) {
    log.warning(
      word.mark, "\(what): the grant lets in every host outside the tunnels",
      help: "if this is intended, write 'internet'")
  }

  private static func isEvery(_ prefixes: [Prefix], _ family: AddressFamily) -> Bool {
    var merge = PrefixMerge()
    for prefix in prefixes where prefix.family == family { merge.add(prefix) }
    return merge.merged().contains { $0.length == 0 }
  }
}

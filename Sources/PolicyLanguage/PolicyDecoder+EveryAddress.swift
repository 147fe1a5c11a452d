// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// Grants that are open to every address without the word for it.
extension PolicyDecoder {
  /// Addresses of each family, counted: prefixes that overlap count twice.
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

    /// Whether there are as many as a family has. They may still leave some out.
    func mayBeEvery(_ family: AddressFamily) -> Bool { full.contains(family) }
  }

  /// Warns of the word with which the prefixes and lists of a grant's `from` cover every address of a family. A word that
  /// does so alone is named wherever it stands.
  mutating func warnOfEveryAddress(_ words: [(word: YamlText, meaning: Word)]) {
    var before = AddressCount([])
    var gathered: [Prefix] = []
    var told: Set<AddressFamily> = []
    for (word, meaning) in words {
      let prefixes: [Prefix]
      let count: AddressCount
      switch meaning {
      case .prefix(let prefix): (prefixes, count) = ([prefix], AddressCount([prefix]))
      case .list(let name):
        prefixes = lists[name]?.prefixes ?? []
        count = listCounts[name] ?? AddressCount(prefixes)
        listCounts[name] = count
      case .machine, .group, .tunnel, .zone, .machineZone: continue
      }
      before.add(count)
      gathered += prefixes
      for family in AddressFamily.allCases {
        let what = "every \(family == .ipv4 ? "IPv4" : "IPv6") address"
        if count.mayBeEvery(family), Self.isEvery(prefixes, family) {
          told.insert(family)
          if case .list = meaning {
            warnOfEveryAddress(word, "the list '\(word.text)' is \(what)")
          } else {
            warnOfEveryAddress(word, "\(word.text) is \(what)")
          }
        } else if !told.contains(family), before.mayBeEvery(family), Self.isEvery(gathered, family) {
          told.insert(family)
          warnOfEveryAddress(word, "with '\(word.text)', the sources of this grant are \(what)")
        }
      }
    }
  }

  private mutating func warnOfEveryAddress(_ word: YamlText, _ what: String) {
    log.warning(
      word.mark, "\(what): the grant is open to everyone outside the tunnels",
      help: "if that is meant, write 'internet'")
  }

  private static func isEvery(_ prefixes: [Prefix], _ family: AddressFamily) -> Bool {
    var merge = PrefixMerge()
    for prefix in prefixes where prefix.family == family { merge.add(prefix) }
    return merge.merged().contains { $0.length == 0 }
  }
}

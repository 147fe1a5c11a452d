// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// A table prepared for walks: chains and sets by number, expressions prepared.
struct TableIndex: Sendable {
  let table: KernelTable
  let chains: [String: Int]
  let sets: [String: Int]
  /// By chain, by rule.
  private(set) var rules: [[[PreparedExpression]]] = []
  let needsConntrack: Bool
  /// By chain.
  private(set) var conditions: [RuleIndex?] = []

  /// `NFT_TABLE_F_DORMANT`: its chains are not hooked in.
  static let dormant: UInt32 = 1

  init(_ table: KernelTable) {
    self.table = table
    chains = Dictionary(
      table.chains.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    needsConntrack = table.needsConntrack
    sets = Dictionary(table.sets.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    rules = table.chains.map { chain in
      // A drop log does not change a packet, within its limit or above it.
      chain.rules.map { rule in
        rule.isDropLog ? [] : rule.expressions.map { PreparedExpression($0, in: self) }
      }
    }
    conditions = rules.map { RuleIndex($0) }
  }

  /// `NFPROTO_…`
  var family: UInt8 { table.family }

  var isLegacy: Bool { table.subsystem == .legacy }

  func keyLength(ofSet index: Int) -> Int { Int(table.sets[index].keyLength) }

  func hasCatchAll(_ set: Int) -> Bool { table.sets[set].catchAll != nil }

  func inversion(ofObject name: String, type: UInt32) -> Inversion {
    table.objects.first { $0.name == name && $0.type == type }?.inversion ?? .plain
  }
}

/// The base chains that a packet of one family passes at one hook, in order.
struct HookPlaces: Sendable {
  /// A base chain, as the numbers of its table and of the chain.
  struct Place: Sendable, Hashable {
    let table: Int
    let chain: Int
  }

  /// One entry of a hook.
  enum Entry: Sendable {
    case chain(Place)
    /// From here on connections are known.
    case conntrack
    /// Address translation: all nat chains run here. Their own priority only sorts them among themselves.
    /// Source: `nf_nat_register_fn` and `nf_nat_inet_fn` of `net/netfilter/nf_nat_core.c`.
    case translation(TranslationSide, [Place])
  }

  private(set) var entries: [Entry] = []

  /// Sorts the base chains of some tables at a hook by priority; those of equal priority as in `order`. What
  /// `order` does not contain is sorted as in the kernel: the chain made last is called first. `ages` says when a table was
  /// made; its chains are in order of creation. Source: `nf_hook_entries_grow` of `net/netfilter/core.c`.
  init(_ tables: [TableIndex], family: UInt8, hook: UInt32, order: HookOrder?, ages: LegacyAges) {
    var chains: [(priority: Int64, rank: Int, entry: Entry)] = []
    var translating: [(priority: Int32, rank: Int, place: Place)] = []
    for (tableNumber, index) in tables.enumerated()
    where index.family == NFT.familyInet || index.family == family {
      guard index.table.flags & TableIndex.dormant == 0 else { continue }
      for (chainNumber, chain) in index.table.chains.enumerated() {
        guard let base = chain.base, base.hook == hook else { continue }
        let place = Place(table: tableNumber, chain: chainNumber)
        let known =
          index.isLegacy
          ? order?.legacyRank(family: family, hook: hook, priority: base.priority)
          : order?.rank(
            family: family, hook: hook, table: index.table.name, of: index.family, chain: chain.name)
        let made = ages.ages[tableNumber]
        if base.type == "nat" {
          translating.append((base.priority, -(made << 32 | chainNumber), place))
        } else {
          chains.append((Int64(base.priority), known ?? -(made << 32 | chainNumber), .chain(place)))
        }
      }
    }
    let isTracked =
      order?.conntrackRank(family: family, hook: NFT.hookPrerouting) != nil
      || tables.contains { [NFT.familyInet, family].contains($0.family) && $0.needsConntrack }
    if isTracked, hook == NFT.hookPrerouting || hook == NFT.hookOutput {
      chains.append(
        (Int64(NFT.priorityConntrack), order?.conntrackRank(family: family, hook: hook) ?? .min, .conntrack))
    }
    translating.sort { ($0.priority, $0.rank) < ($1.priority, $1.rank) }
    let places = translating.map(\.place)
    // The kernel's own function is hooked in together with the family's first nat chain, at all hooks at
    // once.
    let first = tables.indices.compactMap { number -> Int? in
      let index = tables[number]
      guard index.family == NFT.familyInet || index.family == family,
        let chain = index.table.chains.firstIndex(where: { $0.base?.type == "nat" })
      else { return nil }
      return ages.ages[number] << 32 | chain
    }.min()
    let rank0 = order?.translationRank(family: family, hook: hook) ?? first.map { -$0 } ?? .min
    switch hook {
    case NFT.hookPrerouting, NFT.hookOutput:
      chains.append((Int64(NFT.priorityDestinationNAT), rank0, .translation(.destination, places)))
    case NFT.hookInput, NFT.hookPostrouting:
      chains.append((Int64(NFT.prioritySourceNAT), rank0, .translation(.source, places)))
    default: break
    }
    chains.sort { ($0.priority, $0.rank) < ($1.priority, $1.rank) }
    entries = chains.map(\.entry)
  }
}

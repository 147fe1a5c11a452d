// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketWalk
internal import Ruleset

/// The loaded tables of a host, sorted for an import.
struct ImportedTables {
  /// The tables of the program: their rules are imported.
  let read: [KernelTable]
  /// The tables of other programs, without wgfence's own: they stay beside the policy.
  let others: [KernelTable]

  /// The names of the tables that iptables creates.
  private static let iptablesNames: Set<String> = ["filter", "nat", "mangle", "raw", "security"]

  /// Sorts the tables. Throws `notLoaded` if the program has none, `unknownRules` if it has one that could not be read.
  init(_ tables: [KernelTable], of tool: ImportTool) throws(ImportError) {
    let foreign = tables.filter { $0.name != Ruleset.tableName || $0.family != NFT.familyInet }
    let isRead: (KernelTable) -> Bool =
      switch tool {
      case .nft: { $0.subsystem == .nfTables }
      case .firewalld: { $0.name == "firewalld" }
      case .ufw, .iptables:
        { AddressFamily(rawValue: $0.family) != nil && Self.iptablesNames.contains($0.name) }
      }
    read = foreign.filter(isRead)
    others = foreign.filter { !isRead($0) }
    let isThere: Bool
    let expected: String
    switch tool {
    case .nft: (isThere, expected) = (!read.isEmpty, "a table that is not wgfence's own")
    case .firewalld: (isThere, expected) = (!read.isEmpty, "the table inet firewalld")
    case .iptables:
      (isThere, expected) = (
        read.contains { $0.chains.contains { $0.base != nil } }, "a table such as ip filter or ip6 filter"
      )
    case .ufw:
      (isThere, expected) = (
        read.contains { table in
          table.name == "filter" && table.chains.contains { $0.name.hasPrefix("ufw") }
        }, "the table ip filter with chains that begin with ufw"
      )
    }
    guard isThere else { throw ImportError.notLoaded(tool, expected: expected) }
    let unknown = read.compactMap { table in
      table.subsystem == .legacy ? table.unknown.first.map { "\(RuleText.name(of: table)): \($0)" } : nil
    }
    guard unknown.isEmpty else { throw ImportError.unknownRules(unknown) }
  }

  /// What decides before the change, as far as it is imported: the program's tables. Others only translate.
  var before: [KernelTable] { read + others.compactMap(Self.translating) }

  /// What stays beside the policy, as far as it decides where a packet goes: translations of all programs.
  var translations: [KernelTable] { (read + others).compactMap(Self.translating) }

  /// The table with its chains of type nat alone, and the chains that they may lead to; nil if it has none.
  private static func translating(_ table: KernelTable) -> KernelTable? {
    let bases = table.chains.filter { $0.base?.type == "nat" }
    if bases.isEmpty { return nil }
    let names = bases.reduce(into: Set<String>()) { $0.formUnion(table.reachable(from: $1.name).names) }
    var only = table
    only.chains = table.chains.filter { chain in
      names.contains(chain.name) && (chain.base == nil || chain.base?.type == "nat")
    }
    return only
  }
}

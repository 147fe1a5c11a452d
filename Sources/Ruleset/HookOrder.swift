// SPDX-License-Identifier: GPL-3.0-or-later

/// The order in which the kernel calls the entries of each hook, as the kernel reports it
/// (`NFNL_MSG_HOOK_GET` of `linux/netfilter/nfnetlink_hook.h`, Linux 5.14 and later). It decides between base
/// chains of equal priority: the one hooked in last is called first, which the tables alone do not show.
public struct HookOrder: Sendable, Hashable {
  /// What the kernel calls at a hook.
  public enum Entry: Sendable, Hashable {
    /// A base chain of a table of a family (`NFPROTO_…`).
    case chain(table: String, family: UInt8, chain: String)
    /// The chain of a table of legacy iptables, of which the kernel reports only the priority.
    case legacy(priority: Int32)
    /// A function of the kernel itself, by its name.
    case function(String)
  }

  /// The entries of a family (`NFPROTO_IPV4`, `NFPROTO_IPV6`) and hook, in the order of the calls.
  private var entries: [UInt8: [UInt32: [Entry]]] = [:]

  /// Tables of nf_tables in order of creation, for what the entries do not show: chains of type `nat` are called by a
  /// function of the kernel, not by the hook.
  public var tables: [TableKey] = []

  /// A table's family and name.
  public struct TableKey: Sendable, Hashable {
    let family: UInt8
    let name: String

    /// Creates a key from its parts.
    public init(family: UInt8, name: String) {
      self.family = family
      self.name = name
    }
  }

  /// An order in which nothing is known.
  public init() {}

  /// Sets what the kernel calls at a hook.
  public mutating func set(family: UInt8, hook: UInt32, _ list: [Entry]) {
    entries[family, default: [:]][hook] = list
  }

  /// The functions that are not base chains, by family, then hook, in the order of the calls.
  public var functions: [(family: UInt8, hook: UInt32, function: String)] {
    entries.sorted { $0.key < $1.key }.flatMap { family, hooks in
      hooks.sorted { $0.key < $1.key }.flatMap { hook, entries in
        entries.compactMap {
          if case .function(let name) = $0 { (family: family, hook: hook, function: name) } else { nil }
        }
      }
    }
  }

  package func rank(family: UInt8, hook: UInt32, table: String, of tableFamily: UInt8, chain: String) -> Int?
  {
    entries[family]?[hook]?.firstIndex(of: .chain(table: table, family: tableFamily, chain: chain))
  }

  package func legacyRank(family: UInt8, hook: UInt32, priority: Int32) -> Int? {
    entries[family]?[hook]?.firstIndex(of: .legacy(priority: priority))
  }

  package func tableRank(_ name: String, of family: UInt8) -> Int? {
    tables.firstIndex(of: TableKey(family: family, name: name))
  }

  package func conntrackRank(family: UInt8, hook: UInt32) -> Int? { rank(family, hook, "conntrack_") }

  package func translationRank(family: UInt8, hook: UInt32) -> Int? { rank(family, hook, "nf_nat_") }

  private func rank(_ family: UInt8, _ hook: UInt32, _ word: String) -> Int? {
    entries[family]?[hook]?.firstIndex {
      if case .function(let name) = $0 { name.contains(word) } else { false }
    }
  }
}

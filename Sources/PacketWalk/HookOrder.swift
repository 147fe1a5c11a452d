// SPDX-License-Identifier: GPL-3.0-or-later

/// The order in which the kernel calls what is hooked in, as it says itself (`NFNL_MSG_HOOK_GET` of
/// `linux/netfilter/nfnetlink_hook.h`, Linux 5.14 and later). It decides between base chains of equal priority: the one
/// that was hooked in later is called first, which the tables alone do not tell.
public struct HookOrder: Sendable, Hashable {
  /// What is called at a hook.
  public enum Entry: Sendable, Hashable {
    /// A base chain of a table of a family (`NFPROTO_…`).
    case chain(table: String, family: UInt8, chain: String)
    /// Something of the kernel's own, by the name of its function.
    case function(String)
  }

  /// The entries of a family (`NFPROTO_IPV4`, `NFPROTO_IPV6`) and hook, first called first.
  private var entries: [UInt8: [UInt32: [Entry]]] = [:]

  /// Tables by name in the order in which they were made, for what the entries do not tell: chains of type `nat` are
  /// called by the kernel's own function, not by the hook.
  public var tables: [TableKey] = []

  /// A table's family and name.
  public struct TableKey: Sendable, Hashable {
    let family: UInt8
    let name: String

    /// A key of these parts.
    public init(family: UInt8, name: String) {
      self.family = family
      self.name = name
    }
  }

  /// Nothing known.
  public init() {}

  /// Says what is called at a hook.
  public mutating func set(family: UInt8, hook: UInt32, _ list: [Entry]) {
    entries[family, default: [:]][hook] = list
  }

  /// What is called that is no base chain, by family, then hook, first called first.
  public var functions: [(family: UInt8, hook: UInt32, function: String)] {
    entries.sorted { $0.key < $1.key }.flatMap { family, hooks in
      hooks.sorted { $0.key < $1.key }.flatMap { hook, entries in
        entries.compactMap {
          if case .function(let name) = $0 { (family: family, hook: hook, function: name) } else { nil }
        }
      }
    }
  }

  func rank(family: UInt8, hook: UInt32, table: String, of tableFamily: UInt8, chain: String) -> Int? {
    entries[family]?[hook]?.firstIndex(of: .chain(table: table, family: tableFamily, chain: chain))
  }

  func tableRank(_ name: String, of family: UInt8) -> Int? {
    tables.firstIndex(of: TableKey(family: family, name: name))
  }

  func conntrackRank(family: UInt8, hook: UInt32) -> Int? { rank(family, hook, "conntrack_") }

  func translationRank(family: UInt8, hook: UInt32) -> Int? { rank(family, hook, "nf_nat_") }

  private func rank(_ family: UInt8, _ hook: UInt32, _ word: String) -> Int? {
    entries[family]?[hook]?.firstIndex {
      if case .function(let name) = $0 { name.contains(word) } else { false }
    }
  }
}

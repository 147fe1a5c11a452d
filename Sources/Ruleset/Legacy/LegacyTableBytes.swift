// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A table of legacy iptables as the kernel returns it to `IPT_SO_GET_INFO` and `IPT_SO_GET_ENTRIES` (IPv4), or to
/// `IP6T_SO_GET_INFO` and `IP6T_SO_GET_ENTRIES` (IPv6). Numbers are in host order. Source: `struct ipt_getinfo` and `struct
/// ipt_get_entries` of `linux/netfilter_ipv4/ip_tables.h`, and the same of `linux/netfilter_ipv6/ip6_tables.h`.
public struct LegacyTableBytes: Sendable, Hashable {
  /// The family of the packets that pass the table.
  public var family: AddressFamily
  /// The table's name: `filter`, `nat`, `mangle`, `raw` or `security`.
  public var name: String
  /// The hooks at which it has a chain, as bits `1 << hook` (`valid_hooks`).
  public var hooks: UInt32
  /// By hook, where in the entries its chain begins, in bytes (`hook_entry`). The number has no meaning for other hooks.
  public var beginnings: [UInt32]
  /// By hook, where in the entries the policy of its chain is, in bytes (`underflow`).
  public var policies: [UInt32]
  /// The number of entries (`num_entries`).
  public var count: UInt32
  /// The entries, one after another: `struct ipt_entry` or `struct ip6t_entry` with matches and target.
  public var entries: [UInt8]

  /// Creates a value from its parts.
  public init(
    family: AddressFamily, name: String, hooks: UInt32, beginnings: [UInt32], policies: [UInt32],
    count: UInt32,
    entries: [UInt8]
  ) {
    self.family = family
    self.name = name
    self.hooks = hooks
    self.beginnings = beginnings
    self.policies = policies
    self.count = count
    self.entries = entries
  }

  /// The hooks of the families `ip` and `ip6` at which the table has a chain, in their order.
  var ownHooks: [UInt32] { LegacyTable.allHooks.filter { hooks & 1 << $0 != 0 } }
}

/// Why a table of legacy iptables cannot be decoded.
public struct LegacyTableError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What is wrong, as a phrase.
  public let description: String

  init(_ description: String) { self.description = description }
}

/// What is known of the tables of legacy iptables without their rules. Source: the `packet_filter`, `packet_mangler` and other
/// `struct xt_table` of `net/ipv4/netfilter/iptable_*.c`, and the same of `net/ipv6/netfilter`.
enum LegacyTable {
  static let allHooks = Array(NFT.hookPrerouting...NFT.hookPostrouting)

  /// The name of the chain at a hook.
  static func chain(at hook: UInt32) -> String {
    let names = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]
    return names.indices.contains(Int(hook)) ? names[Int(hook)] : "hook \(hook)"
  }

  /// The hooks of a table; nil for a name that the kernel itself does not use.
  static func hooks(of name: String) -> [UInt32]? {
    switch name {
    case "raw": [NFT.hookPrerouting, NFT.hookOutput]
    case "mangle": allHooks
    case "nat": [NFT.hookPrerouting, NFT.hookInput, NFT.hookOutput, NFT.hookPostrouting]
    case "filter", "security": [NFT.hookInput, NFT.hookForward, NFT.hookOutput]
    default: nil
    }
  }

  /// Where a table's chain hooks in; nil for a name that the kernel itself does not use. Legacy nat chains are registered with
  /// address translation, like those of nf_tables (`ipt_nat_register_lookups`). The mangle table routes a packet of this host
  /// again if it changed an address or the mark (`ipt_mangle_out`), like a chain of type `route`. Priorities: `enum
  /// nf_ip_hook_priorities` of `linux/netfilter_ipv4.h`.
  static func base(of name: String, at hook: UInt32, policy: BasePolicy) -> BaseChain? {
    switch name {
    case "raw": BaseChain(hook: hook, priority: -300, policy: policy)
    case "mangle":
      BaseChain(
        hook: hook, priority: -150, type: hook == NFT.hookOutput ? "route" : "filter", policy: policy)
    case "nat":
      BaseChain(
        hook: hook,
        priority: hook == NFT.hookPrerouting || hook == NFT.hookOutput
          ? NFT.priorityDestinationNAT : NFT.prioritySourceNAT, type: "nat", policy: policy)
    case "filter": BaseChain(hook: hook, priority: 0, policy: policy)
    case "security": BaseChain(hook: hook, priority: 50, policy: policy)
    default: nil
    }
  }
}

extension KernelTable {
  /// A table of legacy iptables whose rules are not known: at each of its hooks, a packet's verdict is undetermined. `hooks` are
  /// those of the table, if the kernel reported them. A table of a name that the kernel itself does not use is assumed to come
  /// first.
  public static func unknownLegacy(
    _ family: AddressFamily, _ name: String, hooks: UInt32?, reason: String
  ) -> KernelTable {
    let reported = LegacyTable.allHooks.filter { (hooks ?? .max) & 1 << $0 != 0 }
    let own: [UInt32] = LegacyTable.hooks(of: name) ?? reported
    return KernelTable(
      family: family.rawValue, name: name,
      chains: own.map { hook in
        KernelChain(
          name: LegacyTable.chain(at: hook),
          base: LegacyTable.base(of: name, at: hook, policy: .accept)
            ?? BaseChain(hook: hook, priority: .min, policy: .accept),
          rules: [KernelRule(expressions: [.opaque(name: "rules that could not be read", data: [])])])
      }, unknown: [reason], subsystem: .legacy)
  }
}

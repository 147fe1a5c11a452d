// SPDX-License-Identifier: GPL-3.0-or-later

internal import CNftnl
internal import CSys
internal import Glibc
internal import NetworkModel
public import Ruleset

extension HookOrder {
  /// Reads from the kernel what it calls at each hook of IPv4 and IPv6, in order, and in which order the
  /// tables were created. The former is missing if the kernel cannot report it (before Linux 5.14, or built
  /// without `CONFIG_NETFILTER_NETLINK_HOOK`).
  public static func read() throws(HostReadError) -> HookOrder {
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_NETFILTER))
    var order = HookOrder()
    hooks: for family in AddressFamily.allCases {
      for hook in NFT.hookPrerouting...NFT.hookPostrouting {
        var body: [UInt8] = [family.rawValue, 0, 0, 0]
        var number: [UInt8] = []
        number.append(number: hook.bigEndian)
        body += AttributeReader.encode(Int(CSYS_NFNLA_HOOK_HOOKNUM), number)
        do throws(HostReadError) {
          let entries = try netlink.dump(
            "listing the hooks", type: Int(CSYS_NFNL_SUBSYS_HOOK) << 8 | Int(CSYS_NFNL_MSG_HOOK_GET),
            body: body
          ) { (_, payload) throws(HostReadError) in entry(payload.dropFirst(4)) }
          order.set(family: family.rawValue, hook: hook, entries)
        } catch .refused(_, let errno, _) where errno == ENOENT {
          continue  // nothing at this hook
        } catch .refused(_, let errno, _) where errno == EOPNOTSUPP || errno == EINVAL {
          break hooks
        }
      }
    }
    order.tables = try netlink.dump(
      "listing the tables", type: Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(NFT_MSG_GETTABLE.rawValue),
      body: [0, 0, 0, 0]
    ) { (_, payload) throws(HostReadError) in
      AttributeReader(payload.dropFirst(4)).first { $0.type == Int(NFTA_TABLE_NAME.rawValue) }.flatMap {
        found in
        payload.first.map { TableKey(family: $0, name: found.value.text) }
      }
    }
    return order
  }

  /// Decodes one hook of `NFNL_MSG_HOOK_GET`.
  static func entry(_ attributes: ArraySlice<UInt8>) -> Entry? {
    var function = ""
    var priority: Int32?
    for (type, value) in AttributeReader(attributes) {
      switch type {
      case Int(CSYS_NFNLA_HOOK_FUNCTION_NAME): function = value.text
      case Int(CSYS_NFNLA_HOOK_PRIORITY):
        priority = value.number(UInt32.self, at: 0).map { Int32(bitPattern: UInt32(bigEndian: $0)) }
      case Int(CSYS_NFNLA_HOOK_CHAIN_INFO):
        guard
          let description = AttributeReader(value).first(where: { $0.type == Int(CSYS_NFNLA_HOOK_INFO_DESC) })
        else { continue }
        var (table, family, chain): (String?, UInt8?, String?)
        for (type, value) in AttributeReader(description.value) {
          switch type {
          case Int(CSYS_NFNLA_CHAIN_TABLE): table = value.text
          case Int(CSYS_NFNLA_CHAIN_FAMILY): family = value.first
          case Int(CSYS_NFNLA_CHAIN_NAME): chain = value.text
          default: break
          }
        }
        if let table, let family, let chain { return .chain(table: table, family: family, chain: chain) }
      default: break
      }
    }
    if let priority, isLegacy(function) { return .legacy(priority: priority) }
    return .function(function)
  }

  /// Whether a function is that of a legacy table's chain: `ipt_do_table`, `ip6t_do_table`, or one that calls them, such as
  /// `iptable_mangle_hook`. Those of other tables were of this form before Linux 5.16. Source: `net/ipv4/netfilter/iptable_*.c`.
  private static func isLegacy(_ function: String) -> Bool {
    let name = function.prefix { $0 != " " }
    return ["ipt_do_table", "ip6t_do_table"].contains(name)
      || ["iptable_", "ip6table_"].contains { name.hasPrefix($0) } && name.hasSuffix("_hook")
  }
}

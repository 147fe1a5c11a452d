// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import Netlink
internal import NetworkModel

/// A table of legacy iptables, ip6tables or arptables in this thread's network namespace. Source: `struct
/// ipt_getinfo` of `linux/netfilter_ipv4/ip_tables.h`, and the matching structures of the other two.
enum LegacyTable {
  /// How to query the tables of a family. The three structures differ only in the number of hooks.
  private struct Question {
    /// The address family of the socket.
    let family: Int32
    let level: Int32
    let option: Int32
    /// The size of the structure, in bytes.
    let size: Int
    /// The offset of the number of entries in the structure, in bytes.
    let entries: Int

    init(_ family: BlindSpot.LegacyFamily) {
      switch family {
      case .ip:
        self.family = AF_INET
        (level, option) = (Int32(IPPROTO_IP), Int32(CSYS_IPT_SO_GET_INFO))
        (size, entries) = (Int(CSYS_IPT_GETINFO_SIZE), Int(CSYS_IPT_GETINFO_ENTRIES))
      case .ip6:
        self.family = AF_INET6
        (level, option) = (Int32(IPPROTO_IPV6), Int32(CSYS_IP6T_SO_GET_INFO))
        (size, entries) = (Int(CSYS_IPT_GETINFO_SIZE), Int(CSYS_IPT_GETINFO_ENTRIES))
      case .arp:
        self.family = AF_INET
        (level, option) = (Int32(IPPROTO_IP), Int32(CSYS_ARPT_SO_GET_INFO))
        (size, entries) = (Int(CSYS_ARPT_GETINFO_SIZE), Int(CSYS_ARPT_GETINFO_ENTRIES))
      }
    }
  }

  /// The number of rules of a table: its entries without the policies of its chains and the end entry. The
  /// table must exist: otherwise the kernel would load a module. Errors are `ENAMETOOLONG`, and `ENOENT` if
  /// the table does not exist.
  static func rules(_ family: BlindSpot.LegacyFamily, table: String) throws(SystemError) -> Int {
    let attempt = "querying the legacy \(family.rawValue) table \(table)"
    let question = Question(family)
    var information = [UInt8](repeating: 0, count: question.size)
    let name = Array(table.utf8)
    guard name.count < Int(CSYS_XT_TABLE_MAXNAMELEN) else { throw SystemError(attempt, code: ENAMETOOLONG) }
    information.replaceSubrange(..<name.count, with: name)
    let socket = try SystemError.check(
      Glibc.socket(
        question.family, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), Int32(IPPROTO_RAW)), attempt)
    defer { close(socket) }
    var length = socklen_t(information.count)
    _ = try SystemError.check(
      getsockopt(socket, question.level, question.option, &information, &length), attempt)
    let hooks = information[...].number(UInt32.self, at: Int(CSYS_IPT_GETINFO_HOOKS)) ?? 0
    let entries = information[...].number(UInt32.self, at: question.entries) ?? 0
    return rules(entries: entries, hooks: hooks)
  }

  /// Each valid hook has an entry for its policy, and one entry ends the table.
  static func rules(entries: UInt32, hooks: UInt32) -> Int {
    max(0, Int(entries) - hooks.nonzeroBitCount - 1)
  }
}

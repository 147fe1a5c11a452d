// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import Netlink
internal import NetworkModel

/// A table of legacy iptables, ip6tables or arptables in this thread's network namespace. Source: `struct ipt_getinfo` of
/// `linux/netfilter_ipv4/ip_tables.h`, and its twins for the other two.
enum LegacyTable {
  /// How the kernel is asked about tables of a family. The three structures differ in nothing but the number of hooks.
  private struct Question {
    /// The family of the socket.
    let family: Int32
    let level: Int32
    let option: Int32
    /// Bytes of the structure.
    let size: Int
    /// Where the number of entries stands in it.
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

  /// How many rules a table has: its entries without the policies of its chains and the end. It must be there: a kernel
  /// that does not have it loads a module. Errors are `ENAMETOOLONG`, and `ENOENT` where it is not there.
  static func rules(_ family: BlindSpot.LegacyFamily, table: String) throws(SystemError) -> Int {
    let attempt = "asking for the legacy \(family.rawValue) table \(table)"
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

  /// Each valid hook has an entry for its policy, and one more ends the table.
  static func rules(entries: UInt32, hooks: UInt32) -> Int {
    max(0, Int(entries) - hooks.nonzeroBitCount - 1)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import Netlink
internal import NetworkModel
internal import Ruleset

/// What the kernel reports of a table of legacy iptables, ip6tables or arptables in this thread's network namespace. Source:
/// `struct ipt_getinfo` of `linux/netfilter_ipv4/ip_tables.h`, and the matching structures of the other two.
struct LegacyTableInformation {
  /// How to query the tables of a family. The three structures differ only in the number of hooks.
  fileprivate struct Question {
    /// The address family of the socket.
    let family: Int32
    let level: Int32
    let option: Int32
    /// The number of hooks (`NF_INET_NUMHOOKS`, `NF_ARP_NUMHOOKS`).
    let hooks: Int

    init(_ family: BlindSpot.LegacyFamily) {
      switch family {
      case .ip:
        (self.family, level, option) = (AF_INET, Int32(IPPROTO_IP), Int32(CSYS_IPT_SO_GET_INFO))
        hooks = Int(CSYS_IPT_HOOKS)
      case .ip6:
        (self.family, level, option) = (AF_INET6, Int32(IPPROTO_IPV6), Int32(CSYS_IP6T_SO_GET_INFO))
        hooks = Int(CSYS_IPT_HOOKS)
      case .arp:
        (self.family, level, option) = (AF_INET, Int32(IPPROTO_IP), Int32(CSYS_ARPT_SO_GET_INFO))
        hooks = Int(CSYS_ARPT_HOOKS)
      }
    }
  }

  /// The hooks at which it has a chain, as bits.
  let hooks: UInt32
  /// By hook, in bytes: where its chain begins in the entries, and where the chain's policy is.
  let beginnings: [UInt32]
  let policies: [UInt32]
  /// The number of entries, and their size in bytes.
  let count: UInt32
  let size: UInt32

  /// Its rules: its entries without the policies of its chains and the end entry.
  var rules: Int { Self.rules(entries: count, hooks: hooks) }

  /// Each valid hook has an entry for its policy, and one entry ends the table.
  static func rules(entries: UInt32, hooks: UInt32) -> Int {
    max(0, Int(entries) - hooks.nonzeroBitCount - 1)
  }

  /// Asks for a table. It must exist: otherwise the kernel would load a module, or create it. Errors are `ENAMETOOLONG`, and
  /// `ENOENT` if the table does not exist.
  static func read(_ family: BlindSpot.LegacyFamily, table: String) throws(SystemError)
    -> LegacyTableInformation
  {
    let question = Question(family)
    let socket = try LegacySocket(question.family)
    return try read(question, table: table, socket)
  }

  private static func read(_ question: Question, table: String, _ socket: borrowing LegacySocket)
    throws(SystemError) -> LegacyTableInformation
  {
    let numbers = Int(CSYS_IPT_GETINFO_HOOKS) + 4 * (2 * question.hooks + 3)
    var bytes = [UInt8](repeating: 0, count: numbers)
    try socket.ask(question.level, question.option, table: table, &bytes)
    func number(_ index: Int) -> UInt32 {
      bytes[...].number(UInt32.self, at: Int(CSYS_IPT_GETINFO_HOOKS) + 4 * index) ?? 0
    }
    return LegacyTableInformation(
      hooks: number(0), beginnings: (0..<question.hooks).map { number(1 + $0) },
      policies: (0..<question.hooks).map { number(1 + question.hooks + $0) },
      count: number(1 + 2 * question.hooks), size: number(2 + 2 * question.hooks))
  }

  /// A table with more bytes is not read. One with 100,000 rules has about 20 MB.
  static let largest = 256 << 20
  /// The number of attempts to read a table that changes meanwhile.
  private static let attempts = 8

  /// Reads a table with its entries. The table must exist, as for `read(_:table:)`. Further errors are `EFBIG`, and `EAGAIN` if
  /// the table changed at every attempt. Source: `get_entries` of `net/ipv4/netfilter/ip_tables.c`.
  static func bytes(_ family: AddressFamily, table: String) throws(SystemError) -> LegacyTableBytes {
    let question = Question(family == .ipv4 ? .ip : .ip6)
    let entries = Int32(family == .ipv4 ? CSYS_IPT_SO_GET_ENTRIES : CSYS_IP6T_SO_GET_ENTRIES)
    let socket = try LegacySocket(question.family)
    for _ in 0..<attempts {
      let information = try read(question, table: table, socket)
      guard let size = Int(exactly: information.size), size <= largest else {
        throw SystemError(LegacySocket.attempt(table), code: EFBIG)
      }
      let head = Int(CSYS_IPT_GETENTRIES_SIZE)
      var bytes = [UInt8](repeating: 0, count: head + size)
      bytes.replaceSubrange(
        Int(CSYS_IPT_GETINFO_HOOKS)..<Int(CSYS_IPT_GETINFO_HOOKS) + 4,
        with: withUnsafeBytes(of: information.size) { Array($0) })
      do throws(SystemError) {
        try socket.ask(question.level, entries, table: table, &bytes)
      } catch {
        // Its size changed.
        guard error.code == EAGAIN else { throw error }
        continue
      }
      // A replaced table of the same size may have other chains.
      let after = try read(question, table: table, socket)
      guard after.beginnings == information.beginnings, after.policies == information.policies else {
        continue
      }
      return LegacyTableBytes(
        family: family, name: table, hooks: information.hooks, beginnings: information.beginnings,
        policies: information.policies, count: information.count, entries: Array(bytes[head...]))
    }
    throw SystemError(LegacySocket.attempt(table), code: EAGAIN)
  }
}

/// A socket for the options of x_tables. Any IPv4 or IPv6 socket has them; the kernel checks for `CAP_NET_ADMIN`.
private struct LegacySocket: ~Copyable {
  private let descriptor: Int32

  static func attempt(_ table: String) -> String { "querying the legacy table \(table)" }

  init(_ family: Int32) throws(SystemError) {
    descriptor = try SystemError.check(
      socket(family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0),
      "opening a socket for legacy tables")
  }

  deinit { close(descriptor) }

  /// Puts the table's name into the first bytes, and asks the kernel to fill in the others.
  func ask(_ level: Int32, _ option: Int32, table: String, _ bytes: inout [UInt8]) throws(SystemError) {
    let name = Array(table.utf8)
    guard name.count < Int(CSYS_XT_TABLE_MAXNAMELEN) else {
      throw SystemError(Self.attempt(table), code: ENAMETOOLONG)
    }
    bytes.replaceSubrange(..<name.count, with: name)
    var length = socklen_t(bytes.count)
    _ = try SystemError.check(getsockopt(descriptor, level, option, &bytes, &length), Self.attempt(table))
  }
}

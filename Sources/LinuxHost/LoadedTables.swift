// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink
internal import NetworkModel
public import Ruleset

/// All tables of this thread's network namespace that a walk evaluates: those of nf_tables and those of legacy iptables. Only
/// the former can be planned and written (`KernelTable.subsystem`).
public enum LoadedTables {
  /// Reads the tables: those of nf_tables sorted by family and name, then the legacy ones. A legacy table that cannot be read or
  /// decoded is there, with unknown rules. Loads no kernel module. Needs `CAP_NET_ADMIN`.
  public static func read() throws(NetlinkError) -> [KernelTable] {
    var socket = try NFTablesSocket()
    return try socket.readAll() + LegacyReading.all().map(\.table)
  }
}

/// What was read of legacy iptables in this thread's network namespace.
enum LegacyReading {
  case decoded(KernelTable)
  /// A table whose rules are not known, and why.
  case unknown(AddressFamily, name: String, hooks: UInt32?, reason: String)
  /// It is not known which tables there are, and why.
  case unlisted(AddressFamily, reason: String)

  /// As a table that a walk evaluates: unknown rules make what depends on them undetermined.
  var table: KernelTable {
    switch self {
    case .decoded(let table): table
    case .unknown(let family, let name, let hooks, let reason):
      .unknownLegacy(family, name, hooks: hooks, reason: reason)
    case .unlisted(let family, let reason): .unknownLegacy(family, "(unlisted)", hooks: nil, reason: reason)
    }
  }

  /// Reads the tables of both families, in order of creation. Source: `/proc/net/ip_tables_names` and
  /// `/proc/net/ip6_tables_names`, which list the newest first. Only these tables are queried, since a query of another name
  /// would load a module.
  static func all() -> [LegacyReading] {
    AddressFamily.allCases.flatMap { family -> [LegacyReading] in
      let text: String?
      do throws(HostReadError) {
        text = try names(family == .ipv4 ? .ip : .ip6)
      } catch {
        return [.unlisted(family, reason: "\(error)")]
      }
      return (text ?? "").split(separator: "\n").reversed().compactMap { read(family, String($0)) }
    }
  }

  /// The list of a family's tables; nil if the kernel has no such tables.
  static func names(_ family: BlindSpot.LegacyFamily) throws(HostReadError) -> String? {
    let file =
      switch family {
      case .ip: "ip_tables_names"
      case .ip6: "ip6_tables_names"
      case .arp: "arp_tables_names"
      }
    do throws(HostReadError) {
      return try ProcFile.text("/proc/thread-self/net/\(file)")
    } catch .file(_, let errno) where errno == ENOENT {
      return nil
    }
  }

  /// Reads a table; nil if it was removed in the meantime.
  private static func read(_ family: AddressFamily, _ name: String) -> LegacyReading? {
    let bytes: LegacyTableBytes
    do throws(SystemError) {
      bytes = try LegacyTableInformation.bytes(family, table: name)
    } catch {
      if error.code == ENOENT { return nil }
      return .unknown(family, name: name, hooks: nil, reason: BlindSpotReader.words(error.code))
    }
    do throws(LegacyTableError) {
      return .decoded(try KernelTable(legacy: bytes))
    } catch {
      return .unknown(family, name: name, hooks: bytes.hooks, reason: "\(error)")
    }
  }
}

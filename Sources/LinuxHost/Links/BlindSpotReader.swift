// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import Netlink
public import NetworkModel
public import Ruleset

/// Searches this thread's network namespace for everything that decides on packets besides the rules of
/// nf_tables. Loads no kernel module: what is not loaded is not queried. The list also contains what could
/// not be read.
public enum BlindSpotReader {
  /// Reads all blind spots. `order` is the kernel's list of hook functions (`HookOrder.read`).
  public static func read(order: HookOrder) -> [BlindSpot] {
    var found = legacyTables()
    let links: LinkTable
    do throws(HostReadError) {
      links = try LinkTable.read()
    } catch {
      return found + [.unseen("what is attached to the interfaces", reason: "\(error)")]
    }
    let interfaces = links.interfaces
    found += attempt("XDP programs and bridges") { () throws(HostReadError) in
      try InterfaceSettings.blindSpots(interfaces)
    }
    found += attempt("filters of traffic control") { () throws(HostReadError) in
      try TrafficControl.blindSpots(interfaces)
    }
    found += AttachedPrograms.blindSpots(interfaces)
    found += attempt("flowtables") { () throws(HostReadError) in try flowtables() }
    let services = services
    if !services.isEmpty { found.append(.virtualServices(services)) }
    return found + functions(order)
  }

  private static func attempt(
    _ what: String, _ body: () throws(HostReadError) -> [BlindSpot]
  ) -> [BlindSpot] {
    do throws(HostReadError) {
      return try body()
    } catch {
      return [.unseen(what, reason: "\(error)")]
    }
  }

  // MARK: - Legacy tables

  /// The legacy tables that the walk does not evaluate: those of arptables that have rules, and those of iptables and ip6tables
  /// that could not be read or decoded. Source: `/proc/net/arp_tables_names`, `ARPT_SO_GET_INFO` of
  /// `linux/netfilter_arp/arp_tables.h`; `LegacyReading`.
  static func legacyTables() -> [BlindSpot] {
    LegacyReading.all().compactMap { reading -> BlindSpot? in
      switch reading {
      case .decoded: nil
      case .unknown(let family, let name, _, let reason):
        .legacyTable(family == .ipv4 ? .ip : .ip6, name: name, .unknown(reason: reason))
      case .unlisted(let family, let reason):
        .unseen("the list of legacy \(family == .ipv4 ? "ip" : "ip6") tables", reason: reason)
      }
    } + arpTables()
  }

  private static func arpTables() -> [BlindSpot] {
    let text: String?
    do throws(HostReadError) {
      text = try LegacyReading.names(.arp)
    } catch {
      return [.unseen("the list of legacy arp tables", reason: "\(error)")]
    }
    return (text ?? "").split(separator: "\n").compactMap { name -> BlindSpot? in
      do throws(SystemError) {
        let rules = try LegacyTableInformation.read(.arp, table: String(name)).rules
        return rules == 0 ? nil : .legacyTable(.arp, name: String(name), .count(rules))
      } catch {
        // It was removed in the meantime.
        if error.code == ENOENT { return nil }
        return .unseen("rules of the legacy arp table \(name)", reason: words(error.code))
      }
    }
  }

  // MARK: - IPVS and flowtables

  /// The services in `/proc/net/ip_vs`, which exists if the module is loaded.
  static var services: [VirtualService] {
    (try? ProcFile.text("/proc/thread-self/net/ip_vs")).map(virtualServices) ?? []
  }

  /// Parses lines of the form `TCP  C0000201:0050 wlc`, `TCP  [2001:db8:…]:0050 rr` and `FWM  00000001 rr`,
  /// with hexadecimal numbers. Source: `ip_vs_info_seq_show` of `net/netfilter/ipvs/ip_vs_ctl.c`.
  static func virtualServices(_ text: String) -> [VirtualService] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count >= 2,
        let transport = ["TCP": IPProtocol.tcp, "UDP": .udp, "SCTP": .sctp, "FWM": nil][fields[0]]
      else {
        return nil
      }
      guard let transport else { return UInt32(fields[1], radix: 16).map(VirtualService.mark) }
      guard let colon = fields[1].lastIndex(of: ":"),
        let port = UInt16(fields[1][colon...].dropFirst(), radix: 16)
      else { return nil }
      let address = fields[1][..<colon]
      if address.hasPrefix("[") {
        return IPAddress(String(address.dropFirst().dropLast())).map {
          .address(transport, $0, port: port)
        }
      }
      guard let bits = UInt32(address, radix: 16) else { return nil }
      return .address(transport, IPAddress(family: .ipv4, bits: UInt128(bits)), port: port)
    }
  }

  /// The flowtables of all tables. Source: `NFT_MSG_GETFLOWTABLE` of `linux/netfilter/nf_tables.h`, Linux
  /// 4.16 and later.
  static func flowtables() throws(HostReadError) -> [BlindSpot] {
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_NETFILTER))
    do throws(HostReadError) {
      return try netlink.dump(
        "listing flowtables", type: Int(CSYS_NFNL_SUBSYS_NFTABLES) << 8 | Int(CSYS_NFT_MSG_GETFLOWTABLE),
        body: [0, 0, 0, 0]
      ) { (_, payload) throws(HostReadError) in flowtable(payload) }
    } catch .refused(_, let errno, _) where errno == EINVAL || errno == EOPNOTSUPP || errno == ENOENT {
      return []  // a kernel without flowtables or without nf_tables
    }
  }

  /// Decodes `struct nfgenmsg` and the attributes of a flowtable.
  static func flowtable(_ payload: ArraySlice<UInt8>) -> BlindSpot? {
    var (table, name): (String?, String?)
    for (type, value) in AttributeReader(payload.dropFirst(4)) {
      switch type {
      case Int(CSYS_NFTA_FLOWTABLE_TABLE): table = value.text
      case Int(CSYS_NFTA_FLOWTABLE_NAME): name = value.text
      default: break
      }
    }
    guard let family = payload.first, let table, let name else { return nil }
    return .flowtable(family: NetfilterNames.family(UInt32(family)), table: table, name: name)
  }

  // MARK: - Hooks

  /// The hook functions that are not chains, are not known to leave the verdict unchanged, and are not
  /// reported above. Left out are conntrack, translation (nf_tables' own), defragmentation, the labels of
  /// security modules, legacy tables and IPVS.
  static func functions(_ order: HookOrder) -> [BlindSpot] {
    order.functions.filter { entry in
      ![
        "conntrack", "confirm", "nf_nat_", "defrag", "selinux_", "smack_", "apparmor_", "t_do_table",
        "ip_vs_", "ip_sabotage_in",
      ]
      .contains { entry.function.contains($0) }
    }.map {
      .hookFunction(
        $0.function, family: NetfilterNames.family(UInt32($0.family)), hook: NetfilterNames.hook($0.hook))
    }
  }

  /// The C library's text for an error.
  static func words(_ errno: Int32) -> String {
    strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
  }
}

/// The names of families and hooks in `nft`. Source: `NFPROTO_*`, `NF_INET_*` of `linux/netfilter.h`.
enum NetfilterNames {
  /// `ip`, `ip6`, …; for other families `family` and the number.
  static func family(_ number: UInt32) -> String {
    [1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"][number] ?? "family \(number)"
  }

  /// `prerouting`, …; for other hooks `hook` and the number.
  static func hook(_ number: UInt32) -> String {
    [0: "prerouting", 1: "input", 2: "forward", 3: "output", 4: "postrouting"][number] ?? "hook \(number)"
  }
}

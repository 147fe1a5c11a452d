// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// A match of iptables, decoded from the C structure in a rule of iptables-nft. Numbers in it are in host
/// order unless stated otherwise; it is padded to 8 bytes. Source: `linux/netfilter/xt_*.h`, and for ICMP
/// `linux/netfilter_ipv4/ip_tables.h` and `linux/netfilter_ipv6/ip6_tables.h`.
enum XtablesMatch: Sendable, Hashable {
  /// `tcp`, `udp`: ranges of ports, and for TCP its flags and one option.
  case ports(source: PortsAsked, destination: PortsAsked, flags: FlagsAsked?, option: TCPOption.Condition?)
  /// `icmp`, `icmp6`: a type, nil for any, and a range of codes.
  case icmp(type: UInt8?, codes: ClosedRange<UInt8>, inverted: Inversion)
  /// `multiport`: any of some ranges.
  case multiport(side: PortSide, [ClosedRange<UInt16>], inverted: Inversion)
  /// `conntrack`, `state`
  case connection(XtablesConntrack)
  /// `addrtype`
  case addressType(XtablesAddressType)
  /// `mark`, `connmark`: `(mark & mask) == value`.
  case mark(of: Marked, value: UInt32, mask: UInt32, inverted: Inversion)
  /// `limit`, `hashlimit`: whether the packet is within a rate; with `inverted` above it.
  case limit(String, inverted: Inversion)
  /// `pkttype`
  case packetType(UInt8, inverted: Inversion)
  /// `iprange`: addresses in network order, first and last.
  case addressRange(source: RangeAsked?, destination: RangeAsked?)
  /// `length`
  case length(ClosedRange<UInt16>, inverted: Inversion)
  /// `ttl`, `hl`: a comparison of the hop limit (`nft_cmp_ops`).
  case hops(operation: UInt32, UInt8)
  /// `recent`
  case recent(XtablesRecent)
  /// `rpfilter`: whether a reply would leave by the interface by which the packet arrived.
  case reversePath(XtablesReversePath)
  /// `physdev`
  case bridgePorts(XtablesBridgePorts)
  /// `owner`
  case owner(XtablesOwner)
  /// `devgroup`
  case groups(XtablesGroups)
  /// `helper`: the connection was expected because of another one.
  case expected(inverted: Inversion)
  /// `policy` that asks for IPsec, or for its absence: no packet of the walk comes out of it or goes into it.
  case security(isAbsent: Bool)
  /// `dscp`, `tos`: bits of the type of service or of the traffic class.
  case trafficClass(value: UInt8, mask: UInt8, inverted: Inversion)
  /// `statistic`
  case chance
  /// `string`, `connbytes`: what an ordinary first packet does not have; what it is, in words.
  case unusual(String, inverted: Inversion)
  /// `time`
  case time(XtablesTime)
  /// `tcpmss`
  case option(TCPOption.Condition)
  /// `set`: a set of ipset, and whether the counters of the element are compared too.
  case set(XtablesSet, asksCounters: Bool)
  /// `socket`: a socket of this host, with `isTransparent` only one for the addresses of others.
  case socket(isTransparent: Bool)
  /// `comment`: matches everything.
  case always
  /// A header between the IPv6 header and the transport header, which no packet of the walk has.
  case never
  /// One that the walk does not support, by its name.
  case unknown(String)

  /// What it reads of the packet, or of its connection.
  var reads: PacketParts {
    switch self {
    case .ports(_, let destination, _, _): return destination.isAny ? [] : .destinationPort
    case .multiport(let side, _, _): return side == .source ? [] : .destinationPort
    case .connection(let asked):
      var parts: PacketParts = []
      if asked.ports.contains(where: { $0 != nil }) { parts.insert(.destinationPort) }
      if asked.addresses.contains(where: { $0 != nil }) { parts.formUnion(.addresses) }
      return parts
    case .addressType(let asked):
      var parts: PacketParts = []
      if asked.source != 0 { parts.insert(.source) }
      // The type for the whole host does not tell the unspecified address apart.
      if asked.destination != 0, asked.interface != .host || asked.destination & 0b11 != 0 {
        parts.insert(.destination)
      }
      return parts
    case .addressRange(let source, let destination):
      var parts: PacketParts = []
      if source != nil { parts.insert(.source) }
      if destination != nil { parts.insert(.destination) }
      return parts
    case .recent, .reversePath: return .addresses
    case .set: return .everything
    case .icmp, .mark, .limit, .packetType, .length, .hops, .bridgePorts, .owner, .groups, .expected,
      .security, .trafficClass, .chance, .time, .unusual, .option, .socket, .always, .never, .unknown:
      return []
    }
  }

  /// What it asks about an option of TCP; nil if nothing.
  var option: TCPOption.Condition? {
    switch self {
    case .ports(_, _, _, let option): option
    case .option(let option): option
    default: nil
    }
  }

  /// A range of ports, or everything outside it.
  struct PortsAsked: Sendable, Hashable {
    let range: ClosedRange<UInt16>
    let inverted: Inversion
    var isAny: Bool { range == 0...UInt16.max && inverted == .plain }
  }

  /// `(flags & mask) == value`
  struct FlagsAsked: Sendable, Hashable {
    let mask: UInt8
    let value: UInt8
    let inverted: Inversion
  }

  /// A range of addresses, or everything outside it.
  struct RangeAsked: Sendable, Hashable {
    let first: [UInt8]
    let last: [UInt8]
    let inverted: Inversion
  }

  /// Which port (`xt_multiport_flags`).
  enum PortSide: UInt8, Sendable { case source, destination, either }

  /// What has the mark.
  enum Marked: Sendable { case packet, connection }

  /// Decodes a match; `family` is the table's.
  init(name: String, revision: UInt32, info: [UInt8], family: UInt8) {
    self = Self.decode(name, revision, info, family) ?? .unknown("match \(name)")
  }

  private static func decode(_ name: String, _ revision: UInt32, _ info: [UInt8], _ family: UInt8)
    -> XtablesMatch?
  {
    switch (name, revision) {
    case ("tcp", 0): tcp(info)
    case ("udp", 0): udp(info)
    case ("icmp", 0): icmp(info, anyType: 0xff)
    case ("icmp6", 0): icmp(info, anyType: nil)
    case ("multiport", 0), ("multiport", 1): multiport(info, revision)
    case ("conntrack", _), ("state", _):
      XtablesConntrack(name, revision, info, family).map(XtablesMatch.connection)
    case ("addrtype", _): XtablesAddressType(revision, info).map(XtablesMatch.addressType)
    case ("mark", 1): mark(.packet, info)
    case ("connmark", 1): mark(.connection, info)
    case ("limit", 0): .limit(rate(info), inverted: .plain)
    case ("hashlimit", _): hashlimit(revision, info)
    case ("pkttype", 0):
      info.hostUInt32(0).flatMap(UInt8.init(exactly:)).map {
        .packetType($0, inverted: (info.hostUInt32(4) ?? 0) != 0 ? .inverted : .plain)
      }
    case ("iprange", 1): addressRange(info, family)
    case ("length", 0): length(info)
    case ("comment", _): .always
    case ("ttl", 0), ("hl", 0): hops(info)
    case ("rpfilter", 0): info.byte(0).map { .reversePath(XtablesReversePath(rawValue: $0)) }
    case ("physdev", 0): XtablesBridgePorts(info).map(XtablesMatch.bridgePorts)
    case ("owner", 1): XtablesOwner(info).map(XtablesMatch.owner)
    case ("devgroup", 0): XtablesGroups(info).map(XtablesMatch.groups)
    // `struct xt_helper_info`
    case ("helper", 0): info.hostUInt32(0).map { .expected(inverted: $0 != 0 ? .inverted : .plain) }
    // `struct xt_policy_info`: flags after four elements; XT_POLICY_MATCH_NONE.
    case ("policy", 0): info.hostUInt16(304).map { .security(isAbsent: $0 & 4 != 0) }
    // `struct xt_dscp_info`, `struct xt_tos_match_info`
    case ("dscp", 0): trafficClass(info.byte(0).map { $0 << 2 }, mask: 0xfc, info.byte(1))
    case ("tos", 1): trafficClass(info.byte(1), mask: info.byte(0) ?? 0, info.byte(2))
    case ("statistic", _): .chance
    case ("connlimit", 1): connectionLimit(info)
    // `struct xt_quota_info`: XT_QUOTA_INVERT
    case ("quota", 0): info.hostUInt32(0).map { .limit("quota", inverted: inversion($0, 1)) }
    // `struct xt_string_info`: the inversion is behind the pattern of 128 bytes (XT_STRING_FLAG_INVERT).
    case ("string", 1):
      info.byte(149).map { .unusual("the text of match string", inverted: $0 & 1 != 0 ? .inverted : .plain) }
    // `struct xt_connbytes_info`: less than `from`, which is never 0 in a rule of use.
    case ("connbytes", 0):
      (info.hostUInt32(0) ?? 0) > 1 || info.hostUInt32(4) != 0
        ? .unusual("as many bytes or packets as match connbytes asks for", inverted: .plain) : nil
    // XT_SOCKET_TRANSPARENT
    case ("socket", _): .socket(isTransparent: (info.byte(0) ?? 0) & 1 != 0)
    case ("set", _): set(revision, info)
    case ("tcpmss", 0): segmentSize(info)
    case ("time", 0): XtablesTime(info).map(XtablesMatch.time)
    case ("recent", _): XtablesRecent(info).map(XtablesMatch.recent)
    case ("rt", 0), ("frag", 0), ("hbh", 0), ("dst", 0): family == AddressFamily.ipv6.rawValue ? .never : nil
    default: nil
    }
  }

  private static func inversion(_ flags: UInt32, _ bit: UInt32) -> Inversion {
    flags & bit != 0 ? .inverted : .plain
  }

  private static func ports(_ info: [UInt8], _ offset: Int, _ inverted: Inversion) -> PortsAsked? {
    guard let first = info.hostUInt16(offset), let last = info.hostUInt16(offset + 2) else { return nil }
    // A range that ends before it begins is empty.
    return first <= last
      ? PortsAsked(range: first...last, inverted: inverted)
      : PortsAsked(range: 0...UInt16.max, inverted: inverted == .plain ? .inverted : .plain)
  }

  /// `struct xt_tcp`
  private static func tcp(_ info: [UInt8]) -> XtablesMatch? {
    guard let option = info.byte(8), let mask = info.byte(9), let value = info.byte(10),
      let flags = info.byte(11).map(UInt32.init),
      let source = ports(info, 0, inversion(flags, 1)), let destination = ports(info, 4, inversion(flags, 2))
    else { return nil }
    return .ports(
      source: source, destination: destination,
      flags: mask == 0 && value == 0 && flags & 4 == 0
        ? nil : FlagsAsked(mask: mask, value: value, inverted: inversion(flags, 4)),
      option: option == 0
        ? nil
        : TCPOption.Condition(option: TCPOption(kind: option), sizes: nil, inverted: inversion(flags, 8)))
  }

  /// `struct xt_tcpmss_match_info`
  private static func segmentSize(_ info: [UInt8]) -> XtablesMatch? {
    guard let first = info.hostUInt16(0), let last = info.hostUInt16(2), let invert = info.byte(4),
      first <= last
    else { return nil }
    return .option(
      TCPOption.Condition(
        option: .maximumSegmentSize, sizes: first...last, inverted: invert != 0 ? .inverted : .plain))
  }

  /// `struct xt_udp`
  private static func udp(_ info: [UInt8]) -> XtablesMatch? {
    guard let flags = info.byte(8).map(UInt32.init), let source = ports(info, 0, inversion(flags, 1)),
      let destination = ports(info, 4, inversion(flags, 2))
    else { return nil }
    return .ports(source: source, destination: destination, flags: nil, option: nil)
  }

  /// `struct ipt_icmp`, `struct ip6t_icmp`
  private static func icmp(_ info: [UInt8], anyType: UInt8?) -> XtablesMatch? {
    guard let type = info.byte(0), let first = info.byte(1), let last = info.byte(2),
      let flags = info.byte(3),
      first <= last
    else { return nil }
    return .icmp(
      type: type == anyType ? nil : type, codes: first...last, inverted: inversion(UInt32(flags), 1))
  }

  /// `struct xt_multiport`, `struct xt_multiport_v1`
  private static func multiport(_ info: [UInt8], _ revision: UInt32) -> XtablesMatch? {
    guard let side = info.byte(0).flatMap(PortSide.init(rawValue:)), let count = info.byte(1), count <= 15
    else {
      return nil
    }
    var ranges: [ClosedRange<UInt16>] = []
    var index = 0
    while index < count {
      guard let first = info.hostUInt16(2 + 2 * index) else { return nil }
      var last = first
      if revision == 1, let isRange = info.byte(32 + index), isRange != 0 {
        index += 1
        guard let end = info.hostUInt16(2 + 2 * index) else { return nil }
        last = end
      }
      if first <= last { ranges.append(first...last) }
      index += 1
    }
    return .multiport(
      side: side, ranges, inverted: revision == 1 && (info.byte(47) ?? 0) != 0 ? .inverted : .plain)
  }

  /// `struct xt_mark_mtinfo1`, `struct xt_connmark_mtinfo1`
  private static func mark(_ what: Marked, _ info: [UInt8]) -> XtablesMatch? {
    guard let value = info.hostUInt32(0), let mask = info.hostUInt32(4), let invert = info.byte(8) else {
      return nil
    }
    return .mark(of: what, value: value, mask: mask, inverted: invert != 0 ? .inverted : .plain)
  }

  /// The mode of `struct xt_hashlimit_mtinfo1` … `3`: `XT_HASHLIMIT_INVERT` matches above the rate.
  private static func hashlimit(_ revision: UInt32, _ info: [UInt8]) -> XtablesMatch? {
    guard let mode = info.hostUInt32(revision == 1 ? 16 : 272), (1...3).contains(revision) else { return nil }
    return .limit("hashlimit", inverted: inversion(mode, 16))
  }

  /// `struct xt_iprange_mtinfo`
  private static func addressRange(_ info: [UInt8], _ family: UInt8) -> XtablesMatch? {
    let width = family == 2 ? 4 : 16
    guard let flags = info.byte(64).map(UInt32.init), let sourceFirst = info.bytes(0, width),
      let sourceLast = info.bytes(16, width), let first = info.bytes(32, width),
      let last = info.bytes(48, width)
    else { return nil }
    return .addressRange(
      source: flags & 1 == 0
        ? nil : RangeAsked(first: sourceFirst, last: sourceLast, inverted: inversion(flags, 16)),
      destination: flags & 2 == 0 ? nil : RangeAsked(first: first, last: last, inverted: inversion(flags, 32))
    )
  }

  /// `struct ipt_ttl_info`, `struct ip6t_hl_info`: equal, not equal, less, greater.
  private static func hops(_ info: [UInt8]) -> XtablesMatch? {
    let operations = [NFT.equal, NFT.notEqual, NFT.less, NFT.greater]
    guard let mode = info.byte(0), let count = info.byte(1), mode < 4 else { return nil }
    return .hops(operation: operations[Int(mode)], count)
  }

  private static func trafficClass(_ value: UInt8?, mask: UInt8, _ invert: UInt8?) -> XtablesMatch? {
    guard let value, let invert else { return nil }
    return .trafficClass(value: value, mask: mask, inverted: invert != 0 ? .inverted : .plain)
  }

  /// `struct xt_connlimit_info`: above a number of connections; XT_CONNLIMIT_INVERT means up to it. One connection is above
  /// none.
  private static func connectionLimit(_ info: [UInt8]) -> XtablesMatch? {
    guard let most = info.hostUInt32(16), let flags = info.hostUInt32(20) else { return nil }
    let isUpTo = flags & 1 != 0
    if most == 0 { return isUpTo ? .never : .always }
    return .limit("connlimit \(most)", inverted: isUpTo ? .plain : .inverted)
  }

  /// `struct xt_rateinfo`: one packet every `avg` ten-thousandths of a second (`XT_LIMIT_SCALE`).
  private static func rate(_ info: [UInt8]) -> String {
    guard let every = info.hostUInt32(0), every > 0 else { return "limit" }
    let units: [(UInt32, String)] = [(1, "second"), (60, "minute"), (3600, "hour"), (86400, "day")]
    // The smallest unit that gives a whole number; iptables rounds rates when it writes them.
    let unit = units.first { 10_000 * $0.0 >= every } ?? (86400, "day")
    return "limit \(10_000 * unit.0 / every)/\(unit.1)"
  }

  /// `struct xt_length_info`
  private static func length(_ info: [UInt8]) -> XtablesMatch? {
    guard let first = info.hostUInt16(0), let last = info.hostUInt16(2), let invert = info.byte(4),
      first <= last
    else {
      return nil
    }
    return .length(first...last, inverted: invert != 0 ? .inverted : .plain)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink
public import NetworkModel

/// The connections that the kernel tracks in this thread's network namespace, read by ctnetlink. Needs
/// `CAP_NET_ADMIN` there. Source: `linux/netfilter/nfnetlink_conntrack.h`,
/// `net/netfilter/nf_conntrack_netlink.c`.
public enum Conntrack {
  /// The result of a listing.
  public struct Listing: Sendable, Hashable {
    /// The number of connections that were passed to the closure.
    public var flows = 0
    /// The number of entries that could not be decoded: of a family or format that the headers do not
    /// describe.
    public var unread = 0
    /// False if the kernel reports that the table was resized in the meantime: connections may be missing or
    /// listed twice.
    public var isConsistent = true
  }

  /// Whether this thread's network namespace has no connection, by the kernel's own count. A listing scans a
  /// table of the whole machine (10 ms for 262,144 buckets), and is not needed then. False if the count
  /// cannot be read. Source: `/proc/sys/net/netfilter/nf_conntrack_count`.
  public static var isEmpty: Bool {
    guard let text = try? ProcFile.text("/proc/sys/net/netfilter/nf_conntrack_count") else { return false }
    return text.split(separator: "\n").first == "0"
  }

  /// Passes every connection of both families to `body`, one at a time; nothing is stored. Connections may
  /// start and end during the listing.
  public static func list(_ body: (LiveFlow) -> Void) throws(HostReadError) -> Listing {
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_NETFILTER))
    var listing = Listing()
    // `struct nfgenmsg`: AF_UNSPEC lists both families.
    listing.isConsistent = try netlink.stream(
      "listing connections", type: messageType(Int(CSYS_IPCTNL_MSG_CT_GET)), body: [0, 0, 0, 0]
    ) { (type, payload) throws(HostReadError) in
      guard type == messageType(Int(CSYS_IPCTNL_MSG_CT_NEW)) else { return }
      if let flow = flow(payload.dropFirst(4)) {
        listing.flows += 1
        body(flow)
      } else {
        listing.unread += 1
      }
    }
    return listing
  }

  /// The connection with this reply tuple, of a protocol with ports. The reply tuple is what a server sees of
  /// a connection that was redirected to it by NAT. Nil if there is none. `zone` is the conntrack zone.
  public static func flow(reply: FlowTuple, transport: IPProtocol, zone: UInt16 = 0) throws(HostReadError)
    -> LiveFlow?
  {
    var body: [UInt8] = [reply.source.family.rawValue, 0, 0, 0]
    body += encode(reply, transport, as: CSYS_CTA_TUPLE_REPLY)
    if zone != 0 { body += AttributeReader.encode(Int(CSYS_CTA_ZONE), network(zone)) }
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_NETFILTER))
    do throws(HostReadError) {
      return try netlink.get(
        "looking up a connection", type: messageType(Int(CSYS_IPCTNL_MSG_CT_GET)), body: body
      ) { (type, payload) throws(HostReadError) in
        type == messageType(Int(CSYS_IPCTNL_MSG_CT_NEW)) ? flow(payload.dropFirst(4)) : nil
      }.first
    } catch .refused(_, let errno, _) where errno == ENOENT {
      return nil
    }
  }

  static func messageType(_ number: Int) -> Int { Int(CSYS_NFNL_SUBSYS_CTNETLINK) << 8 | number }

  static func network(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xff)] }

  /// Encodes a tuple as an attribute of this type: `CTA_TUPLE_ORIG` or `CTA_TUPLE_REPLY`.
  static func encode(_ tuple: FlowTuple, _ transport: IPProtocol, as type: some BinaryInteger) -> [UInt8] {
    let isIPv4 = tuple.source.family == .ipv4
    let addresses =
      AttributeReader.encode(
        Int(isIPv4 ? CSYS_CTA_IP_V4_SRC : CSYS_CTA_IP_V6_SRC), tuple.source.bytes)
      + AttributeReader.encode(
        Int(isIPv4 ? CSYS_CTA_IP_V4_DST : CSYS_CTA_IP_V6_DST), tuple.destination.bytes)
    let ports =
      AttributeReader.encode(Int(CSYS_CTA_PROTO_NUM), [transport.number])
      + AttributeReader.encode(Int(CSYS_CTA_PROTO_SRC_PORT), network(tuple.sourcePort))
      + AttributeReader.encode(Int(CSYS_CTA_PROTO_DST_PORT), network(tuple.destinationPort))
    let nested = Int(CSYS_NLA_F_NESTED)
    return AttributeReader.encode(
      Int(type) | nested,
      AttributeReader.encode(Int(CSYS_CTA_TUPLE_IP) | nested, addresses)
        + AttributeReader.encode(Int(CSYS_CTA_TUPLE_PROTO) | nested, ports))
  }

  /// Decodes a connection from an `IPCTNL_MSG_CT_NEW`, without its `struct nfgenmsg`. Nil if a tuple is
  /// missing or is of another family than IPv4 and IPv6. Numbers are in network byte order.
  package static func flow(_ attributes: ArraySlice<UInt8>) -> LiveFlow? {
    var (original, reply): (Tuple?, Tuple?)
    var flow = LiveFlow(
      transport: .tcp, original: Tuple.none, reply: Tuple.none, status: [])
    for (type, value) in AttributeReader(attributes) {
      switch type {
      case Int(CSYS_CTA_TUPLE_ORIG): original = Tuple(value)
      case Int(CSYS_CTA_TUPLE_REPLY): reply = Tuple(value)
      case Int(CSYS_CTA_STATUS):
        flow.status = FlowStatus(rawValue: value.networkNumber(UInt32.self, at: 0) ?? 0)
      case Int(CSYS_CTA_TIMEOUT): flow.timeout = value.networkNumber(UInt32.self, at: 0)
      case Int(CSYS_CTA_MARK): flow.mark = value.networkNumber(UInt32.self, at: 0) ?? 0
      case Int(CSYS_CTA_ZONE): flow.zone = value.networkNumber(UInt16.self, at: 0) ?? 0
      case Int(CSYS_CTA_PROTOINFO): flow.tcpState = tcpState(value)
      case Int(CSYS_CTA_COUNTERS_ORIG), Int(CSYS_CTA_COUNTERS_REPLY):
        var counters = flow.counters ?? FlowCounters()
        let (packets, bytes) = counts(value)
        if type == Int(CSYS_CTA_COUNTERS_ORIG) {
          (counters.originalPackets, counters.originalBytes) = (packets, bytes)
        } else {
          (counters.replyPackets, counters.replyBytes) = (packets, bytes)
        }
        flow.counters = counters
      case Int(CSYS_CTA_TIMESTAMP):
        flow.start = AttributeReader(value).first { $0.type == Int(CSYS_CTA_TIMESTAMP_START) }?.value
          .networkNumber(UInt64.self, at: 0)
        // 0 for a connection that is older than the setting for timestamps.
        if flow.start == 0 { flow.start = nil }
      default: break
      }
    }
    guard let original, let reply, original.transport == reply.transport else { return nil }
    flow.transport = original.transport
    (flow.original, flow.reply, flow.query) = (original.tuple, reply.tuple, original.query)
    return flow
  }

  private static func tcpState(_ value: ArraySlice<UInt8>) -> TCPState? {
    AttributeReader(value).first { $0.type == Int(CSYS_CTA_PROTOINFO_TCP) }.flatMap { found in
      AttributeReader(found.value).first { $0.type == Int(CSYS_CTA_PROTOINFO_TCP_STATE) }
    }?.value.first.flatMap { TCPState(rawValue: $0) }
  }

  private static func counts(_ value: ArraySlice<UInt8>) -> (packets: UInt64, bytes: UInt64) {
    var (packets, bytes): (UInt64, UInt64) = (0, 0)
    for (type, value) in AttributeReader(value) {
      switch type {
      case Int(CSYS_CTA_COUNTERS_PACKETS): packets = value.networkNumber(UInt64.self, at: 0) ?? 0
      case Int(CSYS_CTA_COUNTERS_BYTES): bytes = value.networkNumber(UInt64.self, at: 0) ?? 0
      default: break
      }
    }
    return (packets, bytes)
  }

  /// One direction of a connection. Source: `enum ctattr_tuple`, `enum ctattr_ip`, `enum ctattr_l4proto`.
  private struct Tuple {
    static let none = FlowTuple(
      source: IPAddress(family: .ipv4, bits: 0), destination: IPAddress(family: .ipv4, bits: 0))

    let tuple: FlowTuple
    let transport: IPProtocol
    let query: ICMPQuery?

    init?(_ value: ArraySlice<UInt8>) {
      var (source, destination): (IPAddress?, IPAddress?)
      var transport: IPProtocol?
      var (sourcePort, destinationPort): (UInt16, UInt16) = (0, 0)
      var (icmpType, icmpCode, icmpID): (UInt8?, UInt8, UInt16) = (nil, 0, 0)
      for (part, value) in AttributeReader(value) {
        switch part {
        case Int(CSYS_CTA_TUPLE_IP):
          for (type, value) in AttributeReader(value) {
            switch type {
            case Int(CSYS_CTA_IP_V4_SRC): source = value.address(.ipv4, at: 0)
            case Int(CSYS_CTA_IP_V4_DST): destination = value.address(.ipv4, at: 0)
            case Int(CSYS_CTA_IP_V6_SRC): source = value.address(.ipv6, at: 0)
            case Int(CSYS_CTA_IP_V6_DST): destination = value.address(.ipv6, at: 0)
            default: break
            }
          }
        case Int(CSYS_CTA_TUPLE_PROTO):
          for (type, value) in AttributeReader(value) {
            switch type {
            case Int(CSYS_CTA_PROTO_NUM): transport = value.first.map { IPProtocol(number: $0) }
            case Int(CSYS_CTA_PROTO_SRC_PORT): sourcePort = value.networkNumber(UInt16.self, at: 0) ?? 0
            case Int(CSYS_CTA_PROTO_DST_PORT): destinationPort = value.networkNumber(UInt16.self, at: 0) ?? 0
            case Int(CSYS_CTA_PROTO_ICMP_ID), Int(CSYS_CTA_PROTO_ICMPV6_ID):
              icmpID = value.networkNumber(UInt16.self, at: 0) ?? 0
            case Int(CSYS_CTA_PROTO_ICMP_TYPE), Int(CSYS_CTA_PROTO_ICMPV6_TYPE): icmpType = value.first
            case Int(CSYS_CTA_PROTO_ICMP_CODE), Int(CSYS_CTA_PROTO_ICMPV6_CODE): icmpCode = value.first ?? 0
            default: break
            }
          }
        default: break
        }
      }
      guard let source, let destination, source.family == destination.family, let transport else {
        return nil
      }
      self.transport = transport
      query = icmpType.map { ICMPQuery(type: $0, code: icmpCode, identifier: icmpID) }
      tuple = FlowTuple(
        source: source, destination: destination, sourcePort: transport.hasPorts ? sourcePort : 0,
        destinationPort: transport.hasPorts ? destinationPort : 0)
    }
  }
}

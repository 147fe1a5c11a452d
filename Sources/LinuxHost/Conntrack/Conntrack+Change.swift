// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink
public import NetworkModel

extension Conntrack {
  /// Creates an entry for a connection that is not tracked, with this flow's opener, mark, timeout and TCP state. A TCP
  /// entry does not check sequence numbers (`IP_CT_TCP_FLAG_BE_LIBERAL`), because those of the connection are not known.
  /// Returns false if there is an entry with one of its tuples already. Source: `ctnetlink_new_conntrack` of
  /// `net/netfilter/nf_conntrack_netlink.c`, `nlattr_to_tcp` of `nf_conntrack_proto_tcp.c`.
  public static func create(_ flow: LiveFlow) throws(HostReadError) -> Bool {
    let nested = Int(CSYS_NLA_F_NESTED)
    var body = header(flow) + encode(flow.original, flow.transport, as: CSYS_CTA_TUPLE_ORIG)
    body += encode(flow.reply, flow.transport, as: CSYS_CTA_TUPLE_REPLY)
    body += AttributeReader.encode(Int(CSYS_CTA_STATUS), network(flow.status.rawValue))
    body += AttributeReader.encode(Int(CSYS_CTA_TIMEOUT), network(flow.timeout ?? 0))
    if flow.mark != 0 { body += AttributeReader.encode(Int(CSYS_CTA_MARK), network(flow.mark)) }
    if let state = flow.tcpState {
      // `struct nf_ct_tcp_flags`: the flags, and which of them to set.
      let liberal = [UInt8(CSYS_IP_CT_TCP_FLAG_BE_LIBERAL), UInt8(CSYS_IP_CT_TCP_FLAG_BE_LIBERAL)]
      body += AttributeReader.encode(
        Int(CSYS_CTA_PROTOINFO) | nested,
        AttributeReader.encode(
          Int(CSYS_CTA_PROTOINFO_TCP) | nested,
          AttributeReader.encode(Int(CSYS_CTA_PROTOINFO_TCP_STATE), [state.rawValue])
            + AttributeReader.encode(Int(CSYS_CTA_PROTOINFO_TCP_FLAGS_ORIGINAL), liberal)
            + AttributeReader.encode(Int(CSYS_CTA_PROTOINFO_TCP_FLAGS_REPLY), liberal)))
    }
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_NETFILTER))
    do throws(HostReadError) {
      try netlink.change(
        "creating a connection entry", type: messageType(Int(CSYS_IPCTNL_MSG_CT_NEW)),
        flags: Int(CSYS_NLM_F_CREATE) | Int(CSYS_NLM_F_EXCL), body: body)
      return true
    } catch .refused(_, let errno, _) where errno == EEXIST {
      return false
    }
  }

  /// Deletes the entry of a connection. Returns false if it does not exist any more.
  public static func delete(_ flow: LiveFlow) throws(HostReadError) -> Bool {
    let body = header(flow) + encode(flow.original, flow.transport, as: CSYS_CTA_TUPLE_ORIG)
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_NETFILTER))
    do throws(HostReadError) {
      try netlink.change(
        "deleting a connection entry", type: messageType(Int(CSYS_IPCTNL_MSG_CT_DELETE)), flags: 0, body: body
      )
      return true
    } catch .refused(_, let errno, _) where errno == ENOENT {
      return false
    }
  }

  /// A `struct nfgenmsg`.
  private static func header(_ flow: LiveFlow) -> [UInt8] { [flow.original.source.family.rawValue, 0, 0, 0] }

  private static func network(_ number: UInt32) -> [UInt8] {
    [UInt8(number >> 24), UInt8(number >> 16 & 0xff), UInt8(number >> 8 & 0xff), UInt8(number & 0xff)]
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// Numbers of the kernel's interface, named as in `linux/netfilter/nf_tables.h` and related headers, for the
/// modules that import no C. A test of the kernel module compares those of nf_tables.h with the header. No
/// header has the datatype numbers: what `nft list` prints for the recorded rulesets tests them.
public enum NFT {
  // nft_registers
  /// `NFT_REG_VERDICT`
  public static let registerVerdict: UInt32 = 0
  /// `NFT_REG_1`, the first of 16 bytes.
  public static let register1: UInt32 = 1
  /// `NFT_REG32_00`, the first of 4 bytes: the beginning of `NFT_REG_1`.
  public static let register32First: UInt32 = 8
  /// The register at an offset in bytes from the first, numbered as the kernel does: fields of a
  /// concatenation are in successive registers.
  public static func register(at offset: Int) -> UInt32 {
    offset % 16 == 0 ? register1 + UInt32(offset / 16) : register32First + UInt32(offset / 4)
  }

  // nft_payload_bases
  /// `NFT_PAYLOAD_LL_HEADER`
  public static let payloadLink: UInt32 = 0
  /// `NFT_PAYLOAD_NETWORK_HEADER`
  public static let payloadNetwork: UInt32 = 1
  /// `NFT_PAYLOAD_TRANSPORT_HEADER`
  public static let payloadTransport: UInt32 = 2

  // nft_cmp_ops
  /// `NFT_CMP_EQ`, and `NFT_RANGE_EQ`
  public static let equal: UInt32 = 0
  /// `NFT_CMP_NEQ`, and `NFT_RANGE_NEQ`
  public static let notEqual: UInt32 = 1
  /// `NFT_CMP_LT`
  public static let less: UInt32 = 2
  /// `NFT_CMP_LTE`
  public static let lessOrEqual: UInt32 = 3
  /// `NFT_CMP_GT`
  public static let greater: UInt32 = 4
  /// `NFT_CMP_GTE`
  public static let greaterOrEqual: UInt32 = 5

  // nft_fib_flags
  /// `NFTA_FIB_F_DADDR`
  public static let fibDestination: UInt32 = 2

  // nft_reject_types, nft_reject_inet_code
  /// `NFT_REJECT_ICMP_UNREACH`
  public static let rejectICMP: UInt32 = 0
  /// `NFT_REJECT_TCP_RST`
  public static let rejectReset: UInt32 = 1
  /// `NFT_REJECT_ICMPX_UNREACH`
  public static let rejectICMPX: UInt32 = 2
  /// `NFT_REJECT_ICMPX_ADMIN_PROHIBITED`
  public static let icmpxAdminProhibited: UInt8 = 3

  // nft_set_flags, nft_set_elem_flags
  /// `NFT_SET_ANONYMOUS`
  public static let setAnonymous: UInt32 = 0x1
  /// `NFT_SET_INTERVAL`
  public static let setInterval: UInt32 = 0x4
  /// `NFT_SET_MAP`
  public static let setMap: UInt32 = 0x8
  /// `NFT_SET_TIMEOUT`
  public static let setTimeout: UInt32 = 0x10
  /// `NFT_SET_EVAL`: rules add elements.
  public static let setEvaluated: UInt32 = 0x20
  /// `NFT_SET_OBJECT`
  public static let setObject: UInt32 = 0x40
  /// `NFT_SET_CONCAT`
  public static let setConcatenation: UInt32 = 0x80
  /// `NFT_SET_ELEM_INTERVAL_END`
  public static let elementIntervalEnd: UInt8 = 1
  /// `NFT_SET_ELEM_CATCHALL`
  public static let elementCatchAll: UInt8 = 2
  /// `NFT_DATA_VERDICT`
  public static let dataVerdict: UInt32 = 0xffff_ff00
  /// Bytes of a verdict in a map, as nft declares them.
  public static let dataVerdictLength: UInt32 = 16

  // NFT_OBJECT_…
  /// `NFT_OBJECT_COUNTER`
  public static let objectCounter: UInt32 = 1

  // linux/netfilter.h
  /// `NFPROTO_INET`
  public static let familyInet: UInt8 = 1
  /// `NFPROTO_NETDEV`
  public static let familyNetdev: UInt8 = 5
  /// `NFPROTO_BRIDGE`
  public static let familyBridge: UInt8 = 7
  /// `NF_NETDEV_EGRESS`, the hook after `NF_NETDEV_INGRESS`, which is 0.
  public static let hookNetdevEgress: UInt32 = 1
  /// The table belongs to the socket that made it (`NFT_TABLE_F_OWNER`, Linux 5.12): others cannot change it.
  public static let tableOwner: UInt32 = 0x2
  /// `NFT_TABLE_F_DORMANT`
  public static let tableDormant: UInt32 = 0x1
  /// The table outlives its owner and can then be taken over (`NFT_TABLE_F_PERSIST`, Linux 6.9).
  public static let tablePersist: UInt32 = 0x4
  /// The flags about who owns a table; they do not change what it does.
  public static let tableOwnership = tableOwner | tablePersist
  /// `NF_INET_PRE_ROUTING`
  public static let hookPrerouting: UInt32 = 0
  /// `NF_INET_LOCAL_IN`
  public static let hookInput: UInt32 = 1
  /// `NF_INET_FORWARD`
  public static let hookForward: UInt32 = 2
  /// `NF_INET_LOCAL_OUT`
  public static let hookOutput: UInt32 = 3
  /// `NF_INET_POST_ROUTING`
  public static let hookPostrouting: UInt32 = 4
  /// The names of these hooks in `nft`, by number.
  public static let hookNames = ["prerouting", "input", "forward", "output", "postrouting"]
  /// `NF_INET_INGRESS`
  public static let hookIngress: UInt32 = 5

  // nft's datatype numbers (include/datatype.h of nftables), 6 bits per field in a concatenation.
  /// `TYPE_IPADDR`
  public static let typeIPv4Address: UInt32 = 7
  /// `TYPE_IP6ADDR`
  public static let typeIPv6Address: UInt32 = 8
  /// `TYPE_INET_PROTOCOL`
  public static let typeProtocol: UInt32 = 12
  /// `TYPE_INET_SERVICE`
  public static let typeService: UInt32 = 13
  /// `TYPE_IFNAME`
  public static let typeInterfaceName: UInt32 = 41
  /// `TYPE_FIB_ADDR`
  public static let typeAddressType: UInt32 = 38

  /// NFTNL_UDATA_SET_KEYBYTEORDER, and its values in nftables' include/datatype.h.
  public static let udataSetKeyByteOrder: UInt8 = 0
  /// `NFTNL_UDATA_RULE_COMMENT`, and `NFTNL_UDATA_SET_ELEM_COMMENT`
  public static let udataComment: UInt8 = 0
  /// `BYTEORDER_HOST_ENDIAN`
  public static let byteOrderHost: UInt32 = 1
  /// `BYTEORDER_BIG_ENDIAN`
  public static let byteOrderBig: UInt32 = 2
}

/// States of a connection as a bit set, host order in a register. Source: `NF_CT_STATE_BIT` over `ip_conntrack_info` of
/// `linux/netfilter/nf_conntrack_common.h`.
public struct ConnectionStates: OptionSet, Sendable, Hashable {
  /// The bits, as the kernel has them.
  public let rawValue: UInt32
  /// A set of these bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Belongs to no connection and begins none.
  public static let invalid = ConnectionStates(rawValue: 1)
  /// A connection with packets seen in both directions.
  public static let established = ConnectionStates(rawValue: 2)
  /// An ICMP error about another connection, or a connection that belongs to another one.
  public static let related = ConnectionStates(rawValue: 4)
  /// The first packets of a connection.
  public static let new = ConnectionStates(rawValue: 8)
  /// Conntrack does not track the packet: a rule says so, or conntrack itself decided so.
  public static let untracked = ConnectionStates(rawValue: 64)
}

/// Flags of a connection as a bit set, host order in a register. Source: `ip_conntrack_status`.
public struct ConnectionStatus: OptionSet, Sendable, Hashable {
  /// The bits, as the kernel has them.
  public let rawValue: UInt32
  /// A set of these bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `IPS_SRC_NAT`: the source is translated.
  public static let sourceNAT = ConnectionStatus(rawValue: 1 << 4)
  /// `IPS_DST_NAT`: the destination is translated.
  public static let destinationNAT = ConnectionStatus(rawValue: 1 << 5)
}

/// Which side opened the connection that a packet belongs to. Source: `ip_conntrack_dir`.
public enum ConnectionDirection: UInt8, Sendable, Hashable {
  case original = 0
  case reply = 1
}

/// The type of an address in the routing table: `RTN_…` of `linux/rtnetlink.h`, host order in a register.
public enum AddressType: UInt32, Sendable, Hashable {
  case unicast = 1
  case local = 2
  case broadcast = 3
  case anycast = 4
  case multicast = 5
  case blackhole = 6
  case unreachable = 7
  case prohibit = 8
}

/// The type of a link: `ARPHRD_…` of `linux/if_arp.h`, host order in a register.
public struct LinkType: RawRepresentable, Sendable, Hashable {
  /// The number, as the kernel has it.
  public let rawValue: UInt16
  /// A type of this number.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// `ARPHRD_ETHER`: Ethernet cards, bridges and veth pairs.
  public static let ethernet = LinkType(rawValue: 1)
  /// `ARPHRD_NONE`: a link without a link layer, such as WireGuard and TUN devices.
  public static let linkless = LinkType(rawValue: 0xfffe)
}

/// Bits of the TCP header's flags byte (RFC 9293 section 3.1).
public struct TCPFlags: OptionSet, Sendable, Hashable {
  /// The bits, as the kernel has them.
  public let rawValue: UInt8
  /// A set of these bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// No more data from the sender.
  public static let fin = TCPFlags(rawValue: 1)
  /// Synchronises sequence numbers: the first packet of either side.
  public static let syn = TCPFlags(rawValue: 2)
  /// Resets the connection.
  public static let rst = TCPFlags(rawValue: 4)
  /// Pushes what is buffered to the receiver.
  public static let psh = TCPFlags(rawValue: 8)
  /// The acknowledgement number is valid.
  public static let ack = TCPFlags(rawValue: 16)
  /// The urgent pointer is valid.
  public static let urg = TCPFlags(rawValue: 32)
}

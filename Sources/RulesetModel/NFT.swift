// SPDX-License-Identifier: GPL-3.0-or-later

/// Numbers of the kernel's interface, under the names of `linux/netfilter/nf_tables.h` and its neighbours, for the
/// modules that import no C. A test of the kernel module holds each against the header.
public enum NFT {
  // nft_registers
  public static let registerVerdict: UInt32 = 0
  public static let register1: UInt32 = 1
  public static let register32First: UInt32 = 8
  /// The register at an offset of bytes from the first, as the kernel would name it: fields of a concatenation lie in
  /// successive ones.
  public static func register(at offset: Int) -> UInt32 {
    offset % 16 == 0 ? register1 + UInt32(offset / 16) : register32First + UInt32(offset / 4)
  }

  // nft_meta_keys
  public static let metaMark: UInt32 = 3
  public static let metaInputIndex: UInt32 = 4
  public static let metaOutputIndex: UInt32 = 5
  public static let metaInputName: UInt32 = 6
  public static let metaOutputName: UInt32 = 7
  public static let metaFamily: UInt32 = 15
  public static let metaProtocol: UInt32 = 16

  // nft_payload_bases
  public static let payloadLink: UInt32 = 0
  public static let payloadNetwork: UInt32 = 1
  public static let payloadTransport: UInt32 = 2

  // nft_ct_keys
  public static let ctState: UInt32 = 0
  public static let ctDirection: UInt32 = 1
  public static let ctStatus: UInt32 = 2

  // nft_cmp_ops
  public static let equal: UInt32 = 0
  public static let notEqual: UInt32 = 1
  public static let less: UInt32 = 2
  public static let lessOrEqual: UInt32 = 3
  public static let greater: UInt32 = 4
  public static let greaterOrEqual: UInt32 = 5

  // nft_fib_result, nft_fib_flags
  public static let fibAddressType: UInt32 = 3
  public static let fibDestination: UInt32 = 2

  // nft_reject_types, nft_reject_inet_code
  public static let rejectICMP: UInt32 = 0
  public static let rejectReset: UInt32 = 1
  public static let rejectICMPX: UInt32 = 2
  public static let icmpxAdminProhibited: UInt8 = 3

  // nft_set_flags, nft_set_elem_flags
  public static let setAnonymous: UInt32 = 0x1
  public static let setConstant: UInt32 = 0x2
  public static let setInterval: UInt32 = 0x4
  public static let setMap: UInt32 = 0x8
  public static let setObject: UInt32 = 0x40
  public static let elementIntervalEnd: UInt8 = 1
  public static let elementCatchAll: UInt8 = 2
  public static let dataVerdict: UInt32 = 0xffff_ff00
  /// Bytes of a verdict in a map, as nft declares them.
  public static let dataVerdictLength: UInt32 = 16

  // NFT_OBJECT_…
  public static let objectCounter: UInt32 = 1

  // linux/netfilter.h
  public static let familyInet: UInt8 = 1
  public static let hookPrerouting: UInt32 = 0
  public static let hookInput: UInt32 = 1
  public static let hookForward: UInt32 = 2
  public static let hookOutput: UInt32 = 3
  public static let hookPostrouting: UInt32 = 4

  // nft's datatype numbers (include/datatype.h of nftables), 6 bits a field in a concatenation.
  public static let typeIPv4Address: UInt32 = 7
  public static let typeIPv6Address: UInt32 = 8
  public static let typeProtocol: UInt32 = 12
  public static let typeService: UInt32 = 13
  public static let typeInterfaceName: UInt32 = 41

  /// NFTNL_UDATA_SET_KEYBYTEORDER, and its values in nftables' include/datatype.h.
  public static let udataSetKeyByteOrder: UInt8 = 0
  public static let udataComment: UInt8 = 0
  public static let byteOrderHost: UInt32 = 1
  public static let byteOrderBig: UInt32 = 2
}

/// States of a connection as a bit set, host order in a register. Source: `NF_CT_STATE_BIT` over `ip_conntrack_info` of
/// `linux/netfilter/nf_conntrack_common.h`.
public struct ConnectionStates: OptionSet, Sendable, Hashable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let invalid = ConnectionStates(rawValue: 1)
  public static let established = ConnectionStates(rawValue: 2)
  public static let related = ConnectionStates(rawValue: 4)
  public static let new = ConnectionStates(rawValue: 8)
  public static let untracked = ConnectionStates(rawValue: 64)
}

/// Flags of a connection as a bit set, host order in a register. Source: `ip_conntrack_status`.
public struct ConnectionStatus: OptionSet, Sendable, Hashable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let sourceNAT = ConnectionStatus(rawValue: 1 << 4)
  public static let destinationNAT = ConnectionStatus(rawValue: 1 << 5)
}

/// Which side opened the connection that a packet belongs to. Source: `ip_conntrack_dir`.
public enum ConnectionDirection: UInt8, Sendable, Hashable {
  case original = 0
  case reply = 1
}

/// What the routing table says of an address: `RTN_…` of `linux/rtnetlink.h`, host order in a register.
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

/// Bits of the TCP header's flags byte (RFC 9293 section 3.1).
public struct TCPFlags: OptionSet, Sendable, Hashable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let fin = TCPFlags(rawValue: 1)
  public static let syn = TCPFlags(rawValue: 2)
  public static let rst = TCPFlags(rawValue: 4)
  public static let psh = TCPFlags(rawValue: 8)
  public static let ack = TCPFlags(rawValue: 16)
  public static let urg = TCPFlags(rawValue: 32)
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// Numbers that only tables of other programs use: the walk reads them, wgfence does not write them.
extension NFT {
  // nft_fib_flags
  /// `NFTA_FIB_F_SADDR`
  public static let fibSource: UInt32 = 1
  /// `NFTA_FIB_F_MARK`
  public static let fibMark: UInt32 = 4
  /// `NFTA_FIB_F_IIF`
  public static let fibInput: UInt32 = 8
  /// `NFTA_FIB_F_OIF`
  public static let fibOutput: UInt32 = 16
  /// `NFTA_FIB_F_PRESENT`: the result is only whether there is a route.
  public static let fibPresent: UInt32 = 32

  // NFT_OBJECT_…
  /// `NFT_OBJECT_SYNPROXY`
  public static let objectSynproxy: UInt32 = 10
  /// `NFT_OBJECT_QUOTA`
  public static let objectQuota: UInt32 = 2
  /// `NFT_OBJECT_LIMIT`
  public static let objectLimit: UInt32 = 4
  /// `NFT_OBJECT_CONNLIMIT`
  public static let objectConnectionLimit: UInt32 = 5

  /// `NFT_LIMIT_PKT_BYTES`
  public static let limitOfBytes: UInt32 = 1
  /// `NFT_LIMIT_F_INV`, `NFT_QUOTA_F_INV`, `NFT_CONNLIMIT_F_INV`: matches above the limit, not below.
  public static let limitInverted: UInt32 = 1
  /// `NFT_DYNSET_F_INV`
  public static let dynamicSetInverted: UInt32 = 1
  /// `NFT_DYNSET_OP_UPDATE`
  public static let dynamicSetUpdate: UInt32 = 1
  /// `NFT_DYNSET_OP_DELETE`
  public static let dynamicSetDelete: UInt32 = 2

  /// `NFT_EXTHDR_OP_IPV6`
  public static let extensionIPv6: UInt32 = 0
  /// `NFT_EXTHDR_OP_TCPOPT`
  public static let extensionTCPOption: UInt32 = 1
  /// `NFT_EXTHDR_OP_IPV4`
  public static let extensionIPv4: UInt32 = 2
  /// `NFT_EXTHDR_F_PRESENT`
  public static let extensionPresent: UInt32 = 1

  /// Attributes of expressions that the model stores as raw bytes, named as in `linux/netfilter/nf_tables.h`.
  public enum Attribute {
    /// `NFTA_QUEUE_NUM`: 2 bytes.
    public static let queueNumber: UInt16 = 1
    /// `NFTA_QUEUE_TOTAL`: 2 bytes.
    public static let queueTotal: UInt16 = 2
    /// `NFTA_QUEUE_FLAGS`: 2 bytes.
    public static let queueFlags: UInt16 = 3
    /// `NFTA_LIMIT_RATE`
    public static let limitRate: UInt16 = 1
    /// `NFTA_LIMIT_UNIT`: seconds.
    public static let limitUnit: UInt16 = 2
    /// `NFTA_LIMIT_BURST`
    public static let limitBurst: UInt16 = 3
    /// `NFTA_LIMIT_TYPE`
    public static let limitType: UInt16 = 4
    /// `NFTA_LIMIT_FLAGS`
    public static let limitFlags: UInt16 = 5
    /// `NFTA_QUOTA_BYTES`
    public static let quotaBytes: UInt16 = 1
    /// `NFTA_QUOTA_FLAGS`
    public static let quotaFlags: UInt16 = 2
    /// `NFTA_CONNLIMIT_COUNT`
    public static let connectionLimitCount: UInt16 = 1
    /// `NFTA_CONNLIMIT_FLAGS`
    public static let connectionLimitFlags: UInt16 = 2
    /// `NFTA_PAYLOAD_BASE`
    public static let payloadBase: UInt16 = 2
    /// `NFTA_PAYLOAD_OFFSET`
    public static let payloadOffset: UInt16 = 3
    /// `NFTA_PAYLOAD_LEN`
    public static let payloadLength: UInt16 = 4
    /// `NFTA_PAYLOAD_SREG`
    public static let payloadSource: UInt16 = 5
    /// `NFTA_BITWISE_SREG`
    public static let bitwiseSource: UInt16 = 1
    /// `NFTA_BITWISE_DREG`
    public static let bitwiseDestination: UInt16 = 2
    /// `NFTA_BITWISE_LEN`
    public static let bitwiseLength: UInt16 = 3
    /// `NFTA_BITWISE_OP`
    public static let bitwiseOperation: UInt16 = 6
    /// `NFTA_BITWISE_DATA`
    public static let bitwiseData: UInt16 = 7
    /// `NFTA_MASQ_FLAGS`
    public static let masqueradeFlags: UInt16 = 1
    /// `NFTA_REDIR_FLAGS`
    public static let redirectFlags: UInt16 = 3
    /// `NFTA_BYTEORDER_SREG`
    public static let byteOrderSource: UInt16 = 1
    /// `NFTA_BYTEORDER_DREG`
    public static let byteOrderDestination: UInt16 = 2
    /// `NFTA_BYTEORDER_LEN`
    public static let byteOrderLength: UInt16 = 4
    /// `NFTA_BYTEORDER_SIZE`
    public static let byteOrderSize: UInt16 = 5
    /// `NFTA_NAT_TYPE`: 0 source, 1 destination.
    public static let natType: UInt16 = 1
    /// `NFTA_NAT_FAMILY`
    public static let natFamily: UInt16 = 2
    /// `NFTA_NAT_REG_ADDR_MIN`
    public static let natAddressFirst: UInt16 = 3
    /// `NFTA_NAT_REG_ADDR_MAX`
    public static let natAddressLast: UInt16 = 4
    /// `NFTA_NAT_REG_PROTO_MIN`
    public static let natPortFirst: UInt16 = 5
    /// `NFTA_NAT_REG_PROTO_MAX`
    public static let natPortLast: UInt16 = 6
    /// `NFTA_NAT_FLAGS`
    public static let natFlags: UInt16 = 7
    /// `NFTA_MASQ_REG_PROTO_MIN`
    public static let masqueradePortFirst: UInt16 = 2
    /// `NFTA_MASQ_REG_PROTO_MAX`
    public static let masqueradePortLast: UInt16 = 3
    /// `NFTA_REDIR_REG_PROTO_MIN`
    public static let redirectPortFirst: UInt16 = 1
    /// `NFTA_REDIR_REG_PROTO_MAX`
    public static let redirectPortLast: UInt16 = 2
    /// `NFTA_CT_KEY`
    public static let ctKey: UInt16 = 2
    /// `NFTA_CT_SREG`
    public static let ctSourceRegister: UInt16 = 4
    /// `NFTA_DYNSET_SET_NAME`
    public static let dynamicSetName: UInt16 = 1
    /// `NFTA_DYNSET_OP`
    public static let dynamicSetOperation: UInt16 = 3
    /// `NFTA_DYNSET_SREG_KEY`
    public static let dynamicSetKey: UInt16 = 4
    /// `NFTA_DYNSET_SREG_DATA`
    public static let dynamicSetValue: UInt16 = 5
    /// `NFTA_DYNSET_TIMEOUT`: milliseconds.
    public static let dynamicSetTimeout: UInt16 = 6
    /// `NFTA_DYNSET_EXPR`
    public static let dynamicSetExpression: UInt16 = 7
    /// `NFTA_DYNSET_FLAGS`
    public static let dynamicSetFlags: UInt16 = 9
    /// `NFTA_DYNSET_EXPRESSIONS`
    public static let dynamicSetExpressions: UInt16 = 10
    /// `NFTA_EXTHDR_DREG`
    public static let extensionDestination: UInt16 = 1
    /// `NFTA_EXTHDR_FLAGS`
    public static let extensionFlags: UInt16 = 5
    /// `NFTA_EXTHDR_TYPE`
    public static let extensionType: UInt16 = 2
    /// `NFTA_EXTHDR_OFFSET`
    public static let extensionOffset: UInt16 = 3
    /// `NFTA_EXTHDR_LEN`
    public static let extensionLength: UInt16 = 4
    /// `NFTA_EXTHDR_OP`
    public static let extensionOperation: UInt16 = 6
    /// `NFTA_EXTHDR_SREG`
    public static let extensionSource: UInt16 = 7
    /// `NFTA_HASH_SREG`
    public static let hashSource: UInt16 = 1
    /// `NFTA_HASH_DREG`
    public static let hashDestination: UInt16 = 2
    /// `NFTA_HASH_MODULUS`
    public static let hashModulus: UInt16 = 4
    /// `NFTA_HASH_OFFSET`
    public static let hashOffset: UInt16 = 6
    /// `NFTA_HASH_TYPE`
    public static let hashType: UInt16 = 7
    /// `NFTA_NG_DREG`, `NFTA_RT_DREG`, `NFTA_OSF_DREG`, `NFTA_XFRM_DREG`
    public static let loadDestination: UInt16 = 1
    /// `NFTA_RT_KEY`
    public static let routeKey: UInt16 = 2
    /// `NFTA_NG_MODULUS`
    public static let numberModulus: UInt16 = 2
    /// `NFTA_NG_TYPE`
    public static let numberType: UInt16 = 3
    /// `NFTA_NG_OFFSET`
    public static let numberOffset: UInt16 = 4
    /// `NFTA_SOCKET_KEY`
    public static let socketKey: UInt16 = 1
    /// `NFTA_SOCKET_DREG`, `NFTA_TUNNEL_DREG`
    public static let keyedLoadDestination: UInt16 = 2
    /// `NFTA_DEVICE_PREFIX` (Linux 6.16)
    public static let devicePrefix: UInt16 = 2
    /// `NFTA_EXPR_NAME`
    public static let expressionName: UInt16 = 1
    /// `NFTA_EXPR_DATA`
    public static let expressionData: UInt16 = 2
    /// `NFTA_SET_ELEM_TIMEOUT`
    public static let elementTimeout: UInt16 = 4
    /// `NFTA_SET_ELEM_USERDATA`
    public static let elementUserdata: UInt16 = 6
    /// `NFTA_SET_ELEM_EXPR`
    public static let elementExpression: UInt16 = 7
    /// `NFTA_SET_ELEM_EXPRESSIONS`
    public static let elementExpressions: UInt16 = 11
    /// `NFTA_MATCH_NAME`, `NFTA_TARGET_NAME` of `linux/netfilter/nf_tables_compat.h`
    public static let compatName: UInt16 = 1
    /// `NFTA_MATCH_REV`, `NFTA_TARGET_REV`
    public static let compatRevision: UInt16 = 2
    /// `NFTA_MATCH_INFO`, `NFTA_TARGET_INFO`
    public static let compatInfo: UInt16 = 3
  }

  // nf_nat.h
  /// `NF_NAT_RANGE_MAP_IPS`
  public static let natMapsAddresses: UInt32 = 1
  /// `NF_NAT_RANGE_PROTO_SPECIFIED`
  public static let natMapsPorts: UInt32 = 2
  /// `NF_NAT_RANGE_PROTO_OFFSET`: the walk does not compute its result.
  public static let natComputed: UInt32 = 32
  /// `NF_NAT_RANGE_PROTO_RANDOM_ALL`: the kernel takes any port that is permitted.
  public static let natRandom: UInt32 = 4 | 16
  /// `NF_NAT_RANGE_NETMAP`: the network part of an address is replaced.
  public static let natMapsPrefix: UInt32 = 64

  // nf_ip_hook_priorities
  /// `NF_IP_PRI_CONNTRACK`: connections are known from here on.
  public static let priorityConntrack: Int32 = -200
  /// `NF_IP_PRI_NAT_DST`: where all nat chains of prerouting and output run.
  public static let priorityDestinationNAT: Int32 = -100
  /// `NF_IP_PRI_NAT_SRC`: where all nat chains of input and postrouting run.
  public static let prioritySourceNAT: Int32 = 100
}

extension ConnectionStatus {
  /// `IPS_SEEN_REPLY`: packets were seen in both directions.
  public static let seenReply = ConnectionStatus(rawValue: 1 << 1)
  /// `IPS_CONFIRMED`: its first packet has left the host's hooks.
  public static let confirmed = ConnectionStatus(rawValue: 1 << 3)
}

// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import Ruleset
import Testing

@Suite("The numeric constants of the pure modules")
struct HeaderConstantTests {
  @Test("the constants for wgfence's table equal those of linux/netfilter/nf_tables.h")
  func areTheHeaders() {
    let pairs: [(String, Int, Int)] = [
      ("NFT_REG_VERDICT", Int(NFT.registerVerdict), Int(NFT_REG_VERDICT.rawValue)),
      ("NFT_REG_1", Int(NFT.register1), Int(NFT_REG_1.rawValue)),
      ("NFT_REG32_00", Int(NFT.register32First), Int(NFT_REG32_00.rawValue)),
      ("NFT_PAYLOAD_LL_HEADER", Int(NFT.payloadLink), Int(NFT_PAYLOAD_LL_HEADER.rawValue)),
      ("NFT_PAYLOAD_NETWORK_HEADER", Int(NFT.payloadNetwork), Int(NFT_PAYLOAD_NETWORK_HEADER.rawValue)),
      ("NFT_PAYLOAD_TRANSPORT_HEADER", Int(NFT.payloadTransport), Int(NFT_PAYLOAD_TRANSPORT_HEADER.rawValue)),
      ("NFT_CMP_EQ", Int(NFT.equal), Int(NFT_CMP_EQ.rawValue)),
      ("NFT_CMP_NEQ", Int(NFT.notEqual), Int(NFT_CMP_NEQ.rawValue)),
      ("NFT_CMP_LT", Int(NFT.less), Int(NFT_CMP_LT.rawValue)),
      ("NFT_CMP_LTE", Int(NFT.lessOrEqual), Int(NFT_CMP_LTE.rawValue)),
      ("NFT_CMP_GT", Int(NFT.greater), Int(NFT_CMP_GT.rawValue)),
      ("NFT_CMP_GTE", Int(NFT.greaterOrEqual), Int(NFT_CMP_GTE.rawValue)),
      ("NFTA_FIB_F_DADDR", Int(NFT.fibDestination), Int(NFTA_FIB_F_DADDR.rawValue)),
      ("NFT_REJECT_ICMP_UNREACH", Int(NFT.rejectICMP), Int(NFT_REJECT_ICMP_UNREACH.rawValue)),
      ("NFT_REJECT_TCP_RST", Int(NFT.rejectReset), Int(NFT_REJECT_TCP_RST.rawValue)),
      ("NFT_REJECT_ICMPX_UNREACH", Int(NFT.rejectICMPX), Int(NFT_REJECT_ICMPX_UNREACH.rawValue)),
      (
        "NFT_REJECT_ICMPX_ADMIN_PROHIBITED", Int(NFT.icmpxAdminProhibited),
        Int(NFT_REJECT_ICMPX_ADMIN_PROHIBITED.rawValue)
      ),
      ("NFT_SET_ANONYMOUS", Int(NFT.setAnonymous), Int(NFT_SET_ANONYMOUS.rawValue)),
      ("NFT_SET_INTERVAL", Int(NFT.setInterval), Int(NFT_SET_INTERVAL.rawValue)),
      ("NFT_SET_TIMEOUT", Int(NFT.setTimeout), Int(NFT_SET_TIMEOUT.rawValue)),
      ("NFT_SET_CONCAT", Int(NFT.setConcatenation), Int(NFT_SET_CONCAT.rawValue)),
      ("NFT_SET_MAP", Int(NFT.setMap), Int(NFT_SET_MAP.rawValue)),
      ("NFT_SET_OBJECT", Int(NFT.setObject), Int(NFT_SET_OBJECT.rawValue)),
      ("NFT_SET_ELEM_INTERVAL_END", Int(NFT.elementIntervalEnd), Int(NFT_SET_ELEM_INTERVAL_END.rawValue)),
      ("NFT_DATA_VERDICT", Int(NFT.dataVerdict), Int(NFT_DATA_VERDICT.rawValue)),
      ("NFT_OBJECT_COUNTER", Int(NFT.objectCounter), Int(NFT_OBJECT_COUNTER)),
    ]
    for (name, own, header) in pairs { #expect(own == header, "\(name)") }
  }

  @Test("the constants for foreign tables equal those of linux/netfilter/nf_tables.h")
  func areTheHeadersForeign() {
    let pairs: [(String, Int, Int)] = [
      ("NFTA_FIB_F_SADDR", Int(NFT.fibSource), Int(NFTA_FIB_F_SADDR.rawValue)),
      ("NFTA_FIB_F_MARK", Int(NFT.fibMark), Int(NFTA_FIB_F_MARK.rawValue)),
      ("NFTA_FIB_F_IIF", Int(NFT.fibInput), Int(NFTA_FIB_F_IIF.rawValue)),
      ("NFTA_FIB_F_OIF", Int(NFT.fibOutput), Int(NFTA_FIB_F_OIF.rawValue)),
      ("NFTA_FIB_F_PRESENT", Int(NFT.fibPresent), Int(NFTA_FIB_F_PRESENT.rawValue)),
      ("NFT_OBJECT_QUOTA", Int(NFT.objectQuota), Int(NFT_OBJECT_QUOTA)),
      ("NFT_OBJECT_LIMIT", Int(NFT.objectLimit), Int(NFT_OBJECT_LIMIT)),
      ("NFT_OBJECT_CONNLIMIT", Int(NFT.objectConnectionLimit), Int(NFT_OBJECT_CONNLIMIT)),
      ("NFT_OBJECT_SYNPROXY", Int(NFT.objectSynproxy), Int(NFT_OBJECT_SYNPROXY)),
      ("NFT_LIMIT_PKT_BYTES", Int(NFT.limitOfBytes), Int(NFT_LIMIT_PKT_BYTES.rawValue)),
      ("NFTA_PAYLOAD_BASE", Int(NFT.Attribute.payloadBase), Int(NFTA_PAYLOAD_BASE.rawValue)),
      ("NFTA_PAYLOAD_OFFSET", Int(NFT.Attribute.payloadOffset), Int(NFTA_PAYLOAD_OFFSET.rawValue)),
      ("NFTA_PAYLOAD_LEN", Int(NFT.Attribute.payloadLength), Int(NFTA_PAYLOAD_LEN.rawValue)),
      ("NFTA_PAYLOAD_SREG", Int(NFT.Attribute.payloadSource), Int(NFTA_PAYLOAD_SREG.rawValue)),
      ("NFTA_BITWISE_SREG", Int(NFT.Attribute.bitwiseSource), Int(NFTA_BITWISE_SREG.rawValue)),
      ("NFTA_BITWISE_DREG", Int(NFT.Attribute.bitwiseDestination), Int(NFTA_BITWISE_DREG.rawValue)),
      ("NFTA_MASQ_FLAGS", Int(NFT.Attribute.masqueradeFlags), Int(NFTA_MASQ_FLAGS.rawValue)),
      ("NFTA_REDIR_FLAGS", Int(NFT.Attribute.redirectFlags), Int(NFTA_REDIR_FLAGS.rawValue)),
      ("NFT_LIMIT_F_INV", Int(NFT.limitInverted), Int(NFT_LIMIT_F_INV.rawValue)),
      ("NFT_DYNSET_F_INV", Int(NFT.dynamicSetInverted), Int(NFT_DYNSET_F_INV.rawValue)),
      ("NFT_DYNSET_OP_DELETE", Int(NFT.dynamicSetDelete), Int(NFT_DYNSET_OP_DELETE.rawValue)),
      ("NFTA_LIMIT_FLAGS", Int(NFT.Attribute.limitFlags), Int(NFTA_LIMIT_FLAGS.rawValue)),
      ("NFTA_LIMIT_RATE", Int(NFT.Attribute.limitRate), Int(NFTA_LIMIT_RATE.rawValue)),
      ("NFTA_LIMIT_UNIT", Int(NFT.Attribute.limitUnit), Int(NFTA_LIMIT_UNIT.rawValue)),
      ("NFTA_QUOTA_BYTES", Int(NFT.Attribute.quotaBytes), Int(NFTA_QUOTA_BYTES.rawValue)),
      ("NFTA_QUOTA_FLAGS", Int(NFT.Attribute.quotaFlags), Int(NFTA_QUOTA_FLAGS.rawValue)),
      ("NFTA_CONNLIMIT_COUNT", Int(NFT.Attribute.connectionLimitCount), Int(NFTA_CONNLIMIT_COUNT.rawValue)),
      ("NFTA_CONNLIMIT_FLAGS", Int(NFT.Attribute.connectionLimitFlags), Int(NFTA_CONNLIMIT_FLAGS.rawValue)),
      ("NFTA_BYTEORDER_SREG", Int(NFT.Attribute.byteOrderSource), Int(NFTA_BYTEORDER_SREG.rawValue)),
      ("NFTA_BYTEORDER_DREG", Int(NFT.Attribute.byteOrderDestination), Int(NFTA_BYTEORDER_DREG.rawValue)),
      ("NFTA_BYTEORDER_LEN", Int(NFT.Attribute.byteOrderLength), Int(NFTA_BYTEORDER_LEN.rawValue)),
      ("NFTA_BYTEORDER_SIZE", Int(NFT.Attribute.byteOrderSize), Int(NFTA_BYTEORDER_SIZE.rawValue)),
      ("NFTA_NAT_TYPE", Int(NFT.Attribute.natType), Int(NFTA_NAT_TYPE.rawValue)),
      ("NFTA_NAT_FAMILY", Int(NFT.Attribute.natFamily), Int(NFTA_NAT_FAMILY.rawValue)),
      ("NFTA_NAT_REG_ADDR_MIN", Int(NFT.Attribute.natAddressFirst), Int(NFTA_NAT_REG_ADDR_MIN.rawValue)),
      ("NFTA_NAT_REG_ADDR_MAX", Int(NFT.Attribute.natAddressLast), Int(NFTA_NAT_REG_ADDR_MAX.rawValue)),
      ("NFTA_NAT_REG_PROTO_MIN", Int(NFT.Attribute.natPortFirst), Int(NFTA_NAT_REG_PROTO_MIN.rawValue)),
      ("NFTA_NAT_REG_PROTO_MAX", Int(NFT.Attribute.natPortLast), Int(NFTA_NAT_REG_PROTO_MAX.rawValue)),
      ("NFTA_NAT_FLAGS", Int(NFT.Attribute.natFlags), Int(NFTA_NAT_FLAGS.rawValue)),
      (
        "NFTA_MASQ_REG_PROTO_MIN", Int(NFT.Attribute.masqueradePortFirst),
        Int(NFTA_MASQ_REG_PROTO_MIN.rawValue)
      ),
      (
        "NFTA_MASQ_REG_PROTO_MAX", Int(NFT.Attribute.masqueradePortLast),
        Int(NFTA_MASQ_REG_PROTO_MAX.rawValue)
      ),
      (
        "NFTA_REDIR_REG_PROTO_MIN", Int(NFT.Attribute.redirectPortFirst),
        Int(NFTA_REDIR_REG_PROTO_MIN.rawValue)
      ),
      (
        "NFTA_REDIR_REG_PROTO_MAX", Int(NFT.Attribute.redirectPortLast),
        Int(NFTA_REDIR_REG_PROTO_MAX.rawValue)
      ),
      ("NFTA_CT_KEY", Int(NFT.Attribute.ctKey), Int(NFTA_CT_KEY.rawValue)),
      ("NFTA_CT_SREG", Int(NFT.Attribute.ctSourceRegister), Int(NFTA_CT_SREG.rawValue)),
      ("NFTA_DYNSET_SET_NAME", Int(NFT.Attribute.dynamicSetName), Int(NFTA_DYNSET_SET_NAME.rawValue)),
      ("NFTA_DYNSET_OP", Int(NFT.Attribute.dynamicSetOperation), Int(NFTA_DYNSET_OP.rawValue)),
      ("NFTA_DYNSET_SREG_KEY", Int(NFT.Attribute.dynamicSetKey), Int(NFTA_DYNSET_SREG_KEY.rawValue)),
      ("NFTA_DYNSET_SREG_DATA", Int(NFT.Attribute.dynamicSetValue), Int(NFTA_DYNSET_SREG_DATA.rawValue)),
      ("NFTA_HASH_SREG", Int(NFT.Attribute.hashSource), Int(NFTA_HASH_SREG.rawValue)),
      ("NFTA_HASH_DREG", Int(NFT.Attribute.hashDestination), Int(NFTA_HASH_DREG.rawValue)),
      ("NFTA_NG_DREG", Int(NFT.Attribute.loadDestination), Int(NFTA_NG_DREG.rawValue)),
      ("NFTA_RT_DREG", Int(NFT.Attribute.loadDestination), Int(NFTA_RT_DREG.rawValue)),
      ("NFTA_OSF_DREG", Int(NFT.Attribute.loadDestination), Int(NFTA_OSF_DREG.rawValue)),
      ("NFTA_XFRM_DREG", Int(NFT.Attribute.loadDestination), Int(NFTA_XFRM_DREG.rawValue)),
      ("NFTA_SOCKET_DREG", Int(NFT.Attribute.keyedLoadDestination), Int(NFTA_SOCKET_DREG.rawValue)),
      ("NFTA_TUNNEL_DREG", Int(NFT.Attribute.keyedLoadDestination), Int(NFTA_TUNNEL_DREG.rawValue)),
      ("NFTA_DYNSET_EXPR", Int(NFT.Attribute.dynamicSetExpression), Int(NFTA_DYNSET_EXPR.rawValue)),
      ("NFTA_DYNSET_FLAGS", Int(NFT.Attribute.dynamicSetFlags), Int(NFTA_DYNSET_FLAGS.rawValue)),
      (
        "NFTA_DYNSET_EXPRESSIONS", Int(NFT.Attribute.dynamicSetExpressions),
        Int(NFTA_DYNSET_EXPRESSIONS.rawValue)
      ),
      ("NFT_EXTHDR_OP_IPV6", Int(NFT.extensionIPv6), Int(NFT_EXTHDR_OP_IPV6.rawValue)),
      ("NFT_EXTHDR_F_PRESENT", Int(NFT.extensionPresent), Int(NFT_EXTHDR_F_PRESENT.rawValue)),
      ("NFTA_EXTHDR_DREG", Int(NFT.Attribute.extensionDestination), Int(NFTA_EXTHDR_DREG.rawValue)),
      ("NFTA_EXTHDR_FLAGS", Int(NFT.Attribute.extensionFlags), Int(NFTA_EXTHDR_FLAGS.rawValue)),
      ("NFTA_EXTHDR_OP", Int(NFT.Attribute.extensionOperation), Int(NFTA_EXTHDR_OP.rawValue)),
      ("NFTA_EXTHDR_SREG", Int(NFT.Attribute.extensionSource), Int(NFTA_EXTHDR_SREG.rawValue)),
      ("NFTA_EXPR_NAME", Int(NFT.Attribute.expressionName), Int(NFTA_EXPR_NAME.rawValue)),
      ("NFTA_EXPR_DATA", Int(NFT.Attribute.expressionData), Int(NFTA_EXPR_DATA.rawValue)),
      (
        "NFTA_SET_ELEM_TIMEOUT", Int(NFT.Attribute.elementTimeout), Int(NFTA_SET_ELEM_TIMEOUT.rawValue)
      ),
      (
        "NFTA_SET_ELEM_USERDATA", Int(NFT.Attribute.elementUserdata), Int(NFTA_SET_ELEM_USERDATA.rawValue)
      ),
      ("NFTA_SET_ELEM_EXPR", Int(NFT.Attribute.elementExpression), Int(NFTA_SET_ELEM_EXPR.rawValue)),
      (
        "NFTA_SET_ELEM_EXPRESSIONS", Int(NFT.Attribute.elementExpressions),
        Int(NFTA_SET_ELEM_EXPRESSIONS.rawValue)
      ),
    ]
    for (name, own, header) in pairs { #expect(own == header, "\(name)") }
  }

  @Test("each field of the catalogue has its number in linux/netfilter/nf_tables.h")
  func areTheHeadersFields() {
    for key in MetaKey.allCases { #expect(key.rawValue == Self.header(key).rawValue, "\(key)") }
    for key in ConnectionKey.allCases { #expect(key.rawValue == Self.header(key).rawValue, "\(key)") }
    for result in RouteResult.allCases {
      #expect(result.rawValue == Self.header(result).rawValue, "\(result)")
    }
  }

  private static func header(_ key: MetaKey) -> nft_meta_keys {
    switch key {
    case .length: NFT_META_LEN
    case .etherType: NFT_META_PROTOCOL
    case .mark: NFT_META_MARK
    case .inputIndex: NFT_META_IIF
    case .outputIndex: NFT_META_OIF
    case .inputName: NFT_META_IIFNAME
    case .outputName: NFT_META_OIFNAME
    case .inputType: NFT_META_IFTYPE
    case .outputType: NFT_META_OIFTYPE
    case .user: NFT_META_SKUID
    case .group: NFT_META_SKGID
    case .security: NFT_META_SECPATH
    case .family: NFT_META_NFPROTO
    case .transport: NFT_META_L4PROTO
    case .packetType: NFT_META_PKTTYPE
    case .inputGroup: NFT_META_IIFGROUP
    case .outputGroup: NFT_META_OIFGROUP
    case .controlGroup: NFT_META_CGROUP
    case .priority: NFT_META_PRIORITY
    case .realm: NFT_META_RTCLASSID
    case .inputBridge: NFT_META_BRI_IIFNAME
    case .outputBridge: NFT_META_BRI_OIFNAME
    case .processor: NFT_META_CPU
    case .random: NFT_META_PRANDOM
    case .inputKind: NFT_META_IIFKIND
    case .outputKind: NFT_META_OIFKIND
    case .time: NFT_META_TIME_NS
    case .day: NFT_META_TIME_DAY
    case .hour: NFT_META_TIME_HOUR
    }
  }

  private static func header(_ key: ConnectionKey) -> nft_ct_keys {
    switch key {
    case .state: NFT_CT_STATE
    case .direction: NFT_CT_DIRECTION
    case .status: NFT_CT_STATUS
    case .mark: NFT_CT_MARK
    case .family: NFT_CT_L3PROTOCOL
    case .source: NFT_CT_SRC
    case .destination: NFT_CT_DST
    case .transport: NFT_CT_PROTOCOL
    case .sourcePort: NFT_CT_PROTO_SRC
    case .destinationPort: NFT_CT_PROTO_DST
    case .expiration: NFT_CT_EXPIRATION
    case .helper: NFT_CT_HELPER
    case .labels: NFT_CT_LABELS
    case .packets: NFT_CT_PKTS
    case .bytes: NFT_CT_BYTES
    case .average: NFT_CT_AVGPKT
    case .identifier: NFT_CT_ID
    case .zone: NFT_CT_ZONE
    case .ipv4Source: NFT_CT_SRC_IP
    case .ipv4Destination: NFT_CT_DST_IP
    case .ipv6Source: NFT_CT_SRC_IP6
    case .ipv6Destination: NFT_CT_DST_IP6
    }
  }

  private static func header(_ result: RouteResult) -> nft_fib_result {
    switch result {
    case .outputIndex: NFT_FIB_RESULT_OIF
    case .outputName: NFT_FIB_RESULT_OIFNAME
    case .addressType: NFT_FIB_RESULT_ADDRTYPE
    }
  }
}

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
      ("NFT_META_IIFNAME", Int(NFT.metaInputName), Int(NFT_META_IIFNAME.rawValue)),
      ("NFT_META_OIFNAME", Int(NFT.metaOutputName), Int(NFT_META_OIFNAME.rawValue)),
      ("NFT_META_NFPROTO", Int(NFT.metaFamily), Int(NFT_META_NFPROTO.rawValue)),
      ("NFT_META_L4PROTO", Int(NFT.metaProtocol), Int(NFT_META_L4PROTO.rawValue)),
      ("NFT_PAYLOAD_NETWORK_HEADER", Int(NFT.payloadNetwork), Int(NFT_PAYLOAD_NETWORK_HEADER.rawValue)),
      ("NFT_PAYLOAD_TRANSPORT_HEADER", Int(NFT.payloadTransport), Int(NFT_PAYLOAD_TRANSPORT_HEADER.rawValue)),
      ("NFT_CT_STATE", Int(NFT.ctState), Int(NFT_CT_STATE.rawValue)),
      ("NFT_CT_DIRECTION", Int(NFT.ctDirection), Int(NFT_CT_DIRECTION.rawValue)),
      ("NFT_CT_STATUS", Int(NFT.ctStatus), Int(NFT_CT_STATUS.rawValue)),
      ("NFT_CMP_EQ", Int(NFT.equal), Int(NFT_CMP_EQ.rawValue)),
      ("NFT_CMP_NEQ", Int(NFT.notEqual), Int(NFT_CMP_NEQ.rawValue)),
      ("NFT_CMP_LT", Int(NFT.less), Int(NFT_CMP_LT.rawValue)),
      ("NFT_CMP_LTE", Int(NFT.lessOrEqual), Int(NFT_CMP_LTE.rawValue)),
      ("NFT_CMP_GT", Int(NFT.greater), Int(NFT_CMP_GT.rawValue)),
      ("NFT_CMP_GTE", Int(NFT.greaterOrEqual), Int(NFT_CMP_GTE.rawValue)),
      ("NFT_FIB_RESULT_ADDRTYPE", Int(NFT.fibAddressType), Int(NFT_FIB_RESULT_ADDRTYPE.rawValue)),
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
      ("NFT_META_LEN", Int(NFT.metaLength), Int(NFT_META_LEN.rawValue)),
      ("NFT_META_PROTOCOL", Int(NFT.metaEtherType), Int(NFT_META_PROTOCOL.rawValue)),
      ("NFT_META_MARK", Int(NFT.metaMark), Int(NFT_META_MARK.rawValue)),
      ("NFT_META_IIF", Int(NFT.metaInputIndex), Int(NFT_META_IIF.rawValue)),
      ("NFT_META_OIF", Int(NFT.metaOutputIndex), Int(NFT_META_OIF.rawValue)),
      ("NFT_META_IIFTYPE", Int(NFT.metaInputType), Int(NFT_META_IFTYPE.rawValue)),
      ("NFT_META_OIFTYPE", Int(NFT.metaOutputType), Int(NFT_META_OIFTYPE.rawValue)),
      ("NFT_META_SKUID", Int(NFT.metaUser), Int(NFT_META_SKUID.rawValue)),
      ("NFT_META_SKGID", Int(NFT.metaGroup), Int(NFT_META_SKGID.rawValue)),
      ("NFT_META_PKTTYPE", Int(NFT.metaPacketType), Int(NFT_META_PKTTYPE.rawValue)),
      ("NFT_META_IIFGROUP", Int(NFT.metaInputGroup), Int(NFT_META_IIFGROUP.rawValue)),
      ("NFT_META_OIFGROUP", Int(NFT.metaOutputGroup), Int(NFT_META_OIFGROUP.rawValue)),
      ("NFT_META_CGROUP", Int(NFT.metaControlGroup), Int(NFT_META_CGROUP.rawValue)),
      ("NFT_CT_MARK", Int(NFT.ctMark), Int(NFT_CT_MARK.rawValue)),
      ("NFT_CT_L3PROTOCOL", Int(NFT.ctFamily), Int(NFT_CT_L3PROTOCOL.rawValue)),
      ("NFT_CT_SRC", Int(NFT.ctSource), Int(NFT_CT_SRC.rawValue)),
      ("NFT_CT_DST", Int(NFT.ctDestination), Int(NFT_CT_DST.rawValue)),
      ("NFT_CT_PROTOCOL", Int(NFT.ctProtocol), Int(NFT_CT_PROTOCOL.rawValue)),
      ("NFT_CT_PROTO_SRC", Int(NFT.ctSourcePort), Int(NFT_CT_PROTO_SRC.rawValue)),
      ("NFT_CT_PROTO_DST", Int(NFT.ctDestinationPort), Int(NFT_CT_PROTO_DST.rawValue)),
      ("NFT_CT_ZONE", Int(NFT.ctZone), Int(NFT_CT_ZONE.rawValue)),
      ("NFT_CT_SRC_IP", Int(NFT.ctSourceIPv4), Int(NFT_CT_SRC_IP.rawValue)),
      ("NFT_CT_DST_IP", Int(NFT.ctDestinationIPv4), Int(NFT_CT_DST_IP.rawValue)),
      ("NFT_CT_SRC_IP6", Int(NFT.ctSourceIPv6), Int(NFT_CT_SRC_IP6.rawValue)),
      ("NFT_CT_DST_IP6", Int(NFT.ctDestinationIPv6), Int(NFT_CT_DST_IP6.rawValue)),
      ("NFT_FIB_RESULT_OIF", Int(NFT.fibOutputIndex), Int(NFT_FIB_RESULT_OIF.rawValue)),
      ("NFT_FIB_RESULT_OIFNAME", Int(NFT.fibOutputName), Int(NFT_FIB_RESULT_OIFNAME.rawValue)),
      ("NFTA_FIB_F_SADDR", Int(NFT.fibSource), Int(NFTA_FIB_F_SADDR.rawValue)),
      ("NFTA_FIB_F_MARK", Int(NFT.fibMark), Int(NFTA_FIB_F_MARK.rawValue)),
      ("NFTA_FIB_F_IIF", Int(NFT.fibInput), Int(NFTA_FIB_F_IIF.rawValue)),
      ("NFTA_FIB_F_OIF", Int(NFT.fibOutput), Int(NFTA_FIB_F_OIF.rawValue)),
      ("NFTA_FIB_F_PRESENT", Int(NFT.fibPresent), Int(NFTA_FIB_F_PRESENT.rawValue)),
      ("NFT_OBJECT_QUOTA", Int(NFT.objectQuota), Int(NFT_OBJECT_QUOTA)),
      ("NFT_OBJECT_LIMIT", Int(NFT.objectLimit), Int(NFT_OBJECT_LIMIT)),
      ("NFT_OBJECT_CONNLIMIT", Int(NFT.objectConnectionLimit), Int(NFT_OBJECT_CONNLIMIT)),
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
      ("NFTA_MASQ_REG_PROTO_MIN", Int(NFT.Attribute.masqueradePort), Int(NFTA_MASQ_REG_PROTO_MIN.rawValue)),
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
}

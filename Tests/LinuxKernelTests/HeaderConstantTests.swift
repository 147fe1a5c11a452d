// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import RulesetModel
import Testing

@Suite("The numbers that the pure modules write out")
struct HeaderConstantTests {
  @Test("are those of linux/netfilter/nf_tables.h")
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
      ("NFT_SET_MAP", Int(NFT.setMap), Int(NFT_SET_MAP.rawValue)),
      ("NFT_SET_OBJECT", Int(NFT.setObject), Int(NFT_SET_OBJECT.rawValue)),
      ("NFT_SET_ELEM_INTERVAL_END", Int(NFT.elementIntervalEnd), Int(NFT_SET_ELEM_INTERVAL_END.rawValue)),
      ("NFT_DATA_VERDICT", Int(NFT.dataVerdict), Int(NFT_DATA_VERDICT.rawValue)),
      ("NFT_OBJECT_COUNTER", Int(NFT.objectCounter), Int(NFT_OBJECT_COUNTER)),
    ]
    for (name, own, header) in pairs { #expect(own == header, "\(name)") }
  }
}

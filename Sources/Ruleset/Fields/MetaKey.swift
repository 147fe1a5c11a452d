// SPDX-License-Identifier: GPL-3.0-or-later

/// A property of a packet or of its interfaces that `meta` loads. The numbers are `nft_meta_keys` of
/// `linux/netfilter/nf_tables.h`.
package enum MetaKey: UInt32, Sendable, CaseIterable {
  /// `NFT_META_LEN`
  case length = 0
  /// `NFT_META_PROTOCOL`: the EtherType.
  case etherType = 1
  /// `NFT_META_MARK`
  case mark = 3
  /// `NFT_META_IIF`
  case inputIndex = 4
  /// `NFT_META_OIF`
  case outputIndex = 5
  /// `NFT_META_IIFNAME`
  case inputName = 6
  /// `NFT_META_OIFNAME`
  case outputName = 7
  /// `NFT_META_IIFTYPE`: `ARPHRD_…`
  case inputType = 8
  /// `NFT_META_OIFTYPE`
  case outputType = 9
  /// `NFT_META_SKUID`
  case user = 10
  /// `NFT_META_SKGID`
  case group = 11
  /// `NFT_META_NFPROTO`
  case family = 15
  /// `NFT_META_L4PROTO`
  case transport = 16
  /// `NFT_META_PKTTYPE`
  case packetType = 19
  /// `NFT_META_IIFGROUP`
  case inputGroup = 21
  /// `NFT_META_OIFGROUP`
  case outputGroup = 22
  /// `NFT_META_CGROUP`
  case controlGroup = 23
  /// `NFT_META_SECPATH`: whether the packet came out of IPsec.
  case security = 25

  /// Its form in a register. Source: `nft_meta_get_eval` of `net/netfilter/nft_meta.c`.
  var form: FieldForm {
    switch self {
    case .length: FieldForm("meta length", 4, .host)
    case .etherType: FieldForm("meta protocol", 2, .network, .hex)
    case .mark: FieldForm("meta mark", 4, .host)
    case .inputIndex: FieldForm("iif", 4, .host)
    case .outputIndex: FieldForm("oif", 4, .host)
    case .inputName: FieldForm("iifname", 16, .network, .name)
    case .outputName: FieldForm("oifname", 16, .network, .name)
    case .inputType: FieldForm("iiftype", 2, .host)
    case .outputType: FieldForm("oiftype", 2, .host)
    case .user: FieldForm("meta skuid", 4, .host)
    case .group: FieldForm("meta skgid", 4, .host)
    case .security: FieldForm("meta ipsec", 1, .network)
    case .family: FieldForm("meta nfproto", 1, .network, .family)
    case .transport: FieldForm("meta l4proto", 1, .network, .transport)
    case .packetType: FieldForm("meta pkttype", 1, .network)
    case .inputGroup: FieldForm("iifgroup", 4, .host)
    case .outputGroup: FieldForm("oifgroup", 4, .host)
    case .controlGroup: FieldForm("meta cgroup", 4, .host)
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// A property of a packet or of its interfaces that `meta` loads. The numbers are `nft_meta_keys` of
/// `linux/netfilter/nf_tables.h`.
package enum MetaKey: UInt32, Sendable, CaseIterable {
  /// `NFT_META_LEN`
  case length = 0
  /// `NFT_META_PROTOCOL`: the EtherType.
  case etherType = 1
  /// `NFT_META_PRIORITY`: the class for traffic control.
  case priority = 2
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
  /// `NFT_META_RTCLASSID`: the realm of the route.
  case realm = 13
  /// `NFT_META_NFPROTO`
  case family = 15
  /// `NFT_META_L4PROTO`
  case transport = 16
  /// `NFT_META_BRI_IIFNAME`: the bridge of the input port.
  case inputBridge = 17
  /// `NFT_META_BRI_OIFNAME`: the bridge of the output port.
  case outputBridge = 18
  /// `NFT_META_PKTTYPE`
  case packetType = 19
  /// `NFT_META_CPU`
  case processor = 20
  /// `NFT_META_IIFGROUP`
  case inputGroup = 21
  /// `NFT_META_OIFGROUP`
  case outputGroup = 22
  /// `NFT_META_CGROUP`
  case controlGroup = 23
  /// `NFT_META_PRANDOM`
  case random = 24
  /// `NFT_META_SECPATH`: whether the packet came out of IPsec.
  case security = 25
  /// `NFT_META_IIFKIND`: `IFLA_INFO_KIND`
  case inputKind = 26
  /// `NFT_META_OIFKIND`
  case outputKind = 27
  /// `NFT_META_TIME_NS`: nanoseconds since 1970-01-01 UTC.
  case time = 30
  /// `NFT_META_TIME_DAY`: the day of the week in UTC; Sunday is 0.
  case day = 31
  /// `NFT_META_TIME_HOUR`: seconds since midnight UTC.
  case hour = 32

  /// Its form in a register. Source: `nft_meta_get_eval` of `net/netfilter/nft_meta.c`.
  var form: FieldForm {
    switch self {
    case .length: FieldForm("meta length", 4, .host)
    case .etherType: FieldForm("meta protocol", 2, .network, .hex)
    case .priority: FieldForm("meta priority", 4, .host, .hex)
    case .mark: FieldForm("meta mark", 4, .host)
    case .inputIndex: FieldForm("iif", 4, .host)
    case .outputIndex: FieldForm("oif", 4, .host)
    case .inputName: FieldForm("iifname", 16, .network, .name)
    case .outputName: FieldForm("oifname", 16, .network, .name)
    case .inputType: FieldForm("iiftype", 2, .host)
    case .outputType: FieldForm("oiftype", 2, .host)
    case .user: FieldForm("meta skuid", 4, .host)
    case .group: FieldForm("meta skgid", 4, .host)
    case .realm: FieldForm("rtclassid", 4, .host)
    case .security: FieldForm("meta ipsec", 1, .network)
    case .family: FieldForm("meta nfproto", 1, .network, .family)
    case .transport: FieldForm("meta l4proto", 1, .network, .transport)
    case .inputBridge: FieldForm("ibrname", 16, .network, .name)
    case .outputBridge: FieldForm("obrname", 16, .network, .name)
    case .packetType: FieldForm("meta pkttype", 1, .network)
    case .processor: FieldForm("meta cpu", 4, .host)
    case .inputGroup: FieldForm("iifgroup", 4, .host)
    case .outputGroup: FieldForm("oifgroup", 4, .host)
    case .controlGroup: FieldForm("meta cgroup", 4, .host)
    case .random: FieldForm("meta random", 4, .host)
    case .inputKind: FieldForm("meta iifkind", 16, .network, .name)
    case .outputKind: FieldForm("meta oifkind", 16, .network, .name)
    case .time: FieldForm("meta time", 8, .host)
    case .day: FieldForm("meta day", 1, .network, .day)
    case .hour: FieldForm("meta hour", 4, .host, .hour(.host))
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// A property of a packet's connection that `ct` loads. The numbers are `nft_ct_keys` of
/// `linux/netfilter/nf_tables.h`.
package enum ConnectionKey: UInt32, Sendable, CaseIterable {
  /// `NFT_CT_STATE`
  case state = 0
  /// `NFT_CT_DIRECTION`
  case direction = 1
  /// `NFT_CT_STATUS`
  case status = 2
  /// `NFT_CT_MARK`
  case mark = 3
  /// `NFT_CT_EXPIRATION`: milliseconds until it times out.
  case expiration = 5
  /// `NFT_CT_HELPER`
  case helper = 6
  /// `NFT_CT_L3PROTOCOL`
  case family = 7
  /// `NFT_CT_SRC`: of the connection's own family.
  case source = 8
  /// `NFT_CT_DST`
  case destination = 9
  /// `NFT_CT_PROTOCOL`
  case transport = 10
  /// `NFT_CT_PROTO_SRC`
  case sourcePort = 11
  /// `NFT_CT_PROTO_DST`
  case destinationPort = 12
  /// `NFT_CT_LABELS`
  case labels = 13
  /// `NFT_CT_PKTS`
  case packets = 14
  /// `NFT_CT_BYTES`
  case bytes = 15
  /// `NFT_CT_AVGPKT`
  case average = 16
  /// `NFT_CT_ZONE`
  case zone = 17
  /// `NFT_CT_SRC_IP`
  case ipv4Source = 19
  /// `NFT_CT_DST_IP`
  case ipv4Destination = 20
  /// `NFT_CT_SRC_IP6`
  case ipv6Source = 21
  /// `NFT_CT_DST_IP6`
  case ipv6Destination = 22
  /// `NFT_CT_ID`
  case identifier = 23

  /// Its form in a register; in its name "ct" and the direction are missing. Source: `nft_ct_get_eval` of
  /// `net/netfilter/nft_ct.c`.
  var form: FieldForm {
    switch self {
    case .state: FieldForm("state", 4, .host, .states)
    case .direction: FieldForm("direction", 1, .network)
    case .status: FieldForm("status", 4, .host, .hex)
    case .mark: FieldForm("mark", 4, .host)
    case .family: FieldForm("l3proto", 1, .network, .family)
    case .source: FieldForm("saddr", 4, longest: 16, .network, .address(nil))
    case .destination: FieldForm("daddr", 4, longest: 16, .network, .address(nil))
    case .transport: FieldForm("protocol", 1, .network, .transport)
    case .sourcePort: FieldForm("proto-src", 2, .network)
    case .destinationPort: FieldForm("proto-dst", 2, .network)
    case .expiration: FieldForm("expiration", 4, .host)
    case .helper: FieldForm("helper", 16, .network, .name)
    case .labels: FieldForm("label", 16, .network, .hex)
    case .packets: FieldForm("packets", 8, .host)
    case .bytes: FieldForm("bytes", 8, .host)
    case .average: FieldForm("avgpkt", 8, .host)
    case .identifier: FieldForm("id", 4, .host)
    case .zone: FieldForm("zone", 2, .host)
    case .ipv4Source: FieldForm("saddr", 4, .network, .address(.ipv4))
    case .ipv4Destination: FieldForm("daddr", 4, .network, .address(.ipv4))
    case .ipv6Source: FieldForm("saddr", 16, .network, .address(.ipv6))
    case .ipv6Destination: FieldForm("daddr", 16, .network, .address(.ipv6))
    }
  }
}

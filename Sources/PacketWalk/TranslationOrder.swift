// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// Which end of a packet a translation changes. Source: `enum nf_nat_manip_type` of the kernel.
public enum TranslationSide: Sendable, Hashable {
  case source
  case destination
}

/// What a rule with address translation asks for: `dnat`, `snat`, `masquerade`, `redirect`, native or of
/// iptables.
struct TranslationOrder: Sendable, Hashable {
  /// Where the new address comes from.
  enum Address: Sendable, Hashable {
    /// It does not change.
    case same
    /// Given in the rule, in network order: the first and the last of a range.
    case range(first: [UInt8], last: [UInt8])
    /// The network part of the old address is replaced by that of a range (`NETMAP`).
    case network(first: [UInt8], last: [UInt8])
    /// In registers.
    case registers(first: UInt32, last: UInt32?)
    /// The network part of the old address is replaced by that of a range in registers (`NF_NAT_RANGE_NETMAP`).
    case prefixInRegisters(first: UInt32, last: UInt32)
    /// The address of the output interface (`masquerade`).
    case ofOutput
    /// This host's own address on the input interface (`redirect`).
    case ofHost
  }

  /// Where the new port comes from.
  enum Port: Sendable, Hashable {
    case same
    case range(first: UInt16, last: UInt16)
    case registers(first: UInt32, last: UInt32?)
  }

  package private(set) var side: TranslationSide
  package let address: Address
  let port: Port
  /// Whether the kernel takes any port that is permitted (`random`, `fully-random`).
  var isRandom = false
  /// Whether the side is the destination at prerouting and output, and the source at input and postrouting.
  private var followsHook = false
  /// `NFPROTO_…`: a rule of an inet table may translate only one family; nil for both.
  var family: UInt8?

  /// The expressions `nat`, `masq`, `redir`, from their attributes; nil if the walk does not support them.
  init?(expression name: String, _ attributes: AttributeBytes) {
    switch name {
    case "nat":
      guard (attributes.u32(NFT.Attribute.natFlags) ?? 0) & NFT.natComputed == 0 else { return nil }
      side = attributes.u32(NFT.Attribute.natType) == 0 ? .source : .destination
      let first = attributes.u32(NFT.Attribute.natAddressFirst)
      let last = attributes.u32(NFT.Attribute.natAddressLast)
      if (attributes.u32(NFT.Attribute.natFlags) ?? 0) & NFT.natMapsPrefix != 0 {
        guard let first, let last else { return nil }
        address = .prefixInRegisters(first: first, last: last)
      } else {
        address = first.map { .registers(first: $0, last: last) } ?? .same
      }
      port = Self.port(attributes, NFT.Attribute.natPortFirst, NFT.Attribute.natPortLast)
      family = attributes.u32(NFT.Attribute.natFamily).flatMap { UInt8(exactly: $0) }
      if family == NFT.familyInet { family = nil }
      isRandom = Self.isRandom(attributes.u32(NFT.Attribute.natFlags))
    case "masq":
      (side, address) = (.source, .ofOutput)
      port = Self.port(attributes, NFT.Attribute.masqueradePortFirst, NFT.Attribute.masqueradePortLast)
      isRandom = Self.isRandom(attributes.u32(NFT.Attribute.masqueradeFlags))
    case "redir":
      (side, address) = (.destination, .ofHost)
      port = Self.port(attributes, NFT.Attribute.redirectPortFirst, NFT.Attribute.redirectPortLast)
      isRandom = Self.isRandom(attributes.u32(NFT.Attribute.redirectFlags))
    default: return nil
    }
  }

  private static func isRandom(_ flags: UInt32?) -> Bool { (flags ?? 0) & NFT.natRandom != 0 }

  private static func port(_ attributes: AttributeBytes, _ first: UInt16, _ last: UInt16) -> Port {
    attributes.u32(first).map { .registers(first: $0, last: attributes.u32(last)) } ?? .same
  }

  /// The targets DNAT, SNAT, MASQUERADE, REDIRECT, from their structure. `family` is the table's. Source:
  /// `struct nf_nat_ipv4_multi_range_compat`, `struct nf_nat_range`, `struct nf_nat_range2` of
  /// `linux/netfilter/nf_nat.h`; addresses and ports are in network order.
  package init?(target name: String, revision: UInt32, info: [UInt8], family: UInt8) {
    let isOld = revision == 0 && family == 2
    let place = isOld ? 4 : 0
    let (addressPlace, width, portPlace) = isOld ? (8, 4, 16) : (4, family == 2 ? 4 : 16, 36)
    guard let flags = info.hostUInt32(place), flags & NFT.natComputed == 0,
      let first = info.bytes(addressPlace, width),
      let last = info.bytes(addressPlace + (isOld ? 4 : 16), width),
      let firstPort = info.networkUInt16(portPlace), let lastPort = info.networkUInt16(portPlace + 2)
    else { return nil }
    if isOld, info.hostUInt32(0) != 1 { return nil }
    switch name {
    case "DNAT": side = .destination
    case "SNAT": side = .source
    case "MASQUERADE": side = .source
    case "REDIRECT": side = .destination
    case "NETMAP": (side, followsHook) = (.destination, true)
    default: return nil
    }
    if flags & NFT.natMapsPrefix != 0 { return nil }
    address =
      name == "MASQUERADE"
      ? .ofOutput
      : name == "REDIRECT"
        ? .ofHost
        : name == "NETMAP"
          ? .network(first: first, last: last)
          : flags & NFT.natMapsAddresses != 0 ? .range(first: first, last: last) : .same
    port = flags & NFT.natMapsPorts != 0 ? .range(first: firstPort, last: max(firstPort, lastPort)) : .same
    isRandom = Self.isRandom(flags)
  }

  /// The order as a rule at a hook gives it.
  func at(hook: UInt32) -> TranslationOrder {
    guard followsHook else { return self }
    var order = self
    order.side = hook == NFT.hookPrerouting || hook == NFT.hookOutput ? .destination : .source
    return order
  }
}

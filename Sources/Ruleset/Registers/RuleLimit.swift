// SPDX-License-Identifier: GPL-3.0-or-later

/// A limit of a rate, of bytes or of connections, decoded from raw bytes.
package struct RuleLimit: Sendable, Hashable {
  /// The limit in nft's syntax, without "over".
  package let text: String
  /// `plain` if it matches below the limit, `inverted` if above.
  package let inversion: Inversion
  /// What is counted.
  private let bound: Bound

  private enum Bound: Hashable {
    case packets
    /// The bytes that may pass at once.
    case bytes(UInt64)
    case connections(UInt32)
  }

  /// Whether every packet of this size is above the limit, whatever came before it.
  package func isExceeded(byPacketOf bytes: UInt64) -> Bool {
    switch bound {
    case .packets: false
    case .bytes(let most): bytes > most
    // A connection counts itself.
    case .connections(let most): most < 1
    }
  }

  /// The expressions `limit`, `quota` and `connlimit`; nil for others.
  package init?(_ name: String, _ attributes: AttributeBytes) {
    switch name {
    case "limit":
      text = Self.text(
        rate: attributes.number(NFT.Attribute.limitRate) ?? 0,
        unit: attributes.number(NFT.Attribute.limitUnit) ?? 0)
      let most =
        (attributes.number(NFT.Attribute.limitRate) ?? 0)
        &+ UInt64(attributes.u32(NFT.Attribute.limitBurst) ?? 0)
      bound = attributes.u32(NFT.Attribute.limitType) == NFT.limitOfBytes ? .bytes(most) : .packets
      inversion = Self.inversion(attributes.u32(NFT.Attribute.limitFlags))
    case "quota":
      text = "quota \(attributes.number(NFT.Attribute.quotaBytes) ?? 0) bytes"
      inversion = Self.inversion(attributes.u32(NFT.Attribute.quotaFlags))
      bound = .bytes(attributes.number(NFT.Attribute.quotaBytes) ?? 0)
    case "connlimit":
      text = "ct count \(attributes.u32(NFT.Attribute.connectionLimitCount) ?? 0)"
      inversion = Self.inversion(attributes.u32(NFT.Attribute.connectionLimitFlags))
      bound = .connections(attributes.u32(NFT.Attribute.connectionLimitCount) ?? 0)
    default: return nil
    }
  }

  /// A limit of packets in nft's syntax, for a unit in seconds.
  package static func text(rate: UInt64, unit: UInt64) -> String {
    let units: [UInt64: String] = [1: "second", 60: "minute", 3600: "hour", 86400: "day", 604_800: "week"]
    return "limit rate \(rate)/\(units[unit] ?? "?")"
  }

  private static func inversion(_ flags: UInt32?) -> Inversion {
    (flags ?? 0) & NFT.limitInverted != 0 ? .inverted : .plain
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// A limit of a rate, of bytes or of connections, decoded from raw bytes.
package struct RuleLimit: Sendable, Hashable {
  /// The limit in nft's syntax, without "over".
  package let text: String
  /// `plain` if it matches below the limit, `inverted` if above.
  package let inversion: Inversion

  /// The expressions `limit`, `quota` and `connlimit`; nil for others.
  package init?(_ name: String, _ attributes: AttributeBytes) {
    switch name {
    case "limit":
      text = Self.text(
        rate: attributes.number(NFT.Attribute.limitRate) ?? 0,
        unit: attributes.number(NFT.Attribute.limitUnit) ?? 0)
      inversion = Self.inversion(attributes.u32(NFT.Attribute.limitFlags))
    case "quota":
      text = "quota \(attributes.number(NFT.Attribute.quotaBytes) ?? 0) bytes"
      inversion = Self.inversion(attributes.u32(NFT.Attribute.quotaFlags))
    case "connlimit":
      text = "ct count \(attributes.u32(NFT.Attribute.connectionLimitCount) ?? 0)"
      inversion = Self.inversion(attributes.u32(NFT.Attribute.connectionLimitFlags))
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

// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// The expression that counts a new connection of a source and continues if the source is above its limit:
/// `update @limit-ssh-v4 { ip saddr limit rate over 6/minute burst 6 packets }`.
///
/// The set has an element for each source, with the source's budget. An element lives until its budget is full again
/// after the last connection: then it says nothing any more. If the set is full, a new source gets no element and is not
/// limited, so that whoever fills the set does not shut others out. Source: `nft_dynset_eval` of
/// `net/netfilter/nft_dynset.c`, `nft_limit_eval` of `net/netfilter/nft_limit.c`.
enum ConnectionLimitExpression {
  /// The maximum number of sources of one family that have a budget at the same time.
  static let size: UInt32 = 65_536

  /// The set that holds the budgets of sources of a family.
  static func set(_ name: String, _ family: AddressFamily, _ limit: ConnectionLimit) -> NamedSet {
    let key = NamedSet.Key.address(family)
    return NamedSet(
      name: name, key: key, kind: .set, layout: .budgets(timeout: timeout(limit)),
      elements: SetElements(keyLength: key.length))
  }

  /// The lifetime of an element in milliseconds: whole seconds.
  static func timeout(_ limit: ConnectionLimit) -> UInt64 { (limit.fullAfter + 999) / 1000 * 1000 }

  /// The expression, as the kernel returns it: `nft_dynset_dump` and `nft_limit_dump`. The source is in a register.
  static func expression(set name: String, source register: UInt32, _ limit: ConnectionLimit) -> Expression {
    let rate =
      AttributeBytes.encoded(NFT.Attribute.limitRate, big64(UInt64(limit.count)))
      + AttributeBytes.encoded(NFT.Attribute.limitUnit, big64(limit.unit.seconds))
      + AttributeBytes.encoded(NFT.Attribute.limitBurst, big32(limit.burst))
      + AttributeBytes.encoded(NFT.Attribute.limitType, big32(0))
      + AttributeBytes.encoded(NFT.Attribute.limitFlags, big32(NFT.limitInverted))
    let inner =
      AttributeBytes.encoded(NFT.Attribute.expressionName, Array("limit".utf8) + [0])
      + AttributeBytes.encoded(NFT.Attribute.expressionData, rate)
    return .opaque(
      name: "dynset",
      data: AttributeBytes.encoded(NFT.Attribute.dynamicSetKey, big32(register))
        + AttributeBytes.encoded(NFT.Attribute.dynamicSetOperation, big32(NFT.dynamicSetUpdate))
        + AttributeBytes.encoded(NFT.Attribute.dynamicSetName, Array(name.utf8) + [0])
        + AttributeBytes.encoded(NFT.Attribute.dynamicSetTimeout, big64(timeout(limit)))
        + AttributeBytes.encoded(NFT.Attribute.dynamicSetExpression, inner)
        + AttributeBytes.encoded(NFT.Attribute.dynamicSetFlags, big32(0)))
  }

  /// The set, the register of the key and the limit of an expression; nil for any other expression.
  static func read(_ expression: Expression) -> (set: String, source: UInt32, limit: ConnectionLimit)? {
    guard case .opaque("dynset", let data) = expression else { return nil }
    let attributes = AttributeBytes(data)
    guard let name = attributes.text(NFT.Attribute.dynamicSetName),
      let register = attributes.u32(NFT.Attribute.dynamicSetKey),
      let inner = attributes.value(NFT.Attribute.dynamicSetExpression),
      let values = AttributeBytes(inner).value(NFT.Attribute.expressionData).map({ AttributeBytes($0) }),
      let count = values.number(NFT.Attribute.limitRate).flatMap({ UInt32(exactly: $0) }),
      let seconds = values.number(NFT.Attribute.limitUnit),
      let unit = ConnectionLimit.Unit.allCases.first(where: { $0.seconds == seconds }),
      let limit = ConnectionLimit(count: count, unit: unit, burst: values.u32(NFT.Attribute.limitBurst)),
      // Everything else must be as it is written: another flag may mean the opposite.
      self.expression(set: name, source: register, limit) == expression
    else { return nil }
    return (name, register, limit)
  }

  private static func big32(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> UInt32($0)) }
  }

  private static func big64(_ number: UInt64) -> [UInt8] {
    (0..<8).reversed().map { UInt8(truncatingIfNeeded: number >> UInt64($0 * 8)) }
  }
}

extension NamedSet {
  /// The set of a limit's budgets for sources of a family.
  public static func budgets(_ name: String, _ family: AddressFamily, _ limit: ConnectionLimit) -> NamedSet {
    ConnectionLimitExpression.set(name, family, limit)
  }
}

extension Expression {
  /// The limit of new connections that the expression tests, and the register of the source; nil for any other.
  package var connectionLimit: (source: UInt32, limit: ConnectionLimit)? {
    ConnectionLimitExpression.read(self).map { ($0.source, $0.limit) }
  }
}

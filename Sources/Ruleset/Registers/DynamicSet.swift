// SPDX-License-Identifier: GPL-3.0-or-later

/// `dynset`, decoded: a rule that adds to a set, updates an element or deletes one.
package struct DynamicSet: Sendable {
  /// Whether the packet continues with the rule.
  package enum Effect: Sendable {
    /// It continues: the set is assumed to have room.
    case passes
    /// It continues if it is within the limit of its element.
    case limit(RuleLimit)
    /// Not evaluated, by the name that is shown.
    case unknown(String)
  }

  /// The set's name, for reading only.
  package let set: String?
  package let effect: Effect
  /// The registers of key and value.
  let sources: [UInt32]

  init(_ attributes: AttributeBytes) {
    set = attributes.text(NFT.Attribute.dynamicSetName)
    sources = [NFT.Attribute.dynamicSetKey, NFT.Attribute.dynamicSetValue].compactMap { attributes.u32($0) }
    effect = Self.effect(attributes)
  }

  private static func effect(_ attributes: AttributeBytes) -> Effect {
    guard (attributes.u32(NFT.Attribute.dynamicSetFlags) ?? 0) & NFT.dynamicSetInverted == 0,
      attributes.u32(NFT.Attribute.dynamicSetOperation) != NFT.dynamicSetDelete
    else { return .unknown("dynset") }
    var inner = attributes.value(NFT.Attribute.dynamicSetExpression).map { [$0] } ?? []
    inner +=
      attributes.value(NFT.Attribute.dynamicSetExpressions).map { AttributeBytes($0).map(\.value) } ?? []
    for expression in inner {
      let parts = AttributeBytes(expression)
      guard let name = parts.text(NFT.Attribute.expressionName) else { return .unknown("dynset") }
      if name == "counter" || name == "last" { continue }
      return RuleLimit(name, AttributeBytes(parts.value(NFT.Attribute.expressionData) ?? [])).map {
        .limit($0)
      } ?? .unknown("dynset \(name)")
    }
    return .passes
  }
}

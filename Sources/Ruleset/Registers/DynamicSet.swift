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

  /// The set's name.
  package let set: String?
  package let effect: Effect
  /// Whether it deletes the element.
  package let isRemoval: Bool
  /// The register with the key.
  package let key: UInt32?
  /// The register with the value of a map; nil for a set.
  package let value: UInt32?

  var sources: [UInt32] { [key, value].compactMap { $0 } }

  init(_ attributes: AttributeBytes) {
    set = attributes.text(NFT.Attribute.dynamicSetName)
    key = attributes.u32(NFT.Attribute.dynamicSetKey)
    value = attributes.u32(NFT.Attribute.dynamicSetValue)
    isRemoval = attributes.u32(NFT.Attribute.dynamicSetOperation) == NFT.dynamicSetDelete
    effect = Self.effect(attributes)
  }

  private static func effect(_ attributes: AttributeBytes) -> Effect {
    guard (attributes.u32(NFT.Attribute.dynamicSetFlags) ?? 0) & NFT.dynamicSetInverted == 0 else {
      return .unknown("dynset")
    }
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

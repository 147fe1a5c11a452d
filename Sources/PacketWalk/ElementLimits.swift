// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// The result of a set element's own expressions for a packet.
enum ElementLimits {
  case none
  case within(String)
  case above(String)
  case unknown

  init(_ attributes: [UInt8]) {
    var inner: [[UInt8]] = []
    for (type, value) in AttributeBytes(attributes) {
      switch type {
      case NFT.Attribute.elementExpression: inner.append(value)
      case NFT.Attribute.elementExpressions: inner += AttributeBytes(value).map(\.value)
      default: break
      }
    }
    self = .none
    for expression in inner {
      let parts = AttributeBytes(expression)
      let name = parts.text(NFT.Attribute.expressionName) ?? ""
      if name == "counter" || name == "last" { continue }
      guard
        let limit = RuleLimit(name, AttributeBytes(parts.value(NFT.Attribute.expressionData) ?? []))
      else {
        self = .unknown
        continue
      }
      self = limit.inversion == .inverted ? .above(limit.text) : .within(limit.text)
    }
  }
}

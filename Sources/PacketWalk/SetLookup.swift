// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// What the kernel finds in a set.
extension KernelSet {
  /// The result of a lookup.
  enum Found {
    case no
    case yes(ElementValue?)
    /// It depends on unknown bytes of the key.
    case unknown
  }

  /// Looks up a key of which only the bits of `known` are known: unknown bits matter only if some element
  /// could match.
  func find(_ key: [UInt8], known: [UInt8]) -> Found {
    if known.allSatisfy({ $0 == 0xff }) { return find(key) }
    if elements.hasKeyEnd {
      return (0..<elements.count).contains { couldContain(key, known, in: $0) } ? .unknown : .no
    }
    guard flags & NFT.setInterval == 0 else { return elements.isEmpty ? .no : .unknown }
    let couldMatch = (0..<elements.count).contains { index in
      let element = elements.key(index)
      return elements.flags(index) & NFT.elementCatchAll != 0
        || key.indices.allSatisfy { (element[element.startIndex + $0] ^ key[$0]) & known[$0] == 0 }
    }
    return couldMatch ? .unknown : .no
  }

  /// Looks up a key as the kernel does: exactly, in half-open intervals, or in concatenated ranges. A
  /// catch-all element (`NFT_SET_ELEM_CATCHALL`) matches if no other does.
  func find(_ key: [UInt8]) -> Found {
    if elements.hasKeyEnd {
      var found: Int?
      for index in 0..<elements.count where contains(key, in: index) {
        // Ranges may contain one another; which one matches depends on the order in which they were added.
        if let found, elements.value(found) != elements.value(index) { return .unknown }
        found = index
      }
      if let found { return .yes(elements.value(found)) }
    } else if flags & NFT.setInterval != 0 {
      if let index = interval(holding: key) { return .yes(elements.value(index)) }
    } else if let index = elements.index(ofKey: key) {
      return .yes(elements.value(index))
    }
    return catchAll.map { .yes(elements.value($0)) } ?? .no
  }

  /// The catch-all element. Its key is empty, so it is one of the first.
  var catchAll: Int? {
    var index = 0
    while index < elements.count, elements.key(index).allSatisfy({ $0 == 0 }) {
      if elements.flags(index) & NFT.elementCatchAll != 0 { return index }
      index += 1
    }
    return nil
  }

  private func interval(holding key: [UInt8]) -> Int? {
    var low = 0
    var high = elements.count
    while low < high {
      let middle = (low + high) / 2
      if key.lexicographicallyPrecedes(elements.key(middle)) { high = middle } else { low = middle + 1 }
    }
    // The last element at or before the key. If one interval ends and the next begins there, the beginning
    // counts.
    var index = low - 1
    while index >= 0, elements.flags(index) & NFT.elementIntervalEnd != 0 {
      guard index > 0, elements.key(index - 1) == elements.key(index) else { return nil }
      index -= 1
    }
    guard index >= 0, elements.flags(index) & NFT.elementCatchAll == 0 else { return nil }
    return index
  }

  /// Whether each field of the key that is known is between the element's key and its end.
  private func couldContain(_ key: [UInt8], _ known: [UInt8], in index: Int) -> Bool {
    guard let end = elements.keyEnd(index), elements.flags(index) & NFT.elementCatchAll == 0 else {
      return true
    }
    let (start, lengths) = (elements.key(index), fields.isEmpty ? [elements.keyLength] : fields.map(Int.init))
    var offset = 0
    for length in lengths {
      defer { offset += (length + 3) / 4 * 4 }
      let places = offset..<min(offset + length, key.count)
      guard known[places].allSatisfy({ $0 == 0xff }) else { continue }
      if key[places].lexicographicallyPrecedes(start.dropFirst(offset).prefix(length))
        || end.dropFirst(offset).prefix(length).lexicographicallyPrecedes(key[places])
      {
        return false
      }
    }
    return true
  }

  /// Whether each field of the key is between the element's key and its end.
  private func contains(_ key: [UInt8], in index: Int) -> Bool {
    guard let end = elements.keyEnd(index), elements.flags(index) & NFT.elementCatchAll == 0 else {
      return false
    }
    let start = elements.key(index)
    let lengths = fields.isEmpty ? [UInt32(elements.keyLength)] : fields
    var offset = 0
    for length in lengths {
      let field = key[offset..<min(offset + Int(length), key.count)]
      let low = start[(start.startIndex + offset)..<(start.startIndex + offset + Int(length))]
      let high = end[(end.startIndex + offset)..<(end.startIndex + offset + Int(length))]
      if field.lexicographicallyPrecedes(low) || high.lexicographicallyPrecedes(field) { return false }
      offset += (Int(length) + 3) / 4 * 4
    }
    return true
  }
}

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

extension ElementValue {
  /// The value without the element's other attributes.
  var plain: ElementValue {
    if case .opaque(let value, _) = self { value.plain } else { self }
  }
}

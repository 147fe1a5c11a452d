// SPDX-License-Identifier: GPL-3.0-or-later

/// The lifetime of a set element, and its comment. The kernel removes the element itself when its time is
/// over, even if the process that added it is gone.
public struct ElementLife: Sendable, Hashable {
  /// The total lifetime in milliseconds (`NFTA_SET_ELEM_TIMEOUT`); at least 1.
  public var timeout: UInt64
  /// The remaining lifetime in milliseconds (`NFTA_SET_ELEM_EXPIRATION`); equal to the total if the element
  /// was never in a kernel.
  public var remaining: UInt64
  /// Its comment, in the element's user data (`NFTNL_UDATA_SET_ELEM_COMMENT`); empty if it has none.
  public var comment: String

  /// A lifetime that begins now. The kernel rounds it to its ticks.
  public init(timeout: UInt64, comment: String) {
    self.timeout = max(timeout, 1)
    remaining = self.timeout
    self.comment = comment
  }
}

extension ElementLife {
  /// The netlink attributes of an element for its lifetime and comment, as sent to the kernel.
  var attributes: [UInt8] {
    var bytes = Self.attribute(
      NFT.Attribute.elementTimeout, (0..<8).reversed().map { UInt8(truncatingIfNeeded: timeout >> ($0 * 8)) })
    if !comment.isEmpty {
      bytes += Self.attribute(
        NFT.Attribute.elementUserdata, Userdata.text(comment, type: NFT.udataComment))
    }
    return bytes
  }

  /// Length and type in host order, then the value padded to 4 bytes.
  private static func attribute(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
    HostOrder.bytes(UInt16(value.count + 4)) + HostOrder.bytes(type) + value
      + Array(repeating: 0, count: (4 - value.count % 4) % 4)
  }
}

extension SetElements {
  /// The lifetime of a record; nil if it has no timeout.
  public func life(_ index: Int) -> ElementLife? {
    guard case .opaque(_, let bytes)? = value(index) else { return nil }
    let attributes = AttributeBytes(bytes)
    guard let timeout = attributes.number(NFT.Attribute.elementTimeout), timeout > 0 else { return nil }
    var life = ElementLife(
      timeout: timeout,
      comment: attributes.value(NFT.Attribute.elementUserdata).flatMap {
        Userdata.text(type: NFT.udataComment, in: $0)
      } ?? "")
    if remaining.indices.contains(index), remaining[index] > 0 { life.remaining = remaining[index] }
    return life
  }

  /// The elements without a timeout: those that belong to the ruleset.
  public var lasting: SetElements {
    let places = (0..<count).filter { life($0) == nil }
    return places.count == count ? self : picked(places)
  }

  /// The elements with a timeout, as they are added again: with their remaining lifetimes.
  public var carried: SetElements {
    let places = (0..<count).filter { life($0) != nil }
    let timed = picked(places)
    return SetElements(
      keyLength: keyLength, hasKeyEnd: hasKeyEnd, unsorted: timed.records,
      values: places.indices.map { index in
        guard var life = timed.life(index), case .opaque(let value, _)? = timed.value(index) else {
          return .none
        }
        life.timeout = life.remaining
        return .opaque(value, attributes: life.attributes)
      })
  }
}

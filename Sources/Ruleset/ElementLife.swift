// SPDX-License-Identifier: GPL-3.0-or-later

/// How long an element of a set has to live, and what is said of it. The kernel takes it out itself when its time is
/// over, whatever has become of who put it in.
public struct ElementLife: Sendable, Hashable {
  /// The whole of its life in milliseconds (`NFTA_SET_ELEM_TIMEOUT`); at least 1.
  public var timeout: UInt64
  /// What is left of it in milliseconds (`NFTA_SET_ELEM_EXPIRATION`); as long as the whole where it was never in a kernel.
  public var remaining: UInt64
  /// Its comment, in the element's user data (`NFTNL_UDATA_SET_ELEM_COMMENT`); empty where it has none.
  public var comment: String

  /// A life that begins now. The kernel rounds it to its ticks.
  public init(timeout: UInt64, comment: String) {
    self.timeout = max(timeout, 1)
    remaining = self.timeout
    self.comment = comment
  }
}

extension ElementLife {
  /// The attributes of an element that say it, as they go to the kernel.
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
  /// The life of a record; nil where it has no end.
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

  /// The elements without an end of their own: those that are what a ruleset says.
  public var lasting: SetElements {
    let places = (0..<count).filter { life($0) == nil }
    return places.count == count ? self : picked(places)
  }

  /// The elements that end by themselves, as they are put in again: with what is left of their lives.
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

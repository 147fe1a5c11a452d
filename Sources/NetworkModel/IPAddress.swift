// SPDX-License-Identifier: GPL-3.0-or-later

/// An address family: `NFPROTO_IPV4` or `NFPROTO_IPV6` of `linux/netfilter.h`.
public enum AddressFamily: UInt8, Sendable, Hashable, CaseIterable, Comparable {
  case ipv4 = 2
  case ipv6 = 10

  /// The number of bits of an address: 32 or 128.
  public var bitWidth: Int { self == .ipv4 ? 32 : 128 }

  /// The number of bytes of an address: 4 or 16.
  public var byteWidth: Int { bitWidth / 8 }

  /// IPv4 before IPv6.
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// An IPv4 or IPv6 address. Ordered by family, then numerically.
public struct IPAddress: Sendable, Hashable, Comparable {
  /// Whether it is an IPv4 or an IPv6 address.
  public let family: AddressFamily
  /// The address as a number in host order; an IPv4 address fills the low 32 bits.
  public let bits: UInt128

  /// An address from its number; bits beyond the family's width are discarded.
  public init(family: AddressFamily, bits: UInt128) {
    self.family = family
    self.bits = family == .ipv4 ? bits & 0xffff_ffff : bits
  }

  /// An address from 4 or 16 bytes in network order; nil for any other count.
  public init?(bytes: some Collection<UInt8>) {
    switch bytes.count {
    case 4: family = .ipv4
    case 16: family = .ipv6
    default: return nil
    }
    bits = bytes.reduce(0) { $0 << 8 | UInt128($1) }
  }

  /// The address in network order: 4 or 16 bytes.
  public var bytes: [UInt8] {
    (0..<family.byteWidth).map { UInt8(truncatingIfNeeded: bits >> UInt128((family.byteWidth - 1 - $0) * 8)) }
  }

  /// By family, then numerically.
  public static func < (left: Self, right: Self) -> Bool {
    left.family == right.family ? left.bits < right.bits : left.family < right.family
  }
}

extension IPAddress: CustomStringConvertible {
  /// Reads dotted IPv4, or IPv6 in the forms of RFC 4291 section 2.2. Zone indices (`%eth0`) and IPv4 octets
  /// with leading zeros, which some parsers read as octal, are rejected.
  public init?(_ text: some StringProtocol) {
    var text = Array(text.utf8)
    if !text.contains(UInt8(ascii: ":")) {
      guard let bits = Self.dottedBits(text[...]) else { return nil }
      self.init(family: .ipv4, bits: UInt128(bits))
      return
    }
    // A dotted tail (::ffff:192.0.2.1) becomes two groups of hexadecimal digits.
    if text.contains(UInt8(ascii: ".")) {
      guard let colon = text.lastIndex(of: UInt8(ascii: ":")),
        let bits = Self.dottedBits(text[(colon + 1)...])
      else { return nil }
      text.replaceSubrange(
        (colon + 1)..., with: "\(String(bits >> 16, radix: 16)):\(String(bits & 0xffff, radix: 16))".utf8)
    }
    guard let bits = Self.groupedBits(text) else { return nil }
    self.init(family: .ipv6, bits: bits)
  }

  private static func dottedBits(_ text: ArraySlice<UInt8>) -> UInt32? {
    let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var bits: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else {
        return nil
      }
      var octet: UInt32 = 0
      for digit in part {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
        octet = octet * 10 + UInt32(digit - UInt8(ascii: "0"))
      }
      guard octet <= 255 else { return nil }
      bits = bits << 8 | octet
    }
    return bits
  }

  private static func groupedBits(_ text: [UInt8]) -> UInt128? {
    let colon = UInt8(ascii: ":")
    // The position of "::", which is allowed once.
    let gap = text.indices.dropLast().first { text[$0] == colon && text[$0 + 1] == colon }
    func groups(_ part: ArraySlice<UInt8>) -> [UInt16]? {
      if part.isEmpty { return [] }
      var result: [UInt16] = []
      for group in part.split(separator: colon, omittingEmptySubsequences: false) {
        guard (1...4).contains(group.count) else { return nil }
        var value: UInt16 = 0
        for digit in group {
          guard let nibble = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
          value = value << 4 | UInt16(nibble)
        }
        result.append(value)
      }
      return result
    }
    var all: [UInt16]
    if let gap {
      guard let head = groups(text[..<gap]), let tail = groups(text[(gap + 2)...]),
        head.count + tail.count <= 7
      else { return nil }
      all = head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
    } else {
      guard let whole = groups(text[...]), whole.count == 8 else { return nil }
      all = whole
    }
    return all.reduce(0) { $0 << 16 | UInt128($1) }
  }

  /// Dotted IPv4, or IPv6 in the canonical form of RFC 5952.
  public var description: String {
    if family == .ipv4 { return bytes.map { String($0) }.joined(separator: ".") }
    let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> UInt128((7 - $0) * 16)) }
    // The longest run of two or more zero groups, the first of equals, is written "::" (RFC 5952 section
    // 4.2).
    var gap = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start > max(gap.count, 1) { gap = start..<end }
      start = end + 1
    }
    func text(_ part: ArraySlice<UInt16>) -> String {
      part.map { String($0, radix: 16) }.joined(separator: ":")
    }
    return gap.isEmpty
      ? text(groups[...]) : "\(text(groups[..<gap.lowerBound]))::\(text(groups[gap.upperBound...]))"
  }
}

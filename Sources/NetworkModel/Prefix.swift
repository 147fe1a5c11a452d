// SPDX-License-Identifier: GPL-3.0-or-later

/// An address block: an address whose bits beyond `length` are zero. Ordered by address, wider first.
public struct Prefix: Sendable, Hashable, Comparable {
  /// The lowest address of the block.
  public let address: IPAddress
  /// The number of network bits: 0...32 or 0...128.
  public let length: Int

  /// A prefix from an address and a length; nil if the length exceeds the family's width or host bits are
  /// set.
  public init?(address: IPAddress, length: Int) {
    guard (0...address.family.bitWidth).contains(length) else { return nil }
    guard address.bits & ~Self.mask(family: address.family, length: length) == 0 else { return nil }
    self.address = address
    self.length = length
  }

  /// The block that has only this address.
  public init(_ address: IPAddress) {
    self.address = address
    length = address.family.bitWidth
  }

  /// The block of this length that contains the address: its host bits are cleared. The length is clamped to
  /// the family's.
  public init(containing address: IPAddress, length: Int) {
    let length = min(max(length, 0), address.family.bitWidth)
    self.address = IPAddress(
      family: address.family, bits: address.bits & Self.mask(family: address.family, length: length))
    self.length = length
  }

  /// The family of its addresses.
  public var family: AddressFamily { address.family }

  /// The highest address of the block.
  public var last: IPAddress {
    IPAddress(family: family, bits: address.bits | ~Self.mask(family: family, length: length))
  }

  /// The network mask as a number in host order, in the family's width.
  public static func mask(family: AddressFamily, length: Int) -> UInt128 {
    let full: UInt128 = family == .ipv4 ? 0xffff_ffff : .max
    let host = family.bitWidth - length
    return host == 128 ? 0 : full & ~((UInt128(1) << UInt128(host)) - 1)
  }

  /// The network mask in network order: 4 or 16 bytes.
  public var maskBytes: [UInt8] {
    IPAddress(family: family, bits: Self.mask(family: family, length: length)).bytes
  }

  /// Whether every address of the other block is in this one.
  public func contains(_ other: Prefix) -> Bool {
    other.family == family && other.length >= length
      && other.address.bits & Self.mask(family: family, length: length) == address.bits
  }

  /// Whether the address is in this block.
  public func contains(_ other: IPAddress) -> Bool { contains(Prefix(other)) }

  /// Whether some address is in both blocks.
  public func overlaps(_ other: Prefix) -> Bool { contains(other) || other.contains(self) }

  /// By address, then the wider block first.
  public static func < (left: Self, right: Self) -> Bool {
    left.address == right.address ? left.length < right.length : left.address < right.address
  }
}

extension Prefix: CustomStringConvertible {
  /// Reads `ADDRESS/LENGTH`, or an address alone as a block of one address. Nil if host bits are set.
  public init?(_ text: some StringProtocol) {
    guard let slash = text.firstIndex(of: "/") else {
      guard let address = IPAddress(text) else { return nil }
      self.init(address)
      return
    }
    let digits = text[text.index(after: slash)...]
    guard let address = IPAddress(text[..<slash]), (1...3).contains(digits.utf8.count),
      digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let length = Int(digits)
    else { return nil }
    self.init(address: address, length: length)
  }

  /// `10.0.0.0/8`; a block of one address as the address alone.
  public var description: String {
    length == family.bitWidth ? address.description : "\(address)/\(length)"
  }
}

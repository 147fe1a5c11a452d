// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// Reads addresses and prefixes directly from bytes: accepts the same texts as `Prefix.init`, at a fraction
/// of the cost.
enum PrefixScanner {
  /// A prefix, or an address as a block of one, from these bytes; nil if they are neither, or if host bits
  /// are set.
  static func scan(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Prefix? {
    guard let (address, written) = scanLoosely(bytes, start, end) else { return nil }
    return Prefix(address: address, length: written ?? address.family.bitWidth)
  }

  /// Reads the prefix in a text.
  static func scan(_ text: String) -> Prefix? {
    let bytes = Array(text.utf8)
    return scan(bytes.span, 0, bytes.count)
  }

  /// An address, and the length after a slash if there is one. Host bits, and a length that is too large, are
  /// not checked.
  static func scanLoosely(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> (IPAddress, Int?)? {
    guard start < end, end - start <= 64 else { return nil }
    var slash = end
    var isIPv6 = false
    for index in start..<end {
      if bytes[index] == UInt8(ascii: "/") {
        slash = index
        break
      }
      if bytes[index] == UInt8(ascii: ":") { isIPv6 = true }
    }
    var length: Int?
    if slash < end {
      guard (1...3).contains(end - slash - 1) else { return nil }
      var number = 0
      for index in (slash + 1)..<end {
        guard let digit = digit(bytes[index]) else { return nil }
        number = number * 10 + Int(digit)
      }
      length = number
    }
    if isIPv6 {
      guard let bits = ipv6(bytes, start, slash) else { return nil }
      return (IPAddress(family: .ipv6, bits: bits), length)
    }
    guard let bits = ipv4(bytes, start, slash) else { return nil }
    return (IPAddress(family: .ipv4, bits: UInt128(bits)), length)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    let value = byte &- UInt8(ascii: "0")
    return value < 10 ? value : nil
  }

  /// Four octets, none with a leading zero.
  private static func ipv4(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> UInt32? {
    var bits: UInt32 = 0
    var octet: UInt32 = 0
    var digits = 0
    var dots = 0
    for index in start..<end {
      let byte = bytes[index]
      if let value = digit(byte) {
        if digits > 0, octet == 0 { return nil }
        octet = octet * 10 + UInt32(value)
        digits += 1
        if octet > 255 { return nil }
      } else {
        guard byte == UInt8(ascii: "."), digits > 0, dots < 3 else { return nil }
        bits = bits << 8 | octet
        octet = 0
        digits = 0
        dots += 1
      }
    }
    guard dots == 3, digits > 0 else { return nil }
    return bits << 8 | octet
  }

  /// RFC 4291 section 2.2: eight groups, fewer with one "::", the last two optionally as dotted IPv4.
  private static func ipv6(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> UInt128? {
    let colon = UInt8(ascii: ":")
    var head: UInt128 = 0
    var tail: UInt128 = 0
    var headGroups = 0
    var tailGroups = 0
    var hasGap = false
    var index = start
    func isColon(_ place: Int) -> Bool { place < end && bytes[place] == colon }
    if isColon(index) {
      guard isColon(index + 1) else { return nil }
      hasGap = true
      index += 2
    }
    while index < end {
      var group: UInt128 = 0
      var digits = 0
      let first = index
      while index < end, let nibble = nibble(bytes[index]) {
        group = group << 4 | UInt128(nibble)
        digits += 1
        index += 1
      }
      var width = 1
      if index < end, bytes[index] == UInt8(ascii: ".") {
        guard let dotted = ipv4(bytes, first, end) else { return nil }
        group = UInt128(dotted)
        width = 2
        index = end
      } else {
        guard (1...4).contains(digits) else { return nil }
      }
      if hasGap {
        tail = tail << UInt128(16 * width) | group
        tailGroups += width
      } else {
        head = head << UInt128(16 * width) | group
        headGroups += width
      }
      guard headGroups + tailGroups <= 8 else { return nil }
      if index == end { break }
      guard bytes[index] == colon else { return nil }
      index += 1
      if isColon(index) {
        guard !hasGap else { return nil }
        hasGap = true
        index += 1
      } else if index == end {
        return nil
      }
    }
    if !hasGap { return headGroups == 8 ? head : nil }
    guard headGroups + tailGroups <= 7 else { return nil }
    let shift = 16 * (8 - headGroups)
    return (shift == 128 ? 0 : head << UInt128(shift)) | tail
  }

  private static func nibble(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

/// The error in a text that should be an address or a prefix.
struct PrefixProblem {
  let message: String
  let help: String?

  /// The error in a text that is not a valid prefix.
  static func of(_ text: String) -> PrefixProblem {
    let bytes = Array(text.utf8)
    if let (address, length) = PrefixScanner.scanLoosely(bytes.span, 0, bytes.count), let length {
      if length > address.family.bitWidth {
        return PrefixProblem(
          message: "'\(text)' has a prefix length above \(address.family.bitWidth)", help: nil)
      }
      return PrefixProblem(
        message: "'\(text)' has host bits set beyond /\(length)",
        help: "write \(Prefix(containing: address, length: length)) for the network, "
          + "or \(address) for the address"
      )
    }
    let shown = text.shortened
    if text.isEmpty { return PrefixProblem(message: "a prefix is missing", help: nil) }
    if text.contains("%") {
      return PrefixProblem(
        message: "'\(shown)' contains an interface name", help: "write the address without '%…'")
    }
    if text.utf8.allSatisfy({ $0 >= 0x30 && $0 < 0x3a || $0 == 0x2e }), text.contains(".") {
      let parts = text.split(separator: ".", omittingEmptySubsequences: false)
      if parts.count == 4, parts.contains(where: { $0.utf8.count > 1 && $0.hasPrefix("0") }) {
        return PrefixProblem(
          message: "'\(shown)' has an octet with a leading zero", help: "remove the leading zero")
      }
    }
    return PrefixProblem(
      message: "'\(shown)' is not a valid address or prefix",
      help: "write one like 192.0.2.0/24 or 2001:db8::/32")
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// A public key of WireGuard: 32 bytes (`WG_KEY_LEN` of `linux/wireguard.h`). Private keys are never stored.
public struct WireGuardKey: Sendable, Hashable, Comparable {
  /// The 32 bytes of the key.
  public let bytes: [UInt8]

  /// A key from its bytes; nil if there are not exactly 32.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 32 else { return nil }
    self.bytes = Array(bytes)
  }

  /// A key from 64 hexadecimal digits, as the UAPI text protocol writes one.
  public init?(hex: some StringProtocol) {
    guard hex.utf8.count == 64 else { return nil }
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in hex {
      guard let nibble = character.hexDigitValue, character.isASCII else { return nil }
      if let first = high {
        bytes.append(first << 4 | UInt8(nibble))
        high = nil
      } else {
        high = UInt8(nibble)
      }
    }
    self.init(bytes: bytes)
  }

  /// A key from 44 characters of base64, as in configuration files (RFC 4648 section 4). Nil if one of the
  /// two bits that no byte uses is set: `wg` rejects such a key too.
  public init?(base64 text: some StringProtocol) {
    let digits = Array(text.utf8)
    guard digits.count == 44, digits.last == UInt8(ascii: "=") else { return nil }
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    for (place, digit) in digits.dropLast().enumerated() {
      guard let value = Self.alphabet.firstIndex(of: digit) else { return nil }
      bits = bits << 6 | UInt32(value)
      if place % 4 == 3 {
        bytes += [UInt8(bits >> 16 & 0xff), UInt8(bits >> 8 & 0xff), UInt8(bits & 0xff)]
        bits = 0
      }
    }
    guard bits & 0x3 == 0 else { return nil }
    bytes += [UInt8(bits >> 10 & 0xff), UInt8(bits >> 2 & 0xff)]
    self.init(bytes: bytes)
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// By bytes.
  public static func < (left: Self, right: Self) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

extension WireGuardKey: CustomStringConvertible {
  /// The key in base64: 44 characters.
  public var description: String {
    var text: [UInt8] = []
    for start in stride(from: 0, to: 32, by: 3) {
      let part = bytes[start..<min(start + 3, 32)]
      let bits = part.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32((3 - part.count) * 8)
      for place in 0..<4 {
        text.append(
          place <= part.count ? Self.alphabet[Int(bits >> UInt32(18 - place * 6) & 63)] : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}

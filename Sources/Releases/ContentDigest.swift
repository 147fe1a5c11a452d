// SPDX-License-Identifier: GPL-3.0-or-later

internal import Sodium

/// The SHA-256 of a content (FIPS 180-4): 32 bytes. Unlike `Digest` of `Enforcement`, nobody can make another content for it.
public struct ContentDigest: Sendable, Hashable, CustomStringConvertible {
  private let bytes: [UInt8]

  /// The digest of a content.
  public init(of content: [UInt8]) { bytes = SHA2.sha256(content) }

  /// A digest from 64 hexadecimal digits in lower case; nil for any other text.
  public init?(hex: some StringProtocol) {
    let digits = Array(hex.utf8)
    guard digits.count == 64 else { return nil }
    var bytes: [UInt8] = []
    for place in stride(from: 0, to: 64, by: 2) {
      guard let high = Self.value(digits[place]), let low = Self.value(digits[place + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    self.bytes = bytes
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x61...0x66: digit - 0x61 + 10
    default: nil
    }
  }

  /// 64 hexadecimal digits in lower case.
  public var description: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// nft's user data: records of a type byte, a length byte and that many bytes, 256 bytes at most.
/// Source: `libnftnl/udata.h`.
public enum Userdata {
  /// The most bytes of a comment that nft reads, including its terminating zero.
  public static let commentLimit = 128

  /// A record with a text and its terminating zero. The text is cut to fit, at a character boundary.
  public static func text(_ text: String, type: UInt8) -> [UInt8] {
    var short = text[...]
    while short.utf8.count > commentLimit - 1 { short = short.dropLast() }
    return [type, UInt8(short.utf8.count + 1)] + Array(short.utf8) + [0]
  }

  /// A record of a 32-bit number in host order.
  public static func number(_ number: UInt32, type: UInt8) -> [UInt8] {
    [type, 4] + (0..<4).map { UInt8(truncatingIfNeeded: number >> UInt32($0 * 8)) }
  }

  /// The text of the first record of this type.
  public static func text(type: UInt8, in data: [UInt8]) -> String? {
    var index = 0
    while index + 2 <= data.count {
      let end = index + 2 + Int(data[index + 1])
      guard end <= data.count else { return nil }
      if data[index] == type {
        return String(decoding: data[(index + 2)..<end].prefix { $0 != 0 }, as: UTF8.self)
      }
      index = end
    }
    return nil
  }
}

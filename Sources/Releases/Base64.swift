// SPDX-License-Identifier: GPL-3.0-or-later

/// Base64 (RFC 4648, section 4), read as OpenSSH reads it: b64_pton(3).
enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let pad = UInt8(ascii: "=")

  /// The value of each character; 255 where it has none.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
    return values
  }()

  /// Decodes text. White space is skipped everywhere. Padding is required, and the bits that no byte uses must be 0. Nil for
  /// any other text.
  static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var (bits, digits, pads) = (UInt32(0), 0, 0)
    for character in text where !isSpace(character) {
      if character == pad {
        pads += 1
        // A group has two digits at least.
        guard digits >= 2, digits + pads <= 4 else { return nil }
        continue
      }
      let value = values[Int(character)]
      guard pads == 0, value != 255 else { return nil }
      bits = bits << 6 | UInt32(value)
      digits += 1
      if digits == 4 {
        bytes += [UInt8(bits >> 16 & 0xff), UInt8(bits >> 8 & 0xff), UInt8(bits & 0xff)]
        (bits, digits) = (0, 0)
      }
    }
    switch (digits, pads) {
    case (0, 0): return bytes
    case (2, 2):
      guard bits & 0xf == 0 else { return nil }
      return bytes + [UInt8(bits >> 4 & 0xff)]
    case (3, 1):
      guard bits & 0x3 == 0 else { return nil }
      return bytes + [UInt8(bits >> 10 & 0xff), UInt8(bits >> 2 & 0xff)]
    default: return nil
    }
  }

  /// Whether isspace(3) holds in the C locale.
  private static func isSpace(_ character: UInt8) -> Bool {
    character == 0x20 || (0x09...0x0d).contains(character)
  }

  /// Encodes bytes, with padding and without line feeds.
  static func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let part = bytes[start..<min(start + 3, bytes.count)]
      let bits = part.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32((3 - part.count) * 8)
      for place in 0..<4 {
        text.append(place <= part.count ? alphabet[Int(bits >> UInt32(18 - place * 6) & 63)] : pad)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}

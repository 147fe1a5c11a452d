// SPDX-License-Identifier: GPL-3.0-or-later

/// FNV-1a with 64 bits. It distinguishes contents and detects damage; it does not protect against deliberate
/// forgery.
public struct Digest: Sendable {
  private var hash: UInt64 = 14_695_981_039_346_656_037

  /// Creates the digest of no content.
  public init() {}

  /// Adds a content. The boundaries between contents change the digest.
  public mutating func add(_ bytes: [UInt8]) {
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211 }
    hash = (hash ^ 0xff) &* 1_099_511_628_211
  }

  /// The digest as 16 hexadecimal digits.
  public var text: String {
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// The digest of one content, as text.
  public static func of(_ bytes: [UInt8]) -> String {
    var digest = Digest()
    digest.add(bytes)
    return digest.text
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSodium

/// libsodium, set up once for the process: sodium_init(3) comes before every other call.
enum Library {
  /// Whether it can be used.
  static let isReady = sodium_init() >= 0
}

/// Signatures of Ed25519 (RFC 8032, section 5.1: PureEdDSA).
public enum Ed25519 {
  /// The size of a public key, in bytes.
  public static let keySize = 32
  /// The size of a signature, in bytes.
  public static let signatureSize = 64

  /// Whether a signature of a message is valid by a public key. A signature or key of another size is not. Neither is one
  /// whose S is not below the group's order, or a key or R of small order: `crypto_sign_ed25519_verify_detached` of libsodium
  /// refuses them.
  public static func isValid(_ signature: [UInt8], of message: [UInt8], by key: [UInt8]) -> Bool {
    guard Library.isReady, signature.count == signatureSize, key.count == keySize else { return false }
    return unsafe signature.withUnsafeBufferPointer { signature in
      unsafe message.withUnsafeBufferPointer { message in
        unsafe key.withUnsafeBufferPointer { key in
          guard let start = signature.baseAddress, let point = key.baseAddress else { return false }
          return unsafe crypto_sign_ed25519_verify_detached(
            start, message.baseAddress, UInt64(message.count), point) == 0
        }
      }
    }
  }
}

/// The hash functions SHA-256 and SHA-512 (FIPS 180-4).
public enum SHA2 {
  /// The SHA-256 of bytes: 32 bytes.
  public static func sha256(_ bytes: some Collection<UInt8>) -> [UInt8] {
    unsafe digest(Array(bytes), size: 32) { unsafe crypto_hash_sha256($0, $1, $2) }
  }

  /// The SHA-512 of bytes: 64 bytes.
  public static func sha512(_ bytes: some Collection<UInt8>) -> [UInt8] {
    unsafe digest(Array(bytes), size: 64) { unsafe crypto_hash_sha512($0, $1, $2) }
  }

  private static func digest(
    _ bytes: [UInt8], size: Int,
    _ hash: (UnsafeMutablePointer<UInt8>, UnsafePointer<UInt8>?, UInt64) -> Int32
  ) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: size) { result, count in
      guard let start = result.baseAddress else { return }
      unsafe bytes.withUnsafeBufferPointer { bytes in
        // These functions cannot fail: they always return 0.
        _ = unsafe hash(start, bytes.baseAddress, UInt64(bytes.count))
      }
      count = size
    }
  }
}

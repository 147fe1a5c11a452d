// SPDX-License-Identifier: GPL-3.0-or-later

internal import Sodium

/// A detached signature of `ssh-keygen -Y sign` (PROTOCOL.sshsig of OpenSSH).
///
/// It is read as `ssh-keygen -Y verify` reads it, and judged alike, with these exceptions, all of which refuse more: only the
/// key types of `SSHKey`, by their full names; at most `limit` bytes; and S must be below the group's order (RFC 8032, section
/// 5.1.7), which OpenSSH 9.2 does not ask.
public struct SSHSignature: Sendable, Hashable {
  /// The key that made it, if it is valid.
  public let key: SSHKey
  /// What the signed text is, so that a signature for one purpose is none for another.
  public let namespace: String
  /// The hash function of the signed text.
  public let hash: Hash
  /// What a FIDO token adds; nil for a key of a file or an agent.
  public let token: Token?
  private let signature: [UInt8]

  /// A hash function.
  public enum Hash: String, Sendable, Hashable {
    case sha256
    case sha512

    func digest(_ bytes: [UInt8]) -> [UInt8] {
      switch self {
      case .sha256: SHA2.sha256(bytes)
      case .sha512: SHA2.sha512(bytes)
      }
    }
  }

  /// What a FIDO token says of a signature that it made. Both are signed.
  public struct Token: Sendable, Hashable {
    /// The flags of the authenticator data (WebAuthn, section 6.1).
    public let flags: UInt8
    /// The number of signatures that the token made; 0 for tokens that do not count.
    public let counter: UInt32

    /// Whether a person touched the token.
    public var isTouched: Bool { flags & 0x01 != 0 }
  }

  static let header = "-----BEGIN SSH SIGNATURE-----"
  static let footer = "-----END SSH SIGNATURE-----"
  private static let preamble = Array("SSHSIG".utf8)

  /// The longest armoured signature, in bytes. Those of the accepted key types have less than 500.
  public static let limit = 16 << 10

  /// Parses an armoured signature.
  public init(armoured text: [UInt8]) throws(SSHFormatError) {
    var reader = SSHReader(try Self.dearmoured(text))
    guard Array(try reader.take(Self.preamble.count)) == Self.preamble else { throw .noPreamble }
    let version = try reader.uint32()
    guard version <= 1 else { throw .version(version) }
    key = try SSHKey(blob: try reader.string())
    namespace = String(decoding: try reader.cString(), as: UTF8.self)
    // The value that is kept for later. It is not signed: the signed text contains an empty one.
    _ = try reader.string()
    let name = String(decoding: try reader.cString(), as: UTF8.self)
    guard let hash = Hash(rawValue: name) else { throw .hash(name) }
    self.hash = hash
    var inner = SSHReader(try reader.string())
    try reader.end()
    guard try inner.cString() == Array(key.type.utf8) else { throw .signatureType }
    signature = try inner.string()
    switch key.holder {
    case .software: token = nil
    case .token: token = Token(flags: try inner.byte(), counter: try inner.uint32())
    }
    try inner.end()
  }

  /// The bytes between header and footer. What follows the footer is ignored.
  private static func dearmoured(_ text: [UInt8]) throws(SSHFormatError) -> [UInt8] {
    guard text.count <= limit else { throw .tooLong }
    let (head, foot) = (Array("\(header)\n".utf8), Array("\n\(footer)".utf8))
    guard text.starts(with: head) else { throw .noHeader }
    // The line feed of the header does not begin the footer.
    let body = text[head.count...]
    guard let end = body.indices.first(where: { body[$0...].starts(with: foot) }) else { throw .noFooter }
    var lines = body[..<end]
    // OpenSSH reads the lines as a string of C, which a zero byte may end.
    if lines.last == 0 { lines.removeLast() }
    guard let bytes = Base64.decode(lines) else { throw .notBase64 }
    return bytes
  }

  /// Whether it is a valid signature of a message, by `key`, for a purpose.
  public func isValid(of message: [UInt8], for namespace: String) -> Bool {
    guard self.namespace == namespace else { return false }
    var signed = SSHWriter()
    signed.put(Self.preamble)
    signed.string(Array(namespace.utf8))
    signed.string([])
    signed.string(Array(hash.rawValue.utf8))
    signed.string(hash.digest(message))
    guard case .token(let application) = key.holder, let token else {
      return Ed25519.isValid(signature, of: signed.bytes, by: key.point)
    }
    // What a token signs (PROTOCOL.u2f): the hash of the application, the flags, the counter, the hash of the message.
    var data = SSHWriter()
    data.put(SHA2.sha256(application))
    data.put([token.flags])
    data.put(token.counter)
    data.put(SHA2.sha256(signed.bytes))
    return Ed25519.isValid(signature, of: data.bytes, by: key.point)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import Sodium

/// A public key of SSH that can sign releases: `ssh-ed25519` (RFC 8709), or `sk-ssh-ed25519@openssh.com`, whose private key is
/// in a FIDO token (PROTOCOL.u2f of OpenSSH).
public struct SSHKey: Sendable, Hashable {
  /// The public key: 32 bytes (RFC 8032, section 5.1.5).
  public let point: [UInt8]
  /// What holds the private key.
  public let holder: Holder

  /// What holds a private key.
  public enum Holder: Sendable, Hashable {
    /// A file or an agent.
    case software
    /// A FIDO token, for an application, usually `ssh:`.
    case token(application: [UInt8])
  }

  static let size = Ed25519.keySize

  /// The type's name, as keys and signatures contain it.
  public var type: String {
    switch holder {
    case .software: Self.softwareType
    case .token: Self.tokenType
    }
  }

  private static let softwareType = "ssh-ed25519"
  private static let tokenType = "sk-ssh-ed25519@openssh.com"

  /// A key from its serialised form.
  public init(blob: [UInt8]) throws(SSHFormatError) {
    var reader = SSHReader(blob)
    let type = String(decoding: try reader.cString(), as: UTF8.self)
    guard type == Self.softwareType || type == Self.tokenType else { throw .keyType(type) }
    point = try reader.string()
    guard point.count == Self.size else { throw .keySize }
    holder = type == Self.tokenType ? .token(application: try reader.cString()) : .software
    try reader.end()
  }

  /// A key from the words of a `.pub` file: its type and base64.
  init(type: Substring, base64: Substring) throws(SSHFormatError) {
    guard let blob = Base64.decode(base64.utf8) else { throw .notBase64 }
    self = try SSHKey(blob: blob)
    guard self.type == type else { throw .keyType(String(type)) }
  }

  /// The serialised form.
  public var blob: [UInt8] {
    var writer = SSHWriter()
    writer.string(Array(type.utf8))
    writer.string(point)
    if case .token(let application) = holder { writer.string(application) }
    return writer.bytes
  }

  /// The key as a line of a `.pub` file, without a comment.
  public var line: String { "\(type) \(Base64.encode(blob))" }

  /// The fingerprint as `ssh-keygen -l` prints it: `SHA256:` and 43 characters of base64.
  public var fingerprint: String {
    "SHA256:" + Base64.encode(SHA2.sha256(blob)).prefix { $0 != "=" }
  }
}

/// A public key and the name of who has the private key: a line of a `.pub` file.
public struct NamedKey: Sendable, Hashable {
  /// The key.
  public let key: SSHKey
  /// The line's comment; empty if there is none.
  public let name: String

  /// Reads the line of a `.pub` file: type, base64, and a comment, each after one space.
  public init(line: String) throws(SSHFormatError) {
    let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard words.count >= 2 else { throw .truncated }
    key = try SSHKey(type: words[0], base64: words[1])
    name = words.count > 2 ? String(words[2]) : ""
  }

  /// The line.
  public var line: String { name.isEmpty ? key.line : "\(key.line) \(name)" }
}

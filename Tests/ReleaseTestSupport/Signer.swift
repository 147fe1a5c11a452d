// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSodium
package import Releases
internal import Sodium

/// A private key of a test, which signs as `ssh-keygen -Y sign` does: with it, a test can also make signatures that no
/// ssh-keygen makes, and those of a FIDO token that does not exist.
package struct Signer: Sendable {
  package let point: [UInt8]
  private let secret: [UInt8]
  package let application: [UInt8]?
  package var name = ""

  /// A key from a seed of 32 equal bytes; with an application, that of a token.
  package init(_ seed: UInt8, application: String? = nil, name: String = "") {
    var (point, secret) = ([UInt8](repeating: 0, count: 32), [UInt8](repeating: 0, count: 64))
    crypto_sign_ed25519_seed_keypair(&point, &secret, [UInt8](repeating: seed, count: 32))
    (self.point, self.secret, self.name) = (point, secret, name)
    self.application = application.map { Array($0.utf8) }
  }

  package var type: String { application == nil ? "ssh-ed25519" : "sk-ssh-ed25519@openssh.com" }

  /// The serialised public key.
  package var blob: [UInt8] {
    Self.string(Array(type.utf8)) + Self.string(point) + (application.map(Self.string) ?? [])
  }

  package var key: SSHKey { get throws { try SSHKey(blob: blob) } }
  package var named: NamedKey {
    get throws { try NamedKey(line: (try key).line + (name.isEmpty ? "" : " \(name)")) }
  }

  package static func number(_ value: Int) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
  }
  package static func string(_ bytes: [UInt8]) -> [UInt8] { number(bytes.count) + bytes }

  /// The values of a signature, before they are serialised.
  package struct Parts: Sendable {
    package var preamble = Array("SSHSIG".utf8)
    package var version = 1
    package var key: [UInt8]
    package var namespace: [UInt8]
    package var reserved: [UInt8] = []
    package var hash = Array("sha512".utf8)
    package var type: [UInt8]
    package var signature: [UInt8]
    package var extra: [UInt8] = []
    package var tail: [UInt8] = []

    package var blob: [UInt8] {
      let inner = Signer.string(type) + Signer.string(signature) + extra
      return preamble + Signer.number(version)
        + [key, namespace, reserved, hash, inner].flatMap(Signer.string) + tail
    }
    package var armoured: [UInt8] { Signer.armoured(blob) }
  }

  package static func armoured(_ blob: [UInt8]) -> [UInt8] {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: blob.count, by: 3) {
      let part = Array(blob[start..<min(start + 3, blob.count)])
      let bits = (part + [0, 0]).prefix(3).reduce(0) { $0 << 8 | Int($1) }
      for place in 0..<4 { text.append(place <= part.count ? alphabet[bits >> (18 - 6 * place) & 63] : 0x3d) }
      if start % 51 == 48 { text.append(0x0a) }
    }
    if text.last != 0x0a { text.append(0x0a) }
    return Array("-----BEGIN SSH SIGNATURE-----\n".utf8) + text + Array("-----END SSH SIGNATURE-----\n".utf8)
  }

  /// Signs a message. `flags` and `counter` are those of a token.
  package func parts(
    _ message: [UInt8], _ namespace: String, hash: String = "sha512", flags: UInt8 = 1, counter: Int = 7
  ) -> Parts {
    let digest = hash == "sha256" ? SHA2.sha256(message) : SHA2.sha512(message)
    let signed =
      Array("SSHSIG".utf8)
      + [Array(namespace.utf8), [], Array(hash.utf8), digest].flatMap(Self.string)
    var parts = Parts(
      key: blob, namespace: Array(namespace.utf8), hash: Array(hash.utf8), type: Array(type.utf8),
      signature: [])
    if let application {
      parts.extra = [flags] + Self.number(counter)
      parts.signature = raw(SHA2.sha256(application) + parts.extra + SHA2.sha256(signed))
    } else {
      parts.signature = raw(signed)
    }
    return parts
  }

  package func sign(_ message: [UInt8], _ namespace: String = ReleaseCheck.releaseNamespace) -> [UInt8] {
    parts(message, namespace).armoured
  }

  private func raw(_ message: [UInt8]) -> [UInt8] {
    var signature = [UInt8](repeating: 0, count: 64)
    crypto_sign_ed25519_detached(&signature, nil, message, UInt64(message.count), secret)
    return signature
  }
}

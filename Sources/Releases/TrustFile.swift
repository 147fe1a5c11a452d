// SPDX-License-Identifier: GPL-3.0-or-later

/// Which keys a machine trusts: the publish keys of one epoch, and the root keys that sign the trust file of the next epoch.
///
///     wgfence trust 1
///     fleet office-0123456789abcdef
///     epoch 1
///     publish-threshold 1
///     publish-key ssh-ed25519 AAAA… anna        one line for each key
///     root-threshold 2
///     root-key ssh-ed25519 AAAA… root-1         one line for each key
///
/// Each line is required, in this order.
public struct TrustFile: Sendable, Hashable {
  /// The fleet.
  public var fleet: FleetName
  /// The number of the trust file. Each new one has the next number.
  public var epoch: UInt64
  /// Who signs releases.
  public var publishers: Signers
  /// Who signs the next trust file.
  public var roots: Signers

  /// Keys, and how many of them must sign.
  public struct Signers: Sendable, Hashable {
    /// How many different keys must sign.
    public let threshold: Int
    /// The keys; none is listed twice.
    public let keys: [NamedKey]

    /// Some keys and their threshold; nil if the threshold is less than 1 or more than there are keys, or if a key is listed
    /// twice.
    public init?(threshold: Int, keys: [NamedKey]) {
      guard (1...max(keys.count, 1)).contains(threshold), !keys.isEmpty, keys.count <= TrustFile.mostKeys,
        Set(keys.map(\.key)).count == keys.count
      else { return nil }
      (self.threshold, self.keys) = (threshold, keys)
    }

    /// The name of a key's owner; nil if it is none of these keys.
    public func name(of key: SSHKey) -> String? { keys.first { $0.key == key }?.name }
  }

  /// The most releases' signers that can be required.
  public static let mostPublishers = 2
  /// The most keys of each kind.
  public static let mostKeys = 64
  /// The longest trust file, in bytes.
  public static let limit = 64 << 10
  private static let first = "wgfence trust 1"

  /// A trust file of these parts.
  public init(fleet: FleetName, epoch: UInt64, publishers: Signers, roots: Signers) {
    (self.fleet, self.epoch, self.publishers, self.roots) = (fleet, epoch, publishers, roots)
  }

  /// Parses a trust file. A text that is parsed is written again as the same bytes.
  public init(_ bytes: [UInt8]) throws(ReleaseTextError) {
    var lines = try ReleaseLines(bytes, .trust, first: Self.first, limit: Self.limit)
    fleet = try lines.require("fleet").fleet()
    epoch = try lines.require("epoch").number(1...Statement.mostSerial)
    publishers = try Self.signers("publish", most: Self.mostPublishers, &lines)
    roots = try Self.signers("root", most: Self.mostKeys, &lines)
    try lines.end()
  }

  private static func signers(_ kind: String, most: Int, _ lines: inout ReleaseLines) throws(ReleaseTextError)
    -> Signers
  {
    let threshold = try lines.require("\(kind)-threshold")
    let number: Int = try threshold.number(1...most)
    var keys = [try key(try lines.require("\(kind)-key"))]
    for value in try lines.all("\(kind)-key", most: mostKeys - 1) {
      let next = try key(value)
      guard keys.allSatisfy({ $0.key != next.key }) else { throw value.error("this key is listed twice") }
      keys.append(next)
    }
    guard let signers = Signers(threshold: number, keys: keys) else {
      throw threshold.error("\(number) keys must sign, but there are \(keys.count)")
    }
    return signers
  }

  private static func key(_ value: ReleaseLines.Value) throws(ReleaseTextError) -> NamedKey {
    do throws(SSHFormatError) {
      let key = try NamedKey(line: String(value.text))
      guard key.line == value.text else { throw .notBase64 }
      return key
    } catch {
      throw value.error("the line of a .pub file is needed here: \(error)")
    }
  }

  /// The bytes that are signed.
  public var bytes: [UInt8] {
    let lines =
      [
        Self.first, "fleet \(fleet)", "epoch \(epoch)", "publish-threshold \(publishers.threshold)",
      ] + publishers.keys.map { "publish-key \($0.line)" } + ["root-threshold \(roots.threshold)"]
      + roots.keys.map { "root-key \($0.line)" }
    return Array(lines.map { "\($0)\n" }.joined().utf8)
  }

  /// What people compare to know that two machines have the same trust file: the SHA-256 of its bytes.
  public var fingerprint: ContentDigest { ContentDigest(of: bytes) }
}

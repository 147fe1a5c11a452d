// SPDX-License-Identifier: GPL-3.0-or-later

/// A release as one file, for any channel: git, rsync, HTTPS, a USB stick.
///
///     wgfence bundle 1
///     statement LENGTH
///     signature LENGTH           one line for each signature
///     policy LENGTH
///     list LENGTH                one line for each list, in the order of the statement
///     trust LENGTH               one for each trust file since the first one, each with its signatures
///     trust-signature LENGTH
///     (an empty line, then these parts, one after the other)
///
/// Lengths are in bytes. Nothing is compressed or encoded, so nothing must be unpacked before the signature is checked. A
/// bundle is text if the policy is.
public struct ReleaseBundle: Sendable, Hashable {
  /// The statement, as it is signed.
  public var statement: [UInt8]
  /// Its signatures, armoured.
  public var signatures: [[UInt8]]
  /// The policy.
  public var policy: [UInt8]
  /// The files of its lists.
  public var lists: [[UInt8]]
  /// The trust files after the first one, in the order of their epochs.
  public var trustChanges: [TrustChange]

  /// A trust file, and its signatures by root keys of the one before it.
  public struct TrustChange: Sendable, Hashable {
    /// The trust file, as it is signed.
    public let trust: [UInt8]
    /// Its signatures, armoured.
    public var signatures: [[UInt8]]

    /// A trust file and its signatures.
    public init(trust: [UInt8], signatures: [[UInt8]]) { (self.trust, self.signatures) = (trust, signatures) }
  }

  /// The longest bundle, in bytes.
  public static let limit =
    ReleaseParts.headerLimit + Statement.limit + Statement.policyLimit + Statement.listLimit
    + (mostSignatures + mostTrustChanges * mostSignatures) * SSHSignature.limit + mostTrustChanges
    * TrustFile.limit
  static let (mostSignatures, mostTrustChanges) = (16, 64)
  private static let first = "wgfence bundle 1"

  /// A bundle of these parts.
  public init(
    statement: [UInt8], signatures: [[UInt8]], policy: [UInt8], lists: [[UInt8]], trustChanges: [TrustChange]
  ) {
    self.statement = statement
    self.signatures = signatures
    self.policy = policy
    self.lists = lists
    self.trustChanges = trustChanges
  }

  /// Parses a bundle: splits it into its parts. Nothing of them is checked yet.
  public init(_ bytes: [UInt8]) throws(ReleaseTextError) {
    var parts = try ReleaseParts(bytes, first: Self.first, limit: Self.limit)
    statement = try parts.require("statement", most: Statement.limit)
    signatures = try parts.all("signature", most: Self.mostSignatures, each: SSHSignature.limit)
    policy = try parts.require("policy", most: Statement.policyLimit)
    lists = try parts.all("list", most: Statement.mostLists, each: Statement.listLimit)
    trustChanges = try TrustChange.all(&parts)
    try parts.end()
  }

  /// The bytes of the file.
  public var bytes: [UInt8] {
    var parts: [ReleaseParts.Part] = [("statement", statement)]
    parts += signatures.map { ("signature", $0) }
    parts.append(("policy", policy))
    parts += lists.map { ("list", $0) }
    return ReleaseParts.write(parts + trustChanges.flatMap(\.parts), first: Self.first)
  }
}

/// All trust files after the first one, as one file: `wgfence trust-changes 1`, then the lines of a `ReleaseBundle` for them,
/// an empty line, and the parts. The publisher keeps it, adds its signatures, and puts it into each bundle.
public struct TrustChanges: Sendable, Hashable {
  /// In the order of their epochs.
  public var all: [ReleaseBundle.TrustChange]

  private static let first = "wgfence trust-changes 1"
  /// The longest file, in bytes.
  public static let limit =
    ReleaseParts.headerLimit + ReleaseBundle.mostTrustChanges
    * (TrustFile.limit + ReleaseBundle.mostSignatures * SSHSignature.limit)

  /// Some trust files.
  public init(all: [ReleaseBundle.TrustChange]) { self.all = all }

  /// Whether bytes are meant as such a file.
  public static func isMeant(by bytes: [UInt8]) -> Bool { bytes.starts(with: "\(first)\n".utf8) }

  /// Parses a file.
  public init(_ bytes: [UInt8]) throws(ReleaseTextError) {
    var parts = try ReleaseParts(bytes, first: Self.first, limit: Self.limit)
    all = try ReleaseBundle.TrustChange.all(&parts)
    try parts.end()
  }

  /// The bytes of the file.
  public var bytes: [UInt8] { ReleaseParts.write(all.flatMap(\.parts), first: Self.first) }
}

extension ReleaseBundle.TrustChange {
  fileprivate static func all(_ parts: inout ReleaseParts) throws(ReleaseTextError) -> [Self] {
    var changes: [Self] = []
    while let trust = try parts.take("trust", most: TrustFile.limit) {
      guard changes.count < ReleaseBundle.mostTrustChanges else {
        throw parts.error("there are more than \(ReleaseBundle.mostTrustChanges) trust files")
      }
      let signatures = try parts.all(
        "trust-signature", most: ReleaseBundle.mostSignatures, each: SSHSignature.limit)
      changes.append(Self(trust: trust, signatures: signatures))
    }
    return changes
  }

  fileprivate var parts: [ReleaseParts.Part] {
    [("trust", trust)] + signatures.map { ("trust-signature", $0) }
  }
}

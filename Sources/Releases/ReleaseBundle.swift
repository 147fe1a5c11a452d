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
    headerLimit + Statement.limit + Statement.policyLimit + Statement.listLimit
    + (mostSignatures + mostTrustChanges * mostSignatures) * SSHSignature.limit + mostTrustChanges
    * TrustFile.limit
  static let headerLimit = 64 << 10
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
    func fail(_ reason: String, line: Int = 1) -> ReleaseTextError {
      ReleaseTextError(text: .bundle, line: line, column: 1, reason: reason)
    }
    guard bytes.starts(with: "\(Self.first)\n".utf8) else {
      throw fail("the first line is not '\(Self.first)'")
    }
    guard bytes.count <= Self.limit else { throw fail("it is longer than \(Self.limit >> 20) MiB") }
    let newline = UInt8(ascii: "\n")
    let end = bytes.prefix(Self.headerLimit + 2).indices.dropFirst().first {
      bytes[$0] == newline && bytes[$0 - 1] == newline
    }
    guard let end else { throw fail("no empty line ends the list of its parts") }
    var lines = try ReleaseLines(Array(bytes[..<end]), .bundle, first: Self.first, limit: Self.headerLimit)
    var rest = bytes[(end + 1)...]
    func take(_ value: ReleaseLines.Value, _ most: Int) throws(ReleaseTextError) -> [UInt8] {
      let length = try value.number(0...most)
      guard length <= rest.count else {
        throw value.error("the bundle ends \(length - rest.count) bytes too early")
      }
      defer { rest = rest.dropFirst(length) }
      return Array(rest.prefix(length))
    }
    statement = try take(try lines.require("statement"), Statement.limit)
    signatures = []
    for value in try lines.all("signature", most: Self.mostSignatures) {
      signatures.append(try take(value, SSHSignature.limit))
    }
    policy = try take(try lines.require("policy"), Statement.policyLimit)
    lists = []
    for value in try lines.all("list", most: Statement.mostLists) {
      lists.append(try take(value, Statement.listLimit))
    }
    trustChanges = []
    while let value = try lines.take("trust") {
      guard trustChanges.count < Self.mostTrustChanges else {
        throw value.error("there are more than \(Self.mostTrustChanges) trust files")
      }
      let trust = try take(value, TrustFile.limit)
      var signatures: [[UInt8]] = []
      for value in try lines.all("trust-signature", most: Self.mostSignatures) {
        signatures.append(try take(value, SSHSignature.limit))
      }
      trustChanges.append(TrustChange(trust: trust, signatures: signatures))
    }
    try lines.end()
    guard rest.isEmpty else { throw fail("\(rest.count) bytes follow its last part", line: lines.number) }
  }

  /// The bytes of the file.
  public var bytes: [UInt8] {
    var parts: [(key: String, bytes: [UInt8])] = [("statement", statement)]
    parts += signatures.map { ("signature", $0) }
    parts.append(("policy", policy))
    parts += lists.map { ("list", $0) }
    for change in trustChanges {
      parts.append(("trust", change.trust))
      parts += change.signatures.map { ("trust-signature", $0) }
    }
    let header = parts.map { "\($0.key) \($0.bytes.count)\n" }.joined()
    return Array("\(Self.first)\n\(header)\n".utf8) + parts.flatMap(\.bytes)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import Netlink
public import Ruleset

/// Where a ruleset in force comes from, and who put it there.
public struct Provenance: Sendable, Hashable {
  /// What kind of ruleset it is.
  public enum Kind: String, Sendable, Hashable {
    /// What a policy allows.
    case policy
    /// Loopback, the tunnels' own packets and the `failsafe` grants.
    case lockDown = "lock-down"
    /// The same, and nothing new outward.
    case panic
    /// What was found in the kernel, of which nothing else is known.
    case found
  }

  /// What kind of ruleset it is.
  public var kind: Kind
  /// The policy file, as it was named.
  public var path: String
  /// The digest of the policy and its lists.
  public var digest: String
  /// The machine as which it was compiled.
  public var machine: String
  /// Who put it in force, and by what.
  public var by: String
  /// When, in seconds since 1970.
  public var since: Int64

  /// A provenance of these parts.
  public init(kind: Kind, path: String, digest: String, machine: String, by: String, since: Int64) {
    self.kind = kind
    self.path = path
    self.digest = digest
    self.machine = machine
    self.by = by
    self.since = since
  }
}

/// A ruleset on disk: where it comes from as lines that a person can read, then the batch that makes it.
///
///     wgfence ruleset 1
///     digest=…            of all behind this line
///     kind=policy
///     …
///     (an empty line, then the batch)
public struct StoredRuleset: Sendable {
  /// Where it comes from.
  public let provenance: Provenance
  /// The batch that makes the table, ready to be sent.
  public let batch: [UInt8]

  private static let magic = "wgfence ruleset 1"
  /// More than any policy compiles to: 64 MiB of lists are less than this as elements.
  static let limit = 512 << 20

  /// The stored form of a table. The batch is read again and compared: one that says something else is refused.
  public init(_ table: KernelTable, _ provenance: Provenance) throws(StoreError) {
    self.provenance = provenance
    do throws(CommitError) {
      batch = try TableBatch.encode(table)
    } catch {
      throw .refused(operation: 0, reason: error.description)
    }
    var plain = table
    plain.flags &= ~NFT.tableOwnership
    guard let read = TableBatch.decode(batch, family: table.family, name: table.name),
      Plan(desired: plain, observed: read).isEmpty
    else { throw .refused(operation: 0, reason: "the batch to be stored does not say what the table is") }
  }

  /// Reads a file's content. Nil where it is damaged, of another version, or not one at all.
  public init?(_ bytes: [UInt8]) {
    guard let rest = DigestedFile.unwrap(Self.magic, bytes) else { return nil }
    var next = 0
    while next + 1 < rest.count, rest[next] != UInt8(ascii: "\n") || rest[next + 1] != UInt8(ascii: "\n") {
      next += 1
    }
    guard next + 1 < rest.count else { return nil }
    let lines = LabelledLines(Substring(decoding: rest[..<next], as: UTF8.self))
    guard let kind = lines["kind"].flatMap({ Provenance.Kind(rawValue: $0) }) else { return nil }
    provenance = Provenance(
      kind: kind, path: lines["path"] ?? "", digest: lines["policy"] ?? "", machine: lines["machine"] ?? "",
      by: lines["by"] ?? "", since: lines[number: "since"] ?? 0)
    batch = Array(rest[(next + 2)...])
  }

  /// The table that the batch makes.
  public var table: KernelTable? {
    TableBatch.decode(batch, family: NFT.familyInet, name: Ruleset.tableName)
  }

  /// The content of the file.
  public var bytes: [UInt8] {
    var lines = LabelledLines()
    lines["kind"] = provenance.kind.rawValue
    lines["path"] = provenance.path
    lines["policy"] = provenance.digest
    lines["machine"] = provenance.machine
    lines["by"] = provenance.by
    lines["since"] = String(provenance.since)
    return DigestedFile.wrap(Self.magic, Array("\(lines.text)\n".utf8) + batch)
  }
}

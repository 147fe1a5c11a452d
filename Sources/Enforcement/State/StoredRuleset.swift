// SPDX-License-Identifier: GPL-3.0-or-later

internal import Netlink
public import Ruleset

/// The origin of a ruleset in force, and who put it in force.
public struct Provenance: Sendable, Hashable {
  /// The kind of ruleset.
  public enum Kind: String, Sendable, Hashable {
    /// What a policy grants.
    case policy
    /// The same, but what the policy does not allow is counted, logged and accepted.
    case observe
    /// Loopback, the tunnels' own packets and the `failsafe` grants.
    case lockDown = "lock-down"
    /// The same, without new outbound connections.
    case panic
    /// A table that was found in the kernel; nothing else is known about it.
    case found
  }

  /// The kind of ruleset.
  public var kind: Kind
  /// Why it only observes; nil for every other kind.
  public var observer: Observer?
  /// The path of the policy file, as it was given.
  public var path: String
  /// The digest of the policy and its lists.
  public var digest: String
  /// The machine for which it was compiled.
  public var machine: String
  /// The user and program that put it in force.
  public var by: String
  /// When it was put in force, in seconds since 1970.
  public var since: Int64

  /// Why a ruleset drops nothing.
  public enum Observer: Sendable, Hashable {
    /// `observe` of the policy names the machine.
    case policy
    /// A user applied it with `--observe`.
    case user
    /// The daemon put in force a policy on a machine on which nothing was in force before, because it would end what works:
    /// what the present policy would end, in one line; nil if it would end nothing.
    case daemon(String?)

    /// The reason as a line of a file.
    var text: String {
      switch self {
      case .policy: "policy"
      case .user: "user"
      case .daemon(let reason?): "daemon \(reason)"
      case .daemon(nil): "daemon"
      }
    }

    /// The reason of such a line; an unknown one is a user's.
    init(text: String) {
      switch text {
      case "policy": self = .policy
      case "daemon": self = .daemon(nil)
      case _ where text.hasPrefix("daemon "): self = .daemon(String(text.dropFirst(7)))
      default: self = .user
      }
    }
  }

  /// Creates a provenance from its parts.
  public init(
    kind: Kind, observer: Observer? = nil, path: String, digest: String, machine: String, by: String,
    since: Int64
  ) {
    self.kind = kind
    self.observer = observer
    self.path = path
    self.digest = digest
    self.machine = machine
    self.by = by
    self.since = since
  }
}

/// A ruleset on disk: its origin as lines that a person can read, then the batch that creates it.
///
///     wgfence ruleset 1
///     digest=…            of everything after this line
///     kind=policy
///     …
///     (an empty line, then the batch)
public struct StoredRuleset: Sendable {
  /// The origin.
  public let provenance: Provenance
  /// The batch that creates the table, ready to be sent.
  public let batch: [UInt8]

  private static let magic = "wgfence ruleset 1"
  /// The maximum size in bytes. No policy compiles to more: 64 MiB of lists are less than this as elements.
  static let limit = 512 << 20

  /// Creates the stored form of a table. The batch is decoded again and compared with the table; throws if
  /// they differ.
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
    else { throw .refused(operation: 0, reason: "the batch to be stored decodes to another table") }
  }

  /// Parses a file's content. Nil if it is damaged, of another version, or not a stored ruleset.
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
      kind: kind, observer: kind == .observe ? Provenance.Observer(text: lines["observer"] ?? "") : nil,
      path: lines["path"] ?? "", digest: lines["policy"] ?? "", machine: lines["machine"] ?? "",
      by: lines["by"] ?? "", since: lines[number: "since"] ?? 0)
    batch = Array(rest[(next + 2)...])
  }

  /// The table that the batch creates.
  public var table: KernelTable? {
    TableBatch.decode(batch, family: NFT.familyInet, name: Ruleset.tableName)
  }

  /// The content of the file.
  public var bytes: [UInt8] {
    var lines = LabelledLines()
    lines["kind"] = provenance.kind.rawValue
    lines["observer"] = provenance.observer?.text
    lines["path"] = provenance.path
    lines["policy"] = provenance.digest
    lines["machine"] = provenance.machine
    lines["by"] = provenance.by
    lines["since"] = String(provenance.since)
    return DigestedFile.wrap(Self.magic, Array("\(lines.text)\n".utf8) + batch)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// The state that survives a restart of the daemon and of the machine, besides the rulesets themselves.
public struct PersistedState: Sendable, Hashable {
  /// The number of the stored ruleset that is in force; nil if none was ever stored.
  public var inForce: Int?
  /// The digests of policy files that have no effect: of the one that an `apply` or `rollback` overrides, and of a trial that
  /// went back. The file takes effect again when it has other content.
  public var superseded: Set<String> = []
  /// The digest of the policy file that the daemon read last; nil if none was ever read.
  public var file: String?
  /// An apply that is not confirmed yet.
  public var pending: Pending?
  /// The panic that is in force.
  public var panic: Panic?

  /// An apply that goes back unless it is confirmed.
  public struct Pending: Sendable, Hashable {
    /// The number of the stored ruleset to go back to; nil: nothing was in force, and the table is removed.
    public var back: Int?
    /// `PersistedState.superseded` after it has gone back: what was superseded before, and the policy on trial, so that reading it
    /// from its file does not put it in force again.
    public var superseded: Set<String>
    /// When it goes back: nanoseconds of `CLOCK_BOOTTIME`, in the boot `boot`.
    public var deadline: Int64
    /// The boot, from `/proc/sys/kernel/random/boot_id`. In any other boot the apply counts as gone back.
    public var boot: String
    /// The time for the confirmation, in seconds.
    public var seconds: Int64
    /// Who applied it.
    public var by: String
    /// The TCP connections to this host that existed at the apply, in the format of `SessionFlow`: none of
    /// them proves that a new connection can be opened.
    public var connections: [String]

    /// Creates a pending apply from its parts.
    public init(
      back: Int?, superseded: Set<String> = [], deadline: Int64, boot: String, seconds: Int64, by: String,
      connections: [String] = []
    ) {
      self.back = back
      self.superseded = superseded
      self.deadline = deadline
      self.boot = boot
      self.seconds = seconds
      self.by = by
      self.connections = connections
    }
  }

  /// A panic: only the failsafe grants are in force.
  public struct Panic: Sendable, Hashable {
    /// Since when, in seconds since 1970.
    public var since: Int64
    /// Who declared it.
    public var by: String
    /// The number of the stored ruleset that is in force again after it, unless the policy file is valid
    /// then.
    public var behind: Int?
    /// Why the ruleset before it only observed; nil if it was enforcing.
    public var observer: Provenance.Observer?

    /// Creates a panic from its parts.
    public init(since: Int64, by: String, behind: Int?, observer: Provenance.Observer? = nil) {
      self.observer = observer
      self.since = since
      self.by = by
      self.behind = behind
    }
  }

  /// Creates an empty state.
  public init() {}

  private static let magic = "wgfence state 1"

  /// Parses a file's content; nil if it is damaged or of another version.
  public init?(_ bytes: [UInt8]) {
    guard let rest = DigestedFile.unwrap(Self.magic, bytes) else { return nil }
    let lines = LabelledLines(Substring(decoding: rest, as: UTF8.self))
    inForce = lines[number: "in-force"]
    superseded = Self.words(lines["superseded"])
    file = lines["file"]
    if let deadline: Int64 = lines[number: "pending-deadline"] {
      pending = Pending(
        back: lines[number: "pending-back"], superseded: Self.words(lines["pending-superseded"]),
        deadline: deadline, boot: lines["pending-boot"] ?? "",
        seconds: lines[number: "pending-seconds"] ?? 0, by: lines["pending-by"] ?? "",
        connections: lines["pending-connections"]?.split(separator: " ").map { String($0) } ?? [])
    }
    if let since: Int64 = lines[number: "panic-since"] {
      panic = Panic(
        since: since, by: lines["panic-by"] ?? "", behind: lines[number: "panic-behind"],
        observer: lines["panic-observer"].map { Provenance.Observer(text: $0) })
    }
  }

  private static func words(_ text: String?) -> Set<String> {
    Set(text?.split(separator: " ").map { String($0) } ?? [])
  }

  private static func text(_ words: Set<String>) -> String? {
    words.isEmpty ? nil : words.sorted().joined(separator: " ")
  }

  /// The content of the file.
  public var bytes: [UInt8] {
    var lines = LabelledLines()
    lines["in-force"] = inForce.map { String($0) }
    lines["superseded"] = Self.text(superseded)
    lines["file"] = file
    if let pending {
      lines["pending-back"] = pending.back.map { String($0) }
      lines["pending-superseded"] = Self.text(pending.superseded)
      lines["pending-deadline"] = String(pending.deadline)
      lines["pending-boot"] = pending.boot
      lines["pending-seconds"] = String(pending.seconds)
      lines["pending-by"] = pending.by
      lines["pending-connections"] = pending.connections.joined(separator: " ")
    }
    if let panic {
      lines["panic-since"] = String(panic.since)
      lines["panic-by"] = panic.by
      lines["panic-behind"] = panic.behind.map { String($0) }
      lines["panic-observer"] = panic.observer?.text
    }
    return DigestedFile.wrap(Self.magic, Array(lines.text.utf8))
  }
}

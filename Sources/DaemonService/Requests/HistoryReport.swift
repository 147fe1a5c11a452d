// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
package import NetworkModel
internal import PolicyAnalysis
internal import PolicyDifference
internal import PolicyFiles
internal import PolicyLanguage
internal import Reports
internal import Ruleset

/// The report of the stored rulesets.
package struct HistoryReport {
  /// A stored ruleset.
  fileprivate struct Entry {
    let number: Int
    let ruleset: StateDirectory.Content<StoredRuleset>
    /// What it is now, if it is anything: `in-force`, `on-trial`, `rolls-back-to`.
    let standing: Standing?
    /// How it differs from the ruleset stored before it; nil if that is not known.
    var change: Change?
    /// The commit that has its policy; nil if there is none.
    var commit: String?
  }

  fileprivate enum Standing: String {
    case inForce = "in-force"
    case onTrial = "on-trial"
    case rollsBackTo = "rolls-back-to"

    var words: String {
      switch self {
      case .inForce: "in force"
      case .onTrial: "on trial"
      case .rollsBackTo: "rolls back to"
      }
    }
  }

  /// What a ruleset lets pass that the one before it did not, and the reverse, in lines of `wgfence diff`.
  fileprivate struct Change {
    let gained: Int
    let lost: Int

    var text: String { gained + lost == 0 ? "same access" : "\(gained) gained, \(lost) lost" }
  }

  /// The newest first.
  private var entries: [Entry]

  /// Reads the stored rulesets.
  package init(_ directory: StateDirectory, _ state: PersistedState) {
    entries = directory.numbers().reversed().compactMap { number in
      let ruleset = directory.ruleset(number)
      if case .absent = ruleset { return nil }
      let standing: Standing? =
        number == state.inForce
        ? (state.pending == nil ? .inForce : .onTrial) : number == state.pending?.back ? .rollsBackTo : nil
      return Entry(number: number, ruleset: ruleset, standing: standing)
    }
  }

  /// Reads the stored rulesets with their details; nil if the directory cannot be read.
  package init?(detailed directory: StateDirectory) {
    switch directory.state() {
    case .whole(let state): self.init(directory, state)
    case .absent: self.init(directory, PersistedState())
    case .damaged: return nil
    }
    addDetails()
  }

  /// Adds how each ruleset differs from the one before it, in the names of its policy as it is now, and the commits of the
  /// policies. Runs git, and compares each pair of rulesets.
  private mutating func addDetails() {
    var roles: [[String]: (policy: Policy, machine: Machine)] = [:]
    for index in entries.indices {
      guard let (from, table) = entries[index].content else { continue }
      let key = [from.path, from.machine]
      roles[key] = roles[key] ?? StoredImpact.role(from)
      let older = index + 1 < entries.count ? entries[index + 1].content : nil
      if let older, let (policy, machine) = roles[key], older.from.machine == from.machine {
        let old = CompiledSite(policy, today: Today.date, replacing: [machine.name: older.table])
        let new = CompiledSite(policy, today: Today.date, replacing: [machine.name: table])
        entries[index].change = Change(SiteDifference(from: old, to: new, only: machine.name))
      }
    }
    let paths = Dictionary(grouping: entries.compactMap { $0.content?.from }, by: \.path)
    for (path, all) in paths {
      let commits = PolicyCommits.commits(of: path, with: Set(all.map(\.digest)))
      for index in entries.indices where entries[index].content?.from.path == path {
        entries[index].commit = entries[index].content.flatMap { commits[$0.from.digest] }
      }
    }
  }

  /// The report for people.
  package var text: PrintableText {
    if entries.isEmpty { return "No ruleset is stored.\n" }
    var table = AlignedTable([.right(), .left(), .left(), .left(), .left(), .left()])
    for entry in entries {
      let standing = entry.standing?.words ?? ""
      switch entry.ruleset {
      case .whole(let ruleset):
        let from = ruleset.provenance
        let policy = "\(from.path) \(from.digest)" + (entry.commit.map { ", commit \($0)" } ?? "")
        table.append([
          "\(entry.number)", Timestamp.text(from.since), from.by, policy, entry.change?.text ?? "", standing,
        ])
      case .damaged(let why): table.append(["\(entry.number)", "", "", why, "", standing])
      case .absent: continue
      }
    }
    return table.text()
  }

  /// The report for programs.
  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/rollback-list/1")
      object.array("rulesets") { list in
        for entry in entries { list.object { entry.put(in: &$0) } }
      }
    }
  }

  static func line(_ provenance: Provenance?) -> String {
    guard let provenance else { return "nothing is in force" }
    switch provenance.kind {
    case .policy, .found: return "\(provenance.path) of \(Timestamp.text(provenance.since)) is in force"
    case .observe:
      return "\(provenance.path) of \(Timestamp.text(provenance.since)) is only observed: nothing is dropped"
    case .lockDown: return "lock-down is in force"
    case .panic: return "panic is in force"
    }
  }

  /// The message of a rollback.
  package static func rolledBack(to provenance: Provenance?) -> PrintableText {
    "Rolled back: \(line(provenance))"
  }
}

extension HistoryReport.Entry {
  func put(in object: inout JSONWriter.Object) {
    let from = content?.from
    object.put("number", number)
    object.put("standing", standing?.rawValue)
    object.put("kind", from?.kind.rawValue)
    object.put("since", from.map { Timestamp.text($0.since) })
    object.put("by", from?.by)
    object.put("machine", from?.machine)
    object.put("policy", from?.path)
    object.put("digest", from?.digest)
    object.put("commit", commit)
    object.put("gained", change?.gained)
    object.put("lost", change?.lost)
    if case .damaged(let why) = ruleset { object.put("damaged", why) } else { object.null("damaged") }
  }

  /// Where the ruleset comes from, and its rules; nil if it is damaged.
  var content: (from: Provenance, table: KernelTable)? {
    guard case .whole(let ruleset) = ruleset, let table = ruleset.table else { return nil }
    return (ruleset.provenance, table)
  }
}

extension HistoryReport.Change {
  init(_ difference: SiteDifference) {
    self.init(
      gained: difference.gained.count + difference.clearTextGained.count + difference.outboundGained.count
        + difference.statementsGained.count,
      lost: difference.lost.count + difference.clearTextLost.count + difference.outboundLost.count
        + difference.statementsLost.count)
  }
}

extension StateDirectory {
  /// The number of the ruleset to roll back to: the one that was given, else the newest before the one in force that is not of
  /// the same policy.
  package func number(asked: Int?, _ state: PersistedState) throws(Refusal) -> Int {
    let known = numbers()
    let now = state.inForce.flatMap { ruleset($0).value?.provenance }
    let earlier = known.filter { number in state.inForce.map { number < $0 } ?? true }
    let other = earlier.last { number in
      ruleset(number).value.map { $0.provenance.digest != now?.digest || $0.provenance.kind != now?.kind }
        ?? false
    }
    guard let number = asked ?? other ?? earlier.last
    else { throw Refusal("there is no stored ruleset before this one") }
    guard known.contains(number) else {
      throw Refusal("there is no stored ruleset \(number): see wgfence rollback --list")
    }
    return number
  }
}

extension FirewallRequest.PanicChange {
  /// Its message when it was carried out.
  package func report(_ inForce: Provenance?) -> PrintableText {
    switch self {
    case .begin: "Panic: only loopback, the tunnels' own packets and the failsafe grants are accepted"
    case .end: "The panic has ended: \(HistoryReport.line(inForce))"
    }
  }

  /// The kind of change for a report.
  var stored: StoredReport.Change {
    switch self {
    case .begin: .panic
    case .end: .endPanic
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
package import NetworkModel
internal import PolicyCompiler
internal import Reports

/// The report of stored rulesets, as text.
package enum HistoryReport {
  package static func text(_ directory: StateDirectory, _ state: PersistedState) -> PrintableText {
    var table = AlignedTable([.right(), .left(), .left(), .left(), .left()])
    for number in directory.numbers().reversed() {
      let mark =
        number == state.inForce
        ? (state.pending == nil ? "in force" : "on trial")
        : number == state.pending?.back ? "rolls back to" : ""
      switch directory.ruleset(number) {
      case .whole(let ruleset):
        let from = ruleset.provenance
        table.append(["\(number)", Timestamp.text(from.since), from.by, "\(from.path) \(from.digest)", mark])
      case .damaged(let why): table.append(["\(number)", "", "", why, mark])
      case .absent: continue
      }
    }
    let text = table.text()
    return text.isEmpty ? "No ruleset is stored.\n" : text
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

extension StateDirectory {
  /// The number of the ruleset to roll back to: the one that was given, else the newest before the one in force.
  package func number(asked: Int?, _ state: PersistedState) throws(Refusal) -> Int {
    let known = numbers()
    guard let number = asked ?? known.last(where: { number in state.inForce.map { number < $0 } ?? true })
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

// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import NetworkModel

/// The stored rulesets, for people.
enum HistoryReport {
  static func text(_ directory: StateDirectory, _ state: KeptState) -> String {
    var table = AlignedTable([.right(), .left(), .left(), .left(), .left()])
    for number in directory.numbers().reversed() {
      let mark =
        number == state.inForce
        ? (state.pending == nil ? "in force" : "on trial")
        : number == state.pending?.back ? "goes back to" : ""
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
    case .policy, .found: return "\(provenance.path) of \(Timestamp.text(provenance.since)) holds"
    case .lockDown: return "a lock-down holds"
    case .panic: return "a panic holds"
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

package import DropAnalysis
package import Enforcement
package import NetworkModel
internal import PolicyFiles
package import Reports

/// A policy that is only observed.
package struct ObservedPolicy {
  private let from: Provenance
  private let directory: StateDirectory

  /// The policy that is observed according to a state directory; nil if there is none, or if it cannot be read.
  package init?(_ directory: StateDirectory?) {
    guard let directory, case .whole(let state) = directory.state(),
      let from = state.inForce.flatMap({ directory.ruleset($0).value?.provenance }), from.kind == .observe
    else { return nil }
    self.from = from
    self.directory = directory
  }

  /// What it would have dropped since an age, as text for people.
  package func drops(since age: DropAge) throws(Refusal) -> PrintableText {
    do {
      var notes: [String] = []
      let role = try PolicyRole.find(
        .file(from.path), MachineChoice(given: from.machine), &notes)
      return try DropQuestion(directory, as: role, since: age, notes: notes).summary(.text)
    } catch {
      let why = VerbFailure.sentence(error) ?? "\(from.path) is not valid"
      throw Refusal("it is not known what would have been dropped: \(why)")
    }
  }

  /// What enforcing it ends. `gaps` are sentences about what is not known.
  package var impact: (report: ImpactReport, gaps: [String]) { StoredImpact.report(enforcing: from) }
}

// SPDX-License-Identifier: GPL-3.0-or-later

package import PolicyAnalysis
internal import PolicyLanguage
package import PolicyProof
internal import Ruleset

/// Compiles all machines of a site, with as many threads as there are processors.
package enum SiteCheck {
  /// Returns the number of rules of all machines, and adds the machines' results to a proof. `progress` is called
  /// with the number of machines that are done.
  package static func rules(
    of site: CompiledSite, after run: PolicyTestRun, proving proof: inout Proof?, progress: (Int) -> Void
  ) -> Int {
    let machines = site.policy.machines
    // A share must be large enough to justify a thread.
    let size = max(1, min(16, machines.count / 16))
    let shares = stride(from: 0, to: machines.count, by: size).map {
      Array(machines[$0..<min($0 + size, machines.count)])
    }
    let known = proof
    let parts = ThreadWorkers().map(shares, progress: { progress($0 * size) }) { machines in
      var part = Proof.Part()
      var rules = 0
      for machine in machines {
        // The test run has already compiled the machines that its packets reach.
        let ruleset = run.ruleset(of: machine) ?? site.ruleset(of: machine)
        rules += ruleset.chains.reduce(0) { $0 + $1.rules.count }
        if let known { part.prove(machine, Lowering.table(ruleset), known) }
      }
      return (rules: rules, proof: part)
    }
    for part in parts { proof?.add(part.proof) }
    return parts.reduce(0) { $0 + $1.rules }
  }
}

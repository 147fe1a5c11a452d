// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
package import PolicyAnalysis
package import PolicyLanguage
package import Reports

/// What this kernel enforces, compared with a policy.
package enum LiveDifference {
  /// Compares for one machine of the policy; `path` is the policy file's path in the report. The kernel's own table
  /// is the old side; if there is none, everything passes there.
  package static func report(to new: CompiledSite, on machine: Machine, path: String) throws(EnforcementError)
    -> DifferenceReport
  {
    var store = try KernelRuleset.own()
    let stored = try Enforcer.plan(new.table(of: machine), in: &store).before
    var old = new
    if let table = stored {
      old.replaced[machine.name] = table
    } else {
      old.bare.insert(machine.name)
    }
    return DifferenceReport(
      old: stored == nil ? "this kernel (no ruleset is loaded)" : "this kernel", new: path,
      difference: SiteDifference(from: old, to: new, only: machine.name))
  }
}

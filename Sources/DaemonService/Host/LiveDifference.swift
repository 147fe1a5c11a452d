// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
package import PolicyAnalysis
internal import PolicyDifference
package import PolicyLanguage
package import Reports
package import Ruleset

/// What this kernel enforces, compared with a policy.
package enum LiveDifference {
  /// Compares for one machine of the policy; `path` is the policy file's path in the report. The kernel's own table
  /// is the old side; if there is none, everything passes there.
  package static func report(to new: CompiledSite, on machine: Machine, path: String) throws(EnforcementError)
    -> DifferenceReport
  {
    var store = try KernelRuleset.own()
    return report(
      from: try Enforcer.plan(new.table(of: machine), in: &store).before, to: new, on: machine, path: path)
  }

  /// The same with a table that was read; nil: there is none.
  package static func report(
    from observed: KernelTable?, to new: CompiledSite, on machine: Machine, path: String
  ) -> DifferenceReport {
    var old = new
    if let observed {
      old.replaced[machine.name] = observed
    } else {
      old.bare.insert(machine.name)
    }
    return DifferenceReport(
      old: observed == nil ? "this kernel (no ruleset is loaded)" : "this kernel", new: path,
      difference: SiteDifference(from: old, to: new, only: machine.name))
  }
}

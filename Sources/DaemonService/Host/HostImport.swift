// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import HostAnalysis
internal import LinuxHost
internal import NetworkModel
package import PolicyImport
internal import PolicyFiles
internal import PolicyLanguage
package import Reports

extension HostReading {
  /// Reads this host, and writes a policy from the rules that a program has loaded on it. Refused if they cannot be
  /// imported; throws `HostReadError` or `NetlinkError` if the host cannot be read.
  ///
  /// `named` is the machine's name; nil: the host name up to its first dot. `path` is the file to which the policy will be
  /// written; nil for standard output. `directory` and `policy` are as for a first policy.
  package static func policyImport(
    of tool: ImportTool, named: String?, to path: String?, storedIn directory: StateDirectory?,
    policy: String
  ) throws -> ImportReport {
    let look = try read()
    let basis = PolicyImport.Basis(
      host: look.basis(
        named: named, wireGuardDirectory: WireGuardNames.defaultDirectory, storedIn: directory,
        policy: policy),
      tool: tool, today: Today.date
    ) { policy, machine in LiveReading(for: policy, on: machine, .left).facts }
    do throws(ImportError) {
      return ImportReport(try PolicyImport(basis), path: path, notes: look.notes)
    } catch {
      throw Refusal("\(error)")
    }
  }
}

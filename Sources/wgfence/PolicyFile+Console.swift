// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import Glibc
import NetworkModel
import PolicyAnalysis
import PolicyFiles
import PolicyLanguage
import PolicyProof
import Reports
import Ruleset

extension PolicyFile {
  /// The policy, which must be valid: its errors go to standard error, and end the verb with status 2.
  func validPolicy(_ path: String) throws -> Policy {
    do throws(PolicyRole.Invalid) { return try PolicyRole.valid(self, path) } catch {
      throw Console.reject(.invalid(error.errors), of: path)
    }
  }
}

extension LiveFacts {
  /// Reads the live facts of this host for a policy. Prints to standard error what is not known. `machine` is this
  /// host's machine; without it, this host's own addresses are not checked.
  static func readPrintingGaps(for policy: Policy, on machine: String? = nil) -> LiveFacts {
    let reading = LiveReading(for: policy, on: machine)
    for gap in reading.gaps { Console.warn("\(gap)") }
    return reading.facts
  }
}

extension Console {
  /// Prints that a policy is not valid. The verb ends with status 2.
  static func invalid(_ diagnostics: [Diagnostic], _ path: String) -> ExitCode {
    let errors = diagnostics.filter { $0.severity == .error }
    let rejection = PolicyRejectionText(.invalid(errors), path: path)
    error(rejection.answer)
    return ExitCode(rejection.exitStatus)
  }

  /// The candidate that can be put in force. Prints to standard error what is not known of live endpoints, and why a
  /// policy is rejected; a rejection ends the verb.
  static func accepted(_ loaded: PolicyLoader.Loaded, of path: String) throws -> Candidate {
    for gap in loaded.gaps { warn("\(gap)") }
    switch loaded.result {
    case .success(let candidate): return candidate
    case .failure(let rejection): throw reject(rejection, of: path)
    }
  }

  /// What a change ends. Prints to standard error what is not known.
  static func impact(of view: SiteView, loading desired: KernelTable) -> ImpactReport {
    let (report, gaps) = ImpactCheck.report(of: view, loading: desired)
    for gap in gaps { warn("\(gap)") }
    return report
  }

  /// Prints why a change is refused. The verb ends with status 2.
  static func refuse(_ text: PrintableText) -> ExitCode {
    error(text)
    return ExitCode(2)
  }

  /// Prints why a policy is not put in force. Returns the exit status of the verb.
  static func reject(_ rejection: PolicyRejection, of path: String) -> ExitCode {
    let text = PolicyRejectionText(rejection, path: path)
    note(text.report)
    error(text.answer)
    return ExitCode(text.exitStatus)
  }
}

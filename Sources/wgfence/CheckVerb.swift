// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import NetworkModel
import PolicyAnalysis
import PolicyFiles
import PolicyLanguage
import PolicyProof
import Reports
import Ruleset

/// `wgfence check`: checks whether a policy is valid.
struct CheckVerb: Verb {
  static let configuration = verb(
    "check", "Check policy files: syntax, names, and the rulesets that they compile to.",
    discussion: """
      Reports all errors in one run, each with its position and a hint. Compiles the policy for every machine that it \
      names, and runs the policy's own tests on the rulesets. A failed test is shown with the packet, its walk, and what \
      would make it pass. Grants that no test covers give a warning. Needs no root and changes nothing.

      Exit status: 0 valid, and every test passed; 1 a file could not be read; 2 not valid, or a test failed, or, with \
      --strict, there was a warning.
      """)

  @Argument(help: "The policy files.", completion: .file(extensions: ["yaml", "yml"]))
  var policies: [String] = [PolicyOptions.defaultPath]

  @Flag(help: "Prove for all possible packets that every machine's ruleset does what the policy says.")
  var prove = false

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  @Flag(help: "Exit with status 2 also if there is only a warning.")
  var strict = false
  @OptionGroup var colour: ColourOption

  func run() throws {
    var report = CheckReport()
    for path in policies {
      let file = try PolicyFile.load(path)
      report.diagnostics += file.decoded.diagnostics
      report.isValid = report.isValid && file.decoded.isValid
      say(DiagnosticText().render(file.decoded.diagnostics))
      guard file.decoded.isValid, let policy = file.decoded.policy else { continue }
      let site = CompiledSite(policy, today: Today.date)
      let run = PolicyTestRun(site)
      let coverage = run.coverage
      say(DiagnosticText().render(report.add(run, coverage, file.lines)))
      say(TestFailureText(lines: file.lines).render(run.failures))
      var proof = prove ? Proof(site) : nil
      var progress = Progress(prove ? "proved" : "compiled", "machines", by: Console.note)
      let rules = SiteCheck.rules(of: site, after: run, proving: &proof) {
        progress.note($0, of: policy.machines.count)
      }
      progress.end()
      if let proof {
        report.proofs.append((path, proof))
        say(ProofReport.text(proof, path: path))
      }
      let untouched = coverage.untouched.count
      say(
        "\(path): valid; \(policy.machines.count) machines, \(policy.grants.count + policy.failsafe.count) grants, "
          + "\(rules) rules; \(run.passed) expectations of \(policy.tests.count) tests hold, "
          + "\(run.failures.count) fail\(untouched > 0 ? "; no test covers \(untouched) of the grants" : "")\n"
      )
    }
    if format == .json { Console.print(document: report.json) }
    if report.hasFinding || (strict && report.hasWarning) { throw ExitCode(2) }
  }

  /// Prints text for people; nothing with `--format json`.
  private func say(_ text: PrintableText) { if format == .text { Console.print(text) } }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Glibc
import NetworkModel
import PolicyAnalysis
import PolicyCompiler
import PolicyLanguage
import RulesetModel

/// `wgfence check`: whether a policy is one.
struct CheckVerb: Verb {
  static let configuration = verb(
    "check", "Check policy files: their syntax, their names, what they compile to.",
    discussion: """
      Reports everything that is wrong in one run, each with its place and a hint, compiles the policy for every machine \
      that it names, and runs the policy's own tests on what it compiles to. Needs no root and changes nothing.

      Exit status: 0 valid, and every test holds; 1 a file could not be read; 2 not valid, or a test failed.
      """)

  @Argument(help: "The policy files.", completion: .file(extensions: ["yaml", "yml"]))
  var policies: [String] = [PolicyOptions.defaultPath]

  @Flag(help: "Prove over all packets there can be that every machine's ruleset does what the policy says.")
  var prove = false

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws {
    var proofs: [Proof] = []
    var isValid = true
    var diagnostics: [Diagnostic] = []
    var passed = 0
    var failures: [PolicyTestRun.Failure] = []
    for path in policies {
      let file = try PolicyFile.load(path)
      diagnostics += file.decoded.diagnostics
      isValid = isValid && file.decoded.isValid
      if format == .text {
        let style: DiagnosticText.Style = Console.hasColour(STDOUT_FILENO) ? .coloured : .plain
        Console.print(DiagnosticText(style: style).render(file.decoded.diagnostics))
      }
      guard file.decoded.isValid, let policy = file.decoded.policy else { continue }
      let site = CompiledSite(policy, today: Today.date)
      let run = PolicyTestRun(site)
      passed += run.passed
      failures += run.failures
      if format == .text { Console.print(TestReport.text(run)) }
      var rules = 0
      for machine in policy.machines {
        rules += site.ruleset(of: machine).chains.reduce(0) { $0 + $1.rules.count }
      }
      if prove {
        let proof = Proof(site)
        proofs.append(proof)
        if format == .text { Console.print(ProofReport.text(proof, path: path)) }
      }
      if format == .text {
        Console.print(
          "\(path): valid; \(policy.machines.count) machines, \(policy.grants.count + policy.failsafe.count) grants, "
            + "\(rules) rules; \(run.passed) expectations of \(policy.tests.count) tests hold, "
            + "\(run.failures.count) fail\n")
      }
    }
    if format == .json { report(isValid, diagnostics, passed, failures) }
    if !isValid || !failures.isEmpty || proofs.contains(where: { !$0.counterExamples.isEmpty }) {
      throw ExitCode(2)
    }
  }

  private func report(
    _ isValid: Bool, _ diagnostics: [Diagnostic], _ passed: Int, _ failures: [PolicyTestRun.Failure]
  ) {
    Console.print(
      JSONWriter.object { object in
        object.put("schema", "wgfence/check/1")
        object.put("valid", isValid)
        object.array("diagnostics") { array in
          for diagnostic in diagnostics {
            array.object { object in
              object.put("file", diagnostic.location.file)
              object.put("line", diagnostic.location.line)
              object.put("column", diagnostic.location.column)
              object.put("severity", diagnostic.severity.rawValue)
              object.put("message", diagnostic.message)
              object.put("help", diagnostic.help)
            }
          }
        }
        object.object("tests") { object in
          object.put("passed", passed)
          object.put("failed", failures.count)
        }
        object.array("failures") { array in
          for failure in failures {
            array.object { object in
              object.put("file", failure.location.file)
              object.put("line", failure.location.line)
              object.put("expectation", failure.expectation)
              object.put("machine", failure.machine)
              object.put("packet", failure.packet.map(TestReport.text))
              object.put("verdict", failure.trace?.verdict.rawValue)
              object.put("because", failure.because)
              object.put("steps", each: (failure.trace?.steps ?? []).map(TestReport.text))
            }
          }
        }
      })
  }
}

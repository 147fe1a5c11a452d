// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Glibc
import NetworkModel
import PolicyCompiler
import PolicyLanguage

/// `wgfence check`: whether a policy is one.
struct Check: Verb {
  static let configuration = verb(
    "check", "Check policy files: their syntax, their names, what they compile to.",
    discussion: """
      Reports everything that is wrong in one run, each with its place and a hint, and compiles the policy for every \
      machine that it names. Needs no root and changes nothing.

      Exit status: 0 valid; 1 a file could not be read; 2 not valid.
      """)

  @Argument(help: "The policy files.", completion: .file(extensions: ["yaml", "yml"]))
  var policies: [String] = [PolicyOptions.defaultPath]

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws {
    var isValid = true
    var diagnostics: [Diagnostic] = []
    for path in policies {
      let file = try PolicyFile.load(path)
      diagnostics += file.decoded.diagnostics
      isValid = isValid && file.decoded.isValid
      if format == .text {
        let style: DiagnosticText.Style = Console.hasColour(STDOUT_FILENO) ? .coloured : .plain
        Console.print(DiagnosticText(style: style).render(file.decoded.diagnostics))
      }
      guard file.decoded.isValid, let policy = file.decoded.policy else { continue }
      var rules = 0
      for machine in policy.machines {
        let ruleset = try PolicyCompiler.compile(policy, machine: machine.name, today: Today.date)
        rules += ruleset.chains.reduce(0) { $0 + $1.rules.count }
      }
      if format == .text {
        Console.print(
          "\(path): valid; \(policy.machines.count) machines, \(policy.grants.count + policy.failsafe.count) grants, "
            + "\(policy.tests.count) tests, \(rules) rules\n")
      }
    }
    if format == .json { report(isValid, diagnostics) }
    if !isValid { throw ExitCode(2) }
  }

  private func report(_ isValid: Bool, _ diagnostics: [Diagnostic]) {
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
      })
  }
}

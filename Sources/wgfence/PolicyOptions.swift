// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Glibc
import NetworkModel
import PolicyCompiler
import PolicyFiles
import PolicyLanguage
import Ruleset

/// The policy that a verb works on, and the machine as which it does.
struct PolicyOptions: ParsableArguments {
  static let defaultPath = "/etc/wgfence/policy.yaml"

  @Argument(help: "The policy file.", completion: .file(extensions: ["yaml", "yml"]))
  var policy: String = PolicyOptions.defaultPath

  @OptionGroup var machine: MachineOptions

  /// Reads the policy. Its diagnostics go to standard error; an invalid one ends the verb with status 2.
  func load() throws -> LoadedPolicy {
    let loaded = try PolicyFile.read(policy)
    let style: DiagnosticText.Style = Console.hasColour(STDERR_FILENO) ? .coloured : .plain
    Console.note(DiagnosticText(style: style).render(loaded.decoded.diagnostics))
    guard loaded.decoded.isValid, let policy = loaded.decoded.policy else {
      let errors = loaded.decoded.diagnostics.count { $0.severity == .error }
      Console.error("\(self.policy) is not valid: \(errors) error\(errors == 1 ? "" : "s")")
      throw ExitCode(2)
    }
    return LoadedPolicy(policy: policy, digest: loaded.digest, file: loaded)
  }

  /// What the machine is to enforce today. `live` are the addresses at which machines with `endpoint: live` are heard.
  func compile(_ policy: Policy, live: LiveEndpoints = LiveEndpoints()) throws -> Ruleset {
    try Self.compile(policy, as: machine.name(in: policy), live: live)
  }

  /// The same for a machine that is known.
  static func compile(_ policy: Policy, as machine: String, live: LiveEndpoints) throws -> Ruleset {
    do throws(CompileError) {
      return try PolicyCompiler.compile(policy, machine: machine, today: Today.date, live: live)
    } catch {
      Console.error("\(error.description)")
      throw ExitCode(1)
    }
  }
}

/// The machine as which a verb works.
struct MachineOptions: ParsableArguments {
  @Option(
    name: .customLong("machine"), help: "The machine of the policy as which to work (default: the host name)."
  )
  var given: String?

  /// The choice that the options make.
  var choice: MachineChoice { MachineChoice(given: given) }

  /// The machine's name in a policy.
  package func name(in policy: Policy) -> String { choice.name(in: policy) }
}

/// A policy and the digest of its file.
struct LoadedPolicy {
  let policy: Policy
  let digest: String
  let file: PolicyFile
}

/// How a report is written.
enum ReportFormat: String, ExpressibleByArgument, CaseIterable {
  case text
  case json
}

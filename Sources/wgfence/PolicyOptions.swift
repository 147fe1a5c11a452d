// SPDX-License-Identifier: GPL-3.0-or-later

public import ArgumentParser
public import DropAnalysis
import DaemonService
import Enforcement
import Glibc
import NetworkModel
import PolicyCompiler
import PolicyFiles
import PolicyLanguage

/// The policy that a verb works on, and the machine of it that this host is.
struct PolicyOptions: ParsableArguments {
  static let defaultPath = HostPlaces.policy

  @Argument(help: "The policy file.", completion: .file(extensions: ["yaml", "yml"]))
  var policy: String = PolicyOptions.defaultPath

  @OptionGroup var machine: MachineOptions

  /// The policy. The usual file counts as not named, so that the report service can read it for a user who cannot.
  var source: PolicySource { policy == Self.defaultPath ? .usual(policy) : .file(policy) }

  /// Reads the policy. Its diagnostics go to standard error; an invalid one ends the verb with status 2.
  func load() throws -> PolicyFile {
    let file = try PolicyFile.load(policy)
    Console.note(DiagnosticText().render(file.decoded.diagnostics))
    guard file.decoded.isValid else { throw Console.invalid(file.decoded.diagnostics, policy) }
    return file
  }

  /// The machine of a policy that this host is.
  func own(in policy: Policy) throws(CompileError) -> Machine {
    try policy.enforcingMachine(named: machine.name(in: policy))
  }
}

/// The machine of a policy that this host is.
struct MachineOptions: ParsableArguments {
  @Option(
    name: .customLong("machine"), help: "This host's machine in the policy (default: the host name)."
  )
  var given: String?

  /// The choice that the options give.
  var choice: MachineChoice { MachineChoice(given: given) }

  /// The machine's name in a policy.
  package func name(in policy: Policy) -> String { choice.name(in: policy) }
}

/// The format of a report.
typealias ReportFormat = FirewallRequest.ReportForm

extension DropAge: ExpressibleByArgument {}

/// Whether the verb's text has colours.
struct ColourOption: ParsableArguments {
  enum When: String, ExpressibleByArgument, CaseIterable { case auto, always, never }

  @Option(name: .customLong("color"), help: "auto (on a terminal, unless NO_COLOR is set), always, or never.")
  var when = When.auto

  /// Colours are written by the environment, as other programs do it.
  func validate() {
    if when == .auto { return }
    for (name, value) in [("NO_COLOR", when == .never ? "1" : ""), ("CLICOLOR_FORCE", "1")] {
      setenv(name, value, 1)
    }
  }
}

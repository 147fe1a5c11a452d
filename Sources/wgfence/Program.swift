// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import FleetCommands
import Glibc
import NetworkModel

/// The program: finds the verb and runs it.
@main
enum Program {
  /// Every verb, in the order of the help.
  static let verbs: [any Verb.Type] = [
    CheckVerb.self, ShowVerb.self, ExplainVerb.self, DiffVerb.self, PlanVerb.self, ApplyVerb.self,
    EditVerb.self,
    StatusVerb.self, AcceptVerb.self, EnforceVerb.self, ConfirmVerb.self, RollbackVerb.self, AuditVerb.self,
    DoctorVerb.self, InitVerb.self, ImportVerb.self, LogVerb.self, SuggestVerb.self, OpenVerb.self,
    CloseVerb.self,
    PanicVerb.self, UnloadVerb.self, FleetCommand.self, ServicesVerb.self, SchemaVerb.self, DaemonVerb.self,
    BootVerb.self,
    AnswerReportVerb.self, GuardTrialVerb.self,
  ]

  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    // Only the verb that is run is set up: setting up all of them at each start takes longer than most verbs run.
    if let name = arguments.first, let verb = verbs.first(where: { $0.name == name }) {
      run(verb, Array(arguments.dropFirst()))
    } else if let word = arguments.first, !word.hasPrefix("-"), word != "help" {
      Console.error(VerbFailure.unknownVerb(word, among: verbs.dropLast(2).map { $0.name }))
      exit(64)
    } else {
      run(Overview.self, arguments)
    }
  }

  /// Parses and runs; ends the process on an error. ArgumentParser does not print its messages itself, because they
  /// repeat the arguments unescaped.
  private static func run(_ command: any ParsableCommand.Type, _ arguments: [String]) {
    do {
      var command = try command.parseAsRoot(arguments)
      guard let fleet = command as? any FleetVerb else { return try command.run() }
      try Console.conclude(fleet.answer(Console.note))
    } catch {
      if let sentence = VerbFailure.sentence(error) {
        Console.error(sentence)
        exit(1)
      }
      let code = command.exitCode(for: error)
      var message = command.fullMessage(for: error)
      for argument in arguments where PrintableText.of(argument) != argument {
        message = message.replacing(argument, with: PrintableText.of(argument))
      }
      if let verb = command as? any Verb.Type {
        message = message.replacing("See '\(verb.name) --help'", with: "See 'wgfence \(verb.name) --help'")
      }
      if !message.isEmpty {
        let text: PrintableText = "\(PrintableText(lines: message))\n"
        code == .success ? Console.print(text) : Console.note(text)
      }
      exit(code.rawValue)
    }
  }
}

/// A verb of the command line. An error of this program that it does not catch is printed, and ends it with status 1.
protocol Verb: ParsableCommand {}

extension FleetCommand: Verb {}

extension Verb {
  package static var name: String { configuration.commandName ?? "" }

  /// The configuration of a verb, with the parts that all verbs have in common.
  static func verb(_ name: String, _ abstract: String, discussion: String) -> CommandConfiguration {
    CommandConfiguration(
      commandName: name, _superCommandName: "wgfence", abstract: abstract, discussion: discussion)
  }
}

/// The program without a verb: the help that lists them.
struct Overview: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wgfence",
    abstract: "A host firewall for people who run WireGuard.",
    discussion: """
      One reviewed policy file describes every machine of a site; each machine enforces its own part of it as nftables \
      rules. What no line allows is dropped.

      Exit status: 0 done, nothing to report; 1 it could not be done; 2 done, and there is a finding; 64 usage error.
      """,
    version: Version.text,
    subcommands: Program.verbs.map { $0 as any ParsableCommand.Type })
}

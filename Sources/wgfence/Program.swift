// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Glibc
import NetworkModel

/// The program: finds the verb and runs it.
@main
enum Program {
  /// Every verb, in the order of the help.
  static let verbs: [any Verb.Type] = [
    CheckVerb.self, ShowVerb.self, ExplainVerb.self, DiffVerb.self, PlanVerb.self, ApplyVerb.self,
    StatusVerb.self, ConfirmVerb.self, RollbackVerb.self, AuditVerb.self, DoctorVerb.self, InitVerb.self,
    LogVerb.self,
    OpenVerb.self,
    PanicVerb.self, UnloadVerb.self, SchemaVerb.self, DaemonVerb.self, BootVerb.self,
  ]

  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    // A verb parses its own arguments: taking all of them apart at each start would cost more than most verbs do.
    if let name = arguments.first, let verb = verbs.first(where: { $0.name == name }) {
      run(verb, Array(arguments.dropFirst()))
    } else {
      run(Overview.self, arguments)
    }
  }

  /// Parses and runs, and ends the process where it fails. What ArgumentParser says repeats the arguments as they were
  /// given, so it does not write itself.
  private static func run(_ command: any ParsableCommand.Type, _ arguments: [String]) {
    do {
      var command = try command.parseAsRoot(arguments)
      try command.run()
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
      if !message.isEmpty {
        let text: PrintableText = "\(PrintableText(lines: message))\n"
        code == .success ? Console.print(text) : Console.note(text)
      }
      exit(code.rawValue)
    }
  }
}

/// A verb of the command line. Errors of this program's own that it does not catch end it with status 1 and are said.
protocol Verb: ParsableCommand {}

extension Verb {
  package static var name: String { configuration.commandName ?? "" }

  /// What every verb's configuration has in common.
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

      Exit status: 0 done, or nothing to report; 1 it could not be done; 2 done, and there is a finding; 64 usage.
      """,
    version: Version.text,
    subcommands: Program.verbs.map { $0 as any ParsableCommand.Type })
}

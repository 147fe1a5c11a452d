// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import NetworkModel
import PolicyFiles
import PolicyLanguage
import Reports

/// `wgfence edit`: edits the policy file as visudo edits sudoers.
struct EditVerb: Verb {
  static let configuration = verb(
    "edit", "Edit the policy file: nothing is in force or saved before it is checked and confirmed.",
    discussion: """
      Opens a copy of the file in $VISUAL or $EDITOR. Then it checks the copy, shows who can newly reach what and what \
      would stop working, applies it on trial, and puts it in the place of the file when you have confirmed it over a new \
      connection. If it is not valid, it can be edited again. The copy (FILE.edit) stays if it was not confirmed.

      Exit status: 0 the file was changed and is in force, or nothing was changed; 1 it could not be done; 2 the copy is \
      not valid, or something would stop working, or it was not confirmed.
      """)

  @OptionGroup var options: PolicyOptions
  @OptionGroup var namespace: NamespaceGuard
  @OptionGroup var places: StateOptions

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  @Option(help: "The time for the confirmation: 5s to 24h.")
  var confirm = "60s"
  func validate() throws { _ = try ApplyVerb.trial(confirm) }

  func run() throws {
    guard let directory = places.directory else {
      throw Refusal("in a network namespace other than the machine's own, edit needs --state-dir")
    }
    let edit = try PolicyEdit(of: options.policy)
    let candidate: Candidate
    repeat {
      try edit.openEditor()
      guard edit.isChanged else {
        edit.discard()
        return say(EditReport(edit.original, .unchanged), "Nothing was changed.\n")
      }
      do {
        candidate = try accepted(edit)
        break
      } catch {
        if let sentence = VerbFailure.sentence(error) { Console.error(sentence) }
      }
      guard Console.isInteractive, Console.asks("Edit it again? If not, it is kept as \(edit.copy).") else {
        throw ExitCode(2)
      }
    } while true
    let difference = try edit.difference(to: candidate.policy)
    if format == .text { Console.print(difference.text) }
    let (report, result) = try ApplyVerb.parse(arguments(edit)).carryOut()
    if format == .text { Console.print(report.text) }
    try Console.conclude(result)
    let trial = EditReport.Trial(candidate, difference, result)
    Console.note("Open a new connection, and run wgfence confirm there within \(confirm).\n")
    guard PolicyEdit.waitForTrial(directory, digest: candidate.digest) else {
      Console.error(
        "it was not confirmed, so the ruleset before it is in force again; your text is \(edit.copy)")
      if format == .json {
        Console.print(document: EditReport(edit.original, .notConfirmed(trial, copy: edit.copy)).json)
      }
      throw ExitCode(2)
    }
    try edit.install()
    say(EditReport(edit.original, .confirmed(trial)), "Confirmed and saved to \(edit.original).\n")
  }

  private func say(_ report: EditReport, _ text: PrintableText) {
    if format == .json { Console.print(document: report.json) } else { Console.note(text) }
  }

  /// The copy as it can be put in force. Prints why it cannot.
  private func accepted(_ edit: PolicyEdit) throws -> Candidate {
    let file = try PolicyFile.load(edit.copy)
    return try Console.accepted(
      PolicyLoader(machine: options.machine.choice).accept(file, path: edit.copy), of: edit.copy)
  }

  private func arguments(_ edit: PolicyEdit) -> [String] {
    var words = [edit.copy, "--confirm", confirm, "--format", format.rawValue]
    if let machine = options.machine.given { words += ["--machine", machine] }
    if namespace.isForHost { words.append("--host") }
    if let directory = places.stateDirectory { words += ["--state-dir", directory] }
    if let socket = places.socket { words += ["--socket", socket] }
    return words
  }
}

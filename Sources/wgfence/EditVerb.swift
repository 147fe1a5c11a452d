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
        Console.note("Nothing was changed.\n")
        return
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
    Console.print(try edit.difference(to: candidate.policy).text)
    let apply = try ApplyVerb.parse(arguments(edit))
    try apply.run()
    Console.note("Open a new connection, and run wgfence confirm there within \(confirm).\n")
    guard PolicyEdit.waitForTrial(directory, digest: candidate.digest) else {
      Console.error(
        "it was not confirmed, so the ruleset before it is in force again; your text is \(edit.copy)")
      throw ExitCode(2)
    }
    try edit.install()
    Console.note("Confirmed and saved to \(edit.original).\n")
  }

  /// The copy as it can be put in force. Prints why it cannot.
  private func accepted(_ edit: PolicyEdit) throws -> Candidate {
    let file = try PolicyFile.load(edit.copy)
    return try Console.accepted(
      PolicyLoader(machine: options.machine.choice).accept(file, path: edit.copy), of: edit.copy)
  }

  private func arguments(_ edit: PolicyEdit) -> [String] {
    var words = [edit.copy, "--confirm", confirm]
    if let machine = options.machine.given { words += ["--machine", machine] }
    if namespace.isForHost { words.append("--host") }
    if let directory = places.stateDirectory { words += ["--state-dir", directory] }
    if let socket = places.socket { words += ["--socket", socket] }
    return words
  }
}

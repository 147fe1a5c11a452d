// SPDX-License-Identifier: GPL-3.0-or-later

internal import ArgumentParser
internal import DaemonService
internal import Enforcement
internal import Netlink
internal import NetworkModel
internal import PolicyFiles
internal import ReleaseFiles
internal import Releases
internal import Reports
internal import Ruleset

/// `wgfence fleet accept`: takes a release.
struct FleetAccept: FleetVerb {
  static let configuration = CommandConfiguration(
    commandName: "accept", abstract: "Take a release, and put it in force.",
    discussion: """
      Hands the bundle to the daemon, which verifies it itself and then treats it as a changed policy file: it is checked, and \
      held back if something would stop working that works now. Without a daemon this verb does the same, but changes nothing \
      if something would stop working. A release that is in force already changes nothing, so this can run as often as the \
      channel brings something.

      With --confirm it is on trial: unless wgfence confirm is run in time over a new connection, the release before it is in \
      force again, also after a restart of the machine. The release must permit this (publish --falls-back).

      Needs root, or the group wgfence where a daemon runs. Without one, and in the machine's own network namespace, it also \
      needs --host.

      Exit status: 0 it is in force, or is when a trial or a panic has ended; 1 it is refused or could not be put in force; 2 it \
      is held back, or something would stop working and nothing was changed.
      """)

  @Argument(help: "The bundle.", completion: .file())
  var bundle: String

  @Option(
    name: .customLong("socket"),
    help: "The daemon's control socket (default: $WGFENCE_SOCKET, else \(HostPlaces.socket)).",
    completion: .file())
  var socket: String?

  @Option(
    name: .customLong("machine"),
    help: "Without a daemon: this host's machine in the policy (default: the host name).")
  var machine: String?

  @Flag(
    name: .customLong("host"), help: "Without a daemon: write rules in the machine's own network namespace.")
  var isForHost = false

  @Flag(help: "Without a daemon: put it in force even if something that works now would stop working.")
  var force = false

  @Option(
    help: """
      Go back to the release before it after this time (60s; 5s to 24h) unless wgfence confirm is run over a new connection. \
      Needs the daemon.
      """
  )
  var confirm: String?

  @Option(help: "text or json.")
  var format: FirewallRequest.ReportForm = .text

  @OptionGroup var options: FleetOptions

  func validate() throws { _ = try trial() }

  private func trial() throws -> TrialTime? {
    guard let confirm else { return nil }
    do throws(Refusal) { return try TrialTime(words: confirm) } catch {
      throw ValidationError("--confirm\(error.text)")
    }
  }

  func answer(_ note: @escaping (PrintableText) -> Void) throws -> FleetAnswer {
    let (content, bytes) = try BundleFile.read(bundle)
    // What cannot be read is refused below, by who verifies it.
    let statement = try? Statement(content.statement)
    if let path = HostPlaces.socket(socket), let daemon = try DaemonConnection(path: path) {
      var text: PrintableText = ""
      let answer = try daemon.take(bytes, trial: try trial()) { words in
        switch words {
        case .output(let more): text += more
        case .note(let more): note(more)
        }
      }
      guard let statement, answer.status != 1 else { return FleetAnswer(text, status: answer.status) }
      return change(statement, text, status: answer.status)
    }
    guard confirm == nil else {
      throw Refusal(
        "a release can be on trial only where the daemon runs: systemctl start wgfence, or omit --confirm")
    }
    return try takeHere(bytes, note)
  }

  private func change(_ statement: Statement, _ text: PrintableText, status: Int32) -> FleetAnswer {
    FleetChange(
      verb: "accept", fleet: statement.fleet, epoch: statement.epoch, serial: statement.serial, text: text,
      status: status
    ).answer(as: format)
  }

  /// The same in this process. The state directory is locked before the ratchet is read.
  private func takeHere(_ bytes: [UInt8], _ note: @escaping (PrintableText) -> Void) throws -> FleetAnswer {
    if let refusal = HostPlaces.refusal(isForHost: { isForHost }) { throw refusal }
    let places = try options.required()
    var firewall = try DirectFirewall(options.directory, at: .apply, by: Caller.name) { severity, text in
      note(severity == .error ? "error: \(text)\n" : "warning: \(text)\n")
    }
    let release = try ReleaseLoader.verify(bytes, in: places.membership())
    let loaded = try ReleaseLoader(PolicyLoader(machine: MachineChoice(given: machine)))
      .load(release, at: UTCTime(seconds: Int64(Today.time)), unless: nil)
    for gap in loaded.gaps { note("warning: \(gap)\n") }
    let candidate: Candidate
    switch loaded.result {
    case .success(let found): candidate = found
    case .failure(let rejection):
      let text = PolicyRejectionText(rejection, path: bundle)
      note(text.report)
      throw Refusal("release \(release.statement.serial) is refused: \(text.sentence)")
    }
    if let objection = loaded.objection, !force {
      note(
        "\(objection.report)error: \(objection.reason). Nothing was changed. To put it in force anyway, use --force\n"
      )
      return FleetAnswer("", status: 2)
    }
    do throws(SystemError) { try places.take(release) } catch {
      throw Refusal("the release could not be stored, so nothing was changed: \(error)")
    }
    let result = try firewall.apply(candidate, .enforcing, trial: nil)
    for warning in result.warnings { note("warning: \(warning)\n") }
    if let failure = result.notPersisted { note("error: \(failure.consequence)\n") }
    return change(
      release.statement,
      "Release \(release.statement.serial) of \(release.statement.fleet), epoch \(release.statement.epoch), is in force.\n",
      status: Int32(result.exitStatus))
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import ArgumentParser
internal import DaemonService
internal import Enforcement
internal import NetworkModel
internal import PolicyFiles
internal import PolicyLanguage
internal import ReleaseFiles
internal import Releases
internal import Reports

/// `wgfence fleet publish`: makes a release of a policy.
struct FleetPublish: FleetVerb {
  static let configuration = CommandConfiguration(
    commandName: "publish", abstract: "Make a signed release of a policy: one file for any channel.",
    discussion: """
      Checks the policy as wgfence check --strict --prove does: no warning, all tests, and a proof for every machine. Then \
      writes release.wgfence, with the next serial, to the folder that the channel carries. --key signs it by ssh-keygen, \
      which asks for a passphrase, a PIN or a touch itself. If two keys must sign, the second person runs wgfence fleet sign.

      Exit status: 0 the release was written; 1 it was not; 2 the policy may not be published, and nothing was written.
      """)

  @Argument(help: "The policy file.", completion: .file(extensions: ["yaml", "yml"]))
  var policy: String

  @Option(help: "The folder that the channel carries, with the fleet's trust file.", completion: .directory)
  var to: String

  @Option(help: "Why it is published: one line, for the people who see it on their machines.")
  var because: String?

  @Option(
    help: "Sign with this key: a private key's file, or the .pub file of a key in an agent. Can be repeated.")
  var key: [String] = []

  @Option(
    help:
      "NAME:FLOOR:MEMBERS: these machines and groups take it FLOOR after now (0m, 30m, 2h). Can be repeated; the last has the member *."
  )
  var wave: [String] = []

  @Option(
    name: .customLong("fresh-for"),
    help: "After this time machines report that they are stale: 90d, or never.")
  var freshFor = "90d"

  @Option(help: "The oldest version of wgfence that may take it.")
  var requires: String = Version.text

  @Option(
    name: .customLong("falls-back"),
    help: "SERIAL:TIME: a machine may go back to this release by itself for this time (41:24h).")
  var fallsBack: String?

  @Option(help: "text or json.")
  var format: FirewallRequest.ReportForm = .text

  func answer(_ note: @escaping (PrintableText) -> Void) throws -> FleetAnswer {
    let folder = ChannelFolder(path: to)
    let (trust, changes, missing) = try folder.current()
    if let missing { note("warning: \(missing): it is not used yet\n") }
    let file = try PolicyFile.load(policy)
    guard let expectations = PublishCheck.expectations(of: file, policy, note),
      let content = file.decoded.policy
    else {
      return FleetAnswer("", status: 2)
    }
    let lists = file.lists.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    if let other = lists.first(where: { !Statement.Content.isName($0.name) }) {
      throw Refusal("the list \(other.name) is outside the policy's folder: a release cannot have it")
    }
    let now = UTCTime(seconds: Int64(Today.time))
    let serial = try nextSerial(folder, trust)
    let statement = Statement(
      fleet: trust.fleet, epoch: trust.epoch, serial: serial, issued: now, freshUntil: try freshUntil(now),
      requires: try version(), policy: .init(file.bytes, name: name),
      lists: lists.map { .init($0.bytes, name: $0.name) },
      commit: PolicyCommits.wholeCommits(of: policy, with: [file.digest])[file.digest], tests: expectations,
      because: because, waves: try wave.map { try WaveArgument.wave($0, of: content) },
      fallBack: try fallBack(now))
    // What the machines could not read must not be signed.
    do { _ = try Statement(statement.bytes) } catch { throw Refusal("the release cannot be made: \(error)") }
    var bundle = ReleaseBundle(
      statement: statement.bytes, signatures: [], policy: file.bytes, lists: lists.map(\.bytes),
      trustChanges: changes.all)
    for key in key {
      bundle.signatures.append(
        try Keygen.sign(bundle.statement, with: key, for: ReleaseCheck.releaseNamespace))
    }
    try BundleFile.write(bundle.bytes, to: folder.release)
    // Machines that join need the current keys alone.
    if try BundleFile.trust(folder.trust) != trust { try BundleFile.write(trust.bytes, to: folder.trust) }
    let report = ReleaseReport(bundle, statement, by: ReleaseCheck(first: trust, ratchet: nil))
    return FleetAnswer(
      "\(folder.release) is written: \(report.summary)" + report.nextStep(folder),
      document: format == .json ? report.json("fleet-publish") : nil)
  }

  private var name: String { String(policy.split(separator: "/").last ?? "policy.yaml") }

  /// One more than the serial of the release in the folder, or the first one of its epoch.
  private func nextSerial(_ folder: ChannelFolder, _ trust: TrustFile) throws -> UInt64 {
    guard try BundleFile.contentIfThere(folder.release, limit: ReleaseBundle.limit) != nil else { return 1 }
    let last: Statement
    do { last = try Statement(try BundleFile.read(folder.release).bundle.statement) } catch {
      throw Refusal("\(folder.release) cannot be read, so the next serial is not known: \(error)")
    }
    guard last.fleet == trust.fleet else { throw Refusal("\(folder.release) is of the fleet \(last.fleet)") }
    guard last.epoch == trust.epoch else { return 1 }
    guard last.serial < Statement.mostSerial else {
      throw Refusal(
        "no serial is left in epoch \(trust.epoch): wgfence fleet trust rotate begins another one")
    }
    return last.serial + 1
  }

  private func freshUntil(_ now: UTCTime) throws -> UTCTime? {
    if freshFor == "never" { return nil }
    guard let seconds = WaveArgument.seconds(freshFor), seconds > 0 else {
      throw Refusal("--fresh-for takes a time such as 90d, or never")
    }
    return now.adding(seconds)
  }

  private func version() throws -> ProgramVersion {
    guard let version = ProgramVersion(requires) else {
      throw Refusal("--requires takes a version such as 1.2.3")
    }
    return version
  }

  private func fallBack(_ now: UTCTime) throws -> Statement.FallBack {
    guard let fallsBack else { return .never }
    let parts = fallsBack.split(separator: ":")
    guard parts.count == 2, let serial = UInt64(parts[0]), let time = WaveArgument.seconds(String(parts[1]))
    else {
      throw Refusal("--falls-back takes a serial and a time such as 41:24h")
    }
    return .release(serial, until: now.adding(time))
  }
}

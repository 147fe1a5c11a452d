// SPDX-License-Identifier: GPL-3.0-or-later

internal import ArgumentParser
internal import Enforcement
internal import NetworkModel
internal import ReleaseFiles
internal import Releases

/// `wgfence fleet verify`: says what a release is, and whether this machine would take it.
struct FleetVerify: FleetVerb {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Print what a release is, who signed it, and whether it would be taken.",
    discussion: """
      By default it decides as this machine: by its trust file and the releases that it has taken. With --trust it decides by \
      that trust file alone, on any machine. Changes nothing. --unpack writes the policy and its lists to a folder, for other \
      verbs, if the release is not refused.

      Exit status: 0 it would be taken; 1 it could not be read; 2 it is refused.
      """)

  @Argument(help: "The bundle.", completion: .file())
  var bundle: String

  @Option(name: .customLong("trust"), help: "Decide by this trust file alone.", completion: .file())
  var file: String?

  @Option(help: "Write the policy and its lists to this folder.", completion: .directory)
  var unpack: String?

  @Option(help: "text or json.")
  var format: FirewallRequest.ReportForm = .text

  @OptionGroup var options: FleetOptions

  func answer(_ note: @escaping (PrintableText) -> Void) throws -> FleetAnswer {
    let check =
      try file.map { ReleaseCheck(first: try BundleFile.trust($0), ratchet: nil) } ?? options.check()
    let content = try BundleFile.read(bundle).bundle
    let statement: Statement
    do { statement = try Statement(content.statement) } catch { throw Refusal("\(bundle): \(error)") }
    let report = ReleaseReport(content, statement, by: check)
    if let unpack, report.refusal == nil {
      try BundleFile.unpack(statement, content, to: unpack, policy: statement.policy.name)
    }
    return FleetAnswer(
      report.text, document: format == .json ? report.json("fleet-verify") : nil,
      status: report.refusal == nil ? 0 : 2)
  }
}

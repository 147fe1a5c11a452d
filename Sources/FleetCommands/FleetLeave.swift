// SPDX-License-Identifier: GPL-3.0-or-later

internal import ArgumentParser
internal import Enforcement
internal import Netlink
internal import NetworkModel
internal import PolicyFiles
internal import ReleaseFiles
internal import Releases

/// `wgfence fleet leave`: ends the membership of this machine.
struct FleetLeave: FleetVerb {
  static let configuration = CommandConfiguration(
    commandName: "leave", abstract: "End this machine's membership: it enforces its own policy file again.",
    discussion: """
      The policy file is then read again, so this refuses if it is another one than the release that the machine has taken. \
      --replace writes the policy of the release and its lists there; --yes keeps the file. If there is no policy file, the \
      release's is written.

      Needs root. Exit status: 0 this machine is in no fleet; 1 nothing was changed.
      """)

  @Argument(help: "The policy file.", completion: .file(extensions: ["yaml", "yml"]))
  var policy: String = "/etc/wgfence/policy.yaml"

  @Flag(help: "Write the policy of the release and its lists to the policy file and beside it.")
  var replace = false

  @Flag(help: "The policy file differs from the release, and may be put in force.")
  var yes = false

  @Option(help: "text or json.")
  var format: FirewallRequest.ReportForm = .text

  @OptionGroup var options: FleetOptions

  func answer(_ note: @escaping (PrintableText) -> Void) throws -> FleetAnswer {
    let places = try options.required()
    let check: ReleaseCheck?
    switch places.membership() {
    case .none: throw Refusal("this machine is in no fleet")
    case .broken(let why):
      note("warning: \(why)\n")
      check = nil
    case .member(let found): check = found
    }
    let release = check.flatMap { check in
      do { return try places.release(check) } catch {
        note("warning: \(error)\n")
        return nil
      }
    }
    let own = try BundleFile.contentIfThere(policy, limit: Statement.policyLimit)
    if let release, own == nil || replace {
      let folder = policy.lastIndex(of: "/").map { String(policy[..<$0]) } ?? "."
      let name = policy.split(separator: "/").last.map { String($0) } ?? policy
      try BundleFile.unpack(release.statement, release.bundle, to: folder, policy: name)
    } else if !yes, own != release?.bundle.policy {
      throw Refusal(
        "\(policy) is not the policy of the release that this machine has taken, and would be put in force: --replace writes the release there, --yes keeps the file"
      )
    }
    do throws(SystemError) { try places.leave() } catch { throw Refusal("\(error)") }
    let text: PrintableText = "This machine is in no fleet. \(policy) is its policy again.\n"
    guard let trust = check?.trust else {
      if format == .json { note(text) }
      return FleetAnswer(format == .json ? "" : text)
    }
    return FleetChange(
      verb: "leave", fleet: trust.fleet, epoch: trust.epoch, serial: check?.ratchet?.serial, text: text
    ).answer(as: format)
  }
}

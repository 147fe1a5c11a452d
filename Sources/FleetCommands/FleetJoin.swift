// SPDX-License-Identifier: GPL-3.0-or-later

internal import ArgumentParser
internal import Enforcement
internal import NetworkModel
internal import Netlink
internal import ReleaseFiles
internal import Releases

/// `wgfence fleet join`: makes this machine a member of a fleet.
struct FleetJoin: FleetVerb {
  static let configuration = CommandConfiguration(
    commandName: "join",
    abstract: "Make this machine a member of a fleet: from then on it takes only signed releases.",
    discussion: """
      Installs a trust file. The policy file of this machine is not read any more; what is in force stays until the first \
      release is accepted. Compare the fingerprint with the one that init or publish printed for a person whom you trust. \
      --from is the serial of the current release, which publish prints: without it, somebody who controls the channel can \
      make this machine begin with an older release.

      Needs root. Exit status: 0 this machine is a member; 1 it is not.
      """)

  @Argument(help: "The fleet's trust file.", completion: .file())
  var file: String

  @Option(help: "The SHA-256 of the trust file, in 64 hexadecimal digits.")
  var fingerprint: String?

  @Flag(help: "The trust file came by a way that you trust: do not compare its fingerprint.")
  var trusted = false

  @Option(help: "Refuse releases with a lower serial.")
  var from: UInt64?

  @Option(help: "text or json.")
  var format: FirewallRequest.ReportForm = .text

  @OptionGroup var options: FleetOptions

  func validate() throws {
    if fingerprint == nil, !trusted { throw ValidationError("--fingerprint is needed, or --trusted") }
    if let from, !(1...Statement.mostSerial).contains(from) {
      throw ValidationError("--from takes the serial of a release")
    }
  }

  func answer(_ note: @escaping (PrintableText) -> Void) throws -> FleetAnswer {
    let trust = try BundleFile.trust(file)
    if let fingerprint, ContentDigest(hex: fingerprint) != trust.fingerprint {
      throw Refusal(
        "\(file) has the fingerprint \(trust.fingerprint), not \(fingerprint): it is another trust file")
    }
    let places = try options.required()
    switch places.membership() {
    case .none: break
    case .member(let check):
      throw Refusal("this machine is a member of \(check.trust.fleet) already: wgfence fleet leave ends that")
    case .broken(let why): throw Refusal("this machine is a member of a fleet already, but \(why)")
    }
    do throws(SystemError) { try places.join(trust, after: (from ?? 1) - 1) } catch {
      throw Refusal("\(error)")
    }
    if from == nil {
      note(
        "warning: without --from, whoever controls the channel chooses which release is the first one here\n")
    }
    return FleetChange(
      verb: "join", fleet: trust.fleet, epoch: trust.epoch, serial: from,
      text:
        """
        This machine takes releases of \(trust.fleet), epoch \(trust.epoch), from serial \(from ?? 1) on.
        What is in force stays until the first one: wgfence fleet accept BUNDLE

        """
    ).answer(as: format)
  }
}

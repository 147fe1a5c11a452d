// SPDX-License-Identifier: GPL-3.0-or-later

internal import ArgumentParser
internal import Enforcement
internal import NetworkModel
internal import ReleaseFiles
internal import Releases

/// `wgfence fleet init`: makes a fleet.
struct FleetInit: FleetVerb {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Make a fleet: write its first trust file.",
    discussion: """
      The trust file names the keys that may sign releases, and the root keys that may change the keys. It has no secrets. Keys \
      are ed25519 keys of SSH, in files, agents or FIDO tokens (ed25519-sk). 16 random digits are added to the name.

      Exit status: 0 it was written; 1 it was not.
      """)

  @Argument(help: "The fleet's name: lower-case letters, digits and hyphens.")
  var name: String

  @OptionGroup var keys: KeyOptions

  @Option(help: "The folder that the channel will carry.", completion: .directory)
  var to: String

  @Option(help: "text or json.")
  var format: FirewallRequest.ReportForm = .text

  func answer(_ note: @escaping (PrintableText) -> Void) throws -> FleetAnswer {
    let number = UInt64.random(in: .min ... .max)
    let digits = String(number, radix: 16)
    guard let fleet = FleetName("\(name)-\(String(repeating: "0", count: 16 - digits.count))\(digits)") else {
      throw Refusal(
        "\(name): a name has 1 to 47 lower-case letters, digits and hyphens, and begins with none of these")
    }
    let trust = TrustFile(
      fleet: fleet, epoch: 1, publishers: try keys.publishers(was: nil), roots: try keys.roots(was: nil))
    let folder = ChannelFolder(path: to)
    guard try BundleFile.contentIfThere(folder.trust, limit: TrustFile.limit) == nil else {
      throw Refusal("\(folder.trust) exists: wgfence fleet trust rotate changes its keys")
    }
    try BundleFile.makeFolder(to)
    try BundleFile.write(trust.bytes, to: folder.trust)
    let both = trust.publishers.keys.filter { trust.roots.name(of: $0.key) != nil }
    if !both.isEmpty {
      note(
        "warning: the key \(both[0].key.fingerprint) may publish and is a root key: who steals it can also change the keys\n"
      )
    }
    return FleetChange(
      verb: "init", fleet: fleet, epoch: 1,
      text:
        """
        \(folder.trust) is written: \(fleet), \(trust.publishers.threshold) of \(trust.publishers.keys.count) publish keys, \
        \(trust.roots.threshold) of \(trust.roots.keys.count) root keys.
        On each machine: wgfence fleet join \(folder.trust) --fingerprint \(trust.fingerprint)

        """
    ).answer(as: format)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import ArgumentParser
internal import Enforcement
internal import NetworkModel
internal import ReleaseFiles
internal import Releases

/// `wgfence fleet sign`: adds a signature.
struct FleetSign: FleetVerb {
  static let configuration = CommandConfiguration(
    commandName: "sign", abstract: "Add a signature to a release, or to a change of the keys.",
    discussion: """
      Prints what is signed, then signs by ssh-keygen: a release with a publish key, the last trust file of trust-changes with a \
      root key. wgfence never has a private key.

      Exit status: 0 the signature was added; 1 it was not.
      """)

  @Argument(help: "The bundle of a release, or the file trust-changes.", completion: .file())
  var file: String

  @Option(help: "A private key's file, or the .pub file of a key in an agent.")
  var key: String

  @Option(help: "text or json.")
  var format: FirewallRequest.ReportForm = .text

  func answer(_ note: @escaping (PrintableText) -> Void) throws -> FleetAnswer {
    guard let bytes = try BundleFile.contentIfThere(file, limit: ReleaseBundle.limit) else {
      throw Refusal("\(file): No such file or directory")
    }
    do {
      if TrustChanges.isMeant(by: bytes) {
        var changes = try TrustChanges(bytes)
        guard var last = changes.all.popLast() else { throw Refusal("\(file) has no trust file to sign") }
        let trust = try TrustFile(last.trust)
        last.signatures.append(
          try signature(last.trust, ReleaseCheck.trustNamespace, besides: last.signatures, note))
        changes.all.append(last)
        try BundleFile.write(changes.bytes, to: file)
        return FleetChange(
          verb: "sign", fleet: trust.fleet, epoch: trust.epoch,
          text:
            "The trust file of epoch \(trust.epoch) has \(last.signatures.count) signatures now: wgfence fleet trust show \(file)\n"
        ).answer(as: format)
      }
      var bundle = try ReleaseBundle(bytes)
      let statement = try Statement(bundle.statement)
      bundle.signatures.append(
        try signature(bundle.statement, ReleaseCheck.releaseNamespace, besides: bundle.signatures, note))
      try BundleFile.write(bundle.bytes, to: file)
      return FleetChange(
        verb: "sign", fleet: statement.fleet, epoch: statement.epoch, serial: statement.serial,
        text:
          "Release \(statement.serial) has \(bundle.signatures.count) signatures now: wgfence fleet verify \(file)\n"
      ).answer(as: format)
    } catch let error as ReleaseTextError {
      throw Refusal("\(file): \(error)")
    }
  }

  /// Signs a text with a key that has not signed it yet.
  private func signature(
    _ text: [UInt8], _ namespace: String, besides others: [[UInt8]], _ note: (PrintableText) -> Void
  ) throws -> [UInt8] {
    note(PrintableText(lines: String(decoding: text, as: UTF8.self)))
    let new = try Keygen.sign(text, with: key, for: namespace)
    do {
      let signature = try SSHSignature(armoured: new)
      let same = others.contains { (try? SSHSignature(armoured: $0))?.key == signature.key }
      guard !same else { throw Refusal("the key \(signature.key.fingerprint) has signed \(file) already") }
    } catch let error as SSHFormatError {
      throw Refusal("\(key) cannot sign for a fleet: \(error)")
    }
    return new
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import ArgumentParser
internal import Enforcement
internal import NetworkModel
internal import ReleaseFiles
internal import Releases
internal import Reports

/// `wgfence fleet trust`: the keys of a fleet.
struct FleetTrust: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trust", abstract: "Print or change the keys of a fleet.",
    subcommands: [FleetTrustShow.self, FleetTrustRotate.self])
}

/// `wgfence fleet trust show`: prints which keys are trusted.
struct FleetTrustShow: FleetVerb {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print which keys this machine trusts, and which release it has taken.",
    discussion: """
      With a trust file, prints that file instead. With the file trust-changes, prints its last trust file, and which root keys \
      have signed it; those of the trust file beside it count.

      Exit status: 0 printed; 1 this machine is in no fleet, or a file cannot be read; 2 too few root keys have signed the last \
      trust file.
      """)

  @Argument(help: "A trust file, or the file trust-changes.", completion: .file())
  var file: String?

  @Option(help: "text or json.")
  var format: FirewallRequest.ReportForm = .text

  @OptionGroup var options: FleetOptions

  func answer(_ note: @escaping (PrintableText) -> Void) throws -> FleetAnswer {
    guard let file else {
      let check = try options.check()
      return answer(check.trust, check.ratchet, nil)
    }
    guard let bytes = try BundleFile.contentIfThere(file, limit: TrustChanges.limit),
      TrustChanges.isMeant(by: bytes)
    else { return answer(try BundleFile.trust(file), nil, nil) }
    let folder = ChannelFolder(
      path: file.contains("/") ? String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)]) : ".")
    let missing = try folder.current().missing
    do {
      guard let last = try TrustChanges(bytes).all.last else { throw Refusal("\(file) has no trust file") }
      return answer(try TrustFile(last.trust), nil, missing)
    } catch let error as ReleaseTextError {
      throw Refusal("\(file): \(error)")
    }
  }

  private func answer(_ trust: TrustFile, _ ratchet: Ratchet?, _ missing: ReleaseRefusal?) -> FleetAnswer {
    var table = AlignedTable([.left(), .left(), .left()])
    table.append(["fleet", "\(trust.fleet), epoch \(trust.epoch)"])
    table.append(["fingerprint", "\(trust.fingerprint)"])
    for (kind, signers) in [("publish", trust.publishers), ("root", trust.roots)] {
      table.append(["\(kind) keys", "\(signers.threshold) of \(signers.keys.count) must sign"])
      for key in signers.keys { table.append(["", "\(key.key.fingerprint)", key.name]) }
    }
    if let ratchet {
      table.append([
        "release",
        ratchet.release == nil
          ? "none yet; serials up to \(ratchet.serial) of epoch \(ratchet.epoch) are refused"
          : "\(ratchet.serial) of epoch \(ratchet.epoch) was taken last",
      ])
    }
    let verdict: PrintableText = missing.map { "NOT IN FORCE: \($0)\n" } ?? ""
    let json = JSONWriter.object { object in
      object.put("schema", "wgfence/fleet-trust/1")
      object.put("fleet", "\(trust.fleet)")
      object.put("epoch", Int(clamping: trust.epoch))
      object.put("fingerprint", "\(trust.fingerprint)")
      object.put("missing", missing.map { "\($0)" })
      for (kind, signers) in [("publishers", trust.publishers), ("roots", trust.roots)] {
        object.object(kind) { object in
          object.put("threshold", signers.threshold)
          object.array("keys") { array in
            for key in signers.keys { array.object { $0.put(key) } }
          }
        }
      }
      if let ratchet {
        object.object("ratchet") { object in
          object.put("epoch", Int(clamping: ratchet.epoch))
          object.put("serial", Int(clamping: ratchet.serial))
          object.put("release", ratchet.release.map { "\($0)" })
        }
      } else {
        object.null("ratchet")
      }
    }
    return FleetAnswer(
      table.text() + verdict, document: format == .json ? json : nil, status: missing == nil ? 0 : 2)
  }
}

/// `wgfence fleet trust rotate`: makes the trust file of the next epoch.
struct FleetTrustRotate: FleetVerb {
  static let configuration = CommandConfiguration(
    commandName: "rotate", abstract: "Change the keys of a fleet: make the trust file of the next epoch.",
    discussion: """
      Keys that are not named stay as they are. The new trust file counts when enough root keys of the present one have signed \
      it: --key signs at once, wgfence fleet sign DIR/trust-changes adds another signature. The next publish uses it: serials \
      begin again, and what the old publish keys sign is refused from the first release of the new epoch on.

      Exit status: 0 it was written; 1 it was not.
      """)

  @Option(help: "The folder that the channel carries.", completion: .directory)
  var to: String

  @OptionGroup var keys: KeyOptions

  @Option(
    help:
      "Sign with this root key: a private key's file, or the .pub file of a key in an agent. Can be repeated."
  )
  var key: [String] = []

  @Option(help: "text or json.")
  var format: FirewallRequest.ReportForm = .text

  func answer(_ note: @escaping (PrintableText) -> Void) throws -> FleetAnswer {
    let folder = ChannelFolder(path: to)
    let (trust, complete, missing) = try folder.current()
    if missing != nil { note("warning: the unfinished change of the keys is replaced\n") }
    let next = TrustFile(
      fleet: trust.fleet, epoch: trust.epoch + 1, publishers: try keys.publishers(was: trust.publishers),
      roots: try keys.roots(was: trust.roots))
    var change = ReleaseBundle.TrustChange(trust: next.bytes, signatures: [])
    for key in key {
      change.signatures.append(try Keygen.sign(next.bytes, with: key, for: ReleaseCheck.trustNamespace))
    }
    try BundleFile.write(TrustChanges(all: complete.all + [change]).bytes, to: folder.changes)
    let left = try folder.current().missing
    return FleetChange(
      verb: "trust rotate", fleet: next.fleet, epoch: next.epoch,
      text:
        "\(folder.changes) is written: epoch \(next.epoch), fingerprint \(next.fingerprint).\n"
        + (left.map { "\($0)\nwgfence fleet sign \(folder.changes) --key ROOT-KEY\n" }
          ?? "It is signed. Now publish a release: wgfence fleet publish POLICY --to \(to)\n")
    ).answer(as: format)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import ArgumentParser
internal import DaemonService
internal import Enforcement
internal import NetworkModel
internal import ReleaseFiles
internal import Releases

/// Where this host keeps its membership of a fleet.
struct FleetOptions: ParsableArguments {
  @Option(
    name: .customLong("fleet-trust"),
    help: "This host's trust file (default: $WGFENCE_FLEET_TRUST, else \(FleetPlaces.defaultTrust)).",
    completion: .file())
  var trust: String?

  @Option(
    name: .customLong("state-dir"),
    help: "The folder of stored rulesets (default: $WGFENCE_STATE_DIR, else \(StateDirectory.defaultPath)).",
    completion: .directory)
  var stateDirectory: String?

  /// The state directory; nil: it must be named.
  var directory: StateDirectory? { HostPlaces.state(stateDirectory) }

  /// The places; nil: they must be named.
  var places: FleetPlaces? { HostPlaces.fleet(trust, state: directory) }

  /// The places, which must be known.
  func required() throws(Refusal) -> FleetPlaces {
    guard let places else {
      throw Refusal(
        "in a network namespace other than the machine's own this needs --fleet-trust and --state-dir")
    }
    return places
  }

  /// By what this host decides about releases. Throws if it is in no fleet, or if its files cannot be used.
  func check() throws(Refusal) -> ReleaseCheck {
    switch try required().membership() {
    case .member(let check): return check
    case .none: throw Refusal("this machine is in no fleet: wgfence fleet join makes it a member")
    case .broken(let why): throw Refusal("\(why)")
    }
  }
}

/// The folder that a channel carries.
struct ChannelFolder {
  let path: String

  /// The bundle of the newest release.
  var release: String { "\(path)/release.wgfence" }
  /// The trust file, for machines that join.
  var trust: String { "\(path)/trust" }
  /// The trust files after the first one.
  var changes: String { "\(path)/trust-changes" }

  /// Reads the trust files after the first one; empty if there are none.
  func trustChanges() throws(Refusal) -> TrustChanges {
    guard let bytes = try BundleFile.contentIfThere(changes, limit: TrustChanges.limit) else {
      return TrustChanges(all: [])
    }
    do throws(ReleaseTextError) { return try TrustChanges(bytes) } catch {
      throw Refusal("\(changes): \(error)")
    }
  }

  /// The trust file that is in force, with the changes up to it. A change that too few root keys have signed does not count
  /// yet: then `missing` says so.
  func current() throws(Refusal) -> (trust: TrustFile, changes: TrustChanges, missing: ReleaseRefusal?) {
    let check = ReleaseCheck(first: try BundleFile.trust(trust), ratchet: nil)
    let all = try trustChanges()
    var (complete, missing): ([ReleaseBundle.TrustChange], ReleaseRefusal?) = (all.all, nil)
    while true {
      do throws(ReleaseRefusal) {
        return (try check.current(complete), TrustChanges(all: complete), missing)
      } catch {
        guard case .trustSignatures = error, !complete.isEmpty else { throw Refusal("\(changes): \(error)") }
        missing = error
        complete.removeLast()
      }
    }
  }
}

/// The keys of a trust file, on the command line.
struct KeyOptions: ParsableArguments {
  @Option(
    name: .customLong("publish-key"),
    help: "A file with public keys of who may publish (.pub). Can be repeated.",
    completion: .file(extensions: ["pub"]))
  var publishKeys: [String] = []

  @Option(name: .customLong("publish-threshold"), help: "How many publish keys must sign a release: 1 or 2.")
  var publishThreshold: Int?

  @Option(
    name: .customLong("root-key"),
    help: "A file with public keys of who may change the keys (.pub); keep them offline. Can be repeated.",
    completion: .file(extensions: ["pub"]))
  var rootKeys: [String] = []

  @Option(name: .customLong("root-threshold"), help: "How many root keys must sign a change of the keys.")
  var rootThreshold: Int?

  /// The keys of some files, and their threshold: as given, else as it was, else `usual`.
  static func signers(
    _ files: [String], _ threshold: Int?, was: TrustFile.Signers?, usual: (Int) -> Int, most: Int,
    _ kind: PrintableText
  ) throws(Refusal) -> TrustFile.Signers {
    var keys = was?.keys ?? []
    if !files.isEmpty {
      keys = []
      for file in files { keys += try BundleFile.keys(file) }
    }
    let number = threshold ?? was.map { min($0.threshold, keys.count) } ?? usual(keys.count)
    guard number <= most, let signers = TrustFile.Signers(threshold: number, keys: keys) else {
      throw Refusal(
        "\(number) of \(keys.count) \(kind) keys cannot be required: 1 to \(min(most, keys.count)), and no key twice"
      )
    }
    return signers
  }

  func publishers(was: TrustFile.Signers?) throws(Refusal) -> TrustFile.Signers {
    try Self.signers(
      publishKeys, publishThreshold, was: was, usual: { _ in 1 }, most: TrustFile.mostPublishers, "publish")
  }

  func roots(was: TrustFile.Signers?) throws(Refusal) -> TrustFile.Signers {
    try Self.signers(
      rootKeys, rootThreshold, was: was, usual: { min(2, $0) }, most: TrustFile.mostKeys, "root")
  }
}

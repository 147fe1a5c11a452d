// SPDX-License-Identifier: GPL-3.0-or-later

/// Decides whether a machine may take a release: by the trust file and the ratchet alone. It needs neither the clock nor the
/// host, and changes nothing.
public struct ReleaseCheck: Sendable {
  /// The trust file that the machine has.
  public let trust: TrustFile
  /// How far the machine has come; nil: it took nothing yet, and accepts any serial.
  public let ratchet: Ratchet?

  /// The namespace of signatures of a statement.
  public static let releaseNamespace = "wgfence-release"
  /// The namespace of signatures of a trust file.
  public static let trustNamespace = "wgfence-trust"

  /// A check for a machine with this first trust file and this ratchet. The newer trust file counts.
  public init(first: TrustFile, ratchet: Ratchet?) {
    let taken = ratchet?.trust.flatMap { $0.fleet == first.fleet && $0.epoch > first.epoch ? $0 : nil }
    trust = taken ?? first
    self.ratchet = ratchet
  }

  /// A release that may be taken.
  public struct Verified: Sendable, Hashable {
    /// Its statement.
    public let statement: Statement
    /// The digest of the statement's bytes.
    public let digest: ContentDigest
    /// The bundle.
    public let bundle: ReleaseBundle
    /// The trust file by which it was verified.
    public let trust: TrustFile
    /// Whose signatures are valid.
    public let signers: [NamedKey]
    /// Why other signatures do not count, one sentence each.
    public let ignored: [String]

    /// The ratchet after it was taken.
    public var ratchet: Ratchet {
      Ratchet(epoch: statement.epoch, serial: statement.serial, release: digest, trust: trust)
    }
  }

  /// Verifies a bundle.
  public func verify(_ bundle: ReleaseBundle) throws(ReleaseRefusal) -> Verified {
    let statement: Statement
    do throws(ReleaseTextError) { statement = try Statement(bundle.statement) } catch { throw .text(error) }
    let trust = try current(bundle.trustChanges)
    guard statement.fleet == trust.fleet else { throw .otherFleet(statement.fleet, own: trust.fleet) }
    guard statement.epoch >= trust.epoch else { throw .oldEpoch(statement.epoch, own: trust.epoch) }
    guard statement.epoch == trust.epoch else { throw .unknownEpoch(statement.epoch, own: trust.epoch) }
    let found = Self.signers(
      bundle.signatures, of: bundle.statement, for: Self.releaseNamespace, trust.publishers)
    guard found.valid.count >= trust.publishers.threshold else {
      throw .signatures(valid: found.valid.count, needed: trust.publishers.threshold, why: found.ignored)
    }
    guard statement.policy.matches(bundle.policy) else { throw .content(statement.policy.name) }
    guard statement.lists.count == bundle.lists.count else { throw .lists }
    for (list, bytes) in zip(statement.lists, bundle.lists) {
      guard list.matches(bytes) else { throw .content(list.name) }
    }
    let digest = ContentDigest(of: bundle.statement)
    try advance(statement, digest)
    return Verified(
      statement: statement, digest: digest, bundle: bundle, trust: trust, signers: found.valid,
      ignored: found.ignored)
  }

  /// The trust file after the changes of a bundle: each must be of the next epoch, and signed by enough root keys of the one
  /// before it.
  public func current(_ changes: [ReleaseBundle.TrustChange]) throws(ReleaseRefusal) -> TrustFile {
    var trust = trust
    for change in changes {
      let next: TrustFile
      do throws(ReleaseTextError) { next = try TrustFile(change.trust) } catch { throw .text(error) }
      guard next.fleet == trust.fleet else { throw .otherFleet(next.fleet, own: trust.fleet) }
      // The machine has this one already, or a later one.
      if next.epoch <= trust.epoch { continue }
      guard next.epoch == trust.epoch + 1 else { throw .missingTrust(trust.epoch + 1) }
      let found = Self.signers(change.signatures, of: change.trust, for: Self.trustNamespace, trust.roots)
      guard found.valid.count >= trust.roots.threshold else {
        throw .trustSignatures(
          epoch: next.epoch, valid: found.valid.count, needed: trust.roots.threshold, why: found.ignored)
      }
      trust = next
    }
    return trust
  }

  /// The keys whose signatures of a text are valid, each once, and why the other signatures do not count.
  static func signers(
    _ signatures: [[UInt8]], of text: [UInt8], for namespace: String, _ signers: TrustFile.Signers
  ) -> (valid: [NamedKey], ignored: [String]) {
    var (valid, ignored): ([NamedKey], [String]) = ([], [])
    for (place, armoured) in signatures.enumerated() {
      let which = "signature \(place + 1)"
      do throws(SSHFormatError) {
        let signature = try SSHSignature(armoured: armoured)
        guard let named = signers.keys.first(where: { $0.key == signature.key }) else {
          ignored.append("\(which) is by the key \(signature.key.fingerprint), which is not trusted for this")
          continue
        }
        guard signature.namespace.utf8.elementsEqual(namespace.utf8) else {
          ignored.append("\(which) is for '\(signature.namespace)', not for '\(namespace)'")
          continue
        }
        guard signature.isValid(of: text, for: namespace) else {
          ignored.append("\(which) does not fit the text and the key \(signature.key.fingerprint)")
          continue
        }
        guard signature.token?.isTouched ?? true else {
          ignored.append("\(which) was made without a touch of the token \(signature.key.fingerprint)")
          continue
        }
        guard !valid.contains(named) else {
          ignored.append("\(which) is a second one by the key \(signature.key.fingerprint)")
          continue
        }
        valid.append(named)
      } catch {
        ignored.append("\(which) cannot be read: \(error)")
      }
    }
    return (valid, ignored)
  }

  /// Refuses what is not newer than the ratchet, except the release that it names.
  private func advance(_ statement: Statement, _ digest: ContentDigest) throws(ReleaseRefusal) {
    guard let ratchet, statement.epoch <= ratchet.epoch else { return }
    // A ratchet whose epoch is newer than that of its trust file does not exist, except by hand.
    guard statement.epoch == ratchet.epoch else { throw .oldEpoch(statement.epoch, own: ratchet.epoch) }
    if statement.serial > ratchet.serial { return }
    guard statement.serial == ratchet.serial, let release = ratchet.release else {
      throw .oldSerial(statement.serial, own: ratchet.serial)
    }
    guard release == digest else { throw .twoReleases(statement.serial) }
  }
}

/// Why a release is not taken.
public enum ReleaseRefusal: Error, Sendable, Hashable, CustomStringConvertible {
  /// A text of it is not valid.
  case text(ReleaseTextError)
  /// It is for another fleet.
  case otherFleet(FleetName, own: FleetName)
  /// Its epoch is over: its publish keys may have been revoked.
  case oldEpoch(UInt64, own: UInt64)
  /// Its epoch is later, and it does not carry the trust files up to it.
  case unknownEpoch(UInt64, own: UInt64)
  /// It carries later trust files, but not the one of this epoch.
  case missingTrust(UInt64)
  /// Too few publish keys have signed it.
  case signatures(valid: Int, needed: Int, why: [String])
  /// Too few root keys have signed its trust file.
  case trustSignatures(epoch: UInt64, valid: Int, needed: Int, why: [String])
  /// A file is not the one that was signed.
  case content(String)
  /// It does not have the lists that were signed.
  case lists
  /// A later release was taken already.
  case oldSerial(UInt64, own: UInt64)
  /// Another release with this serial was taken already.
  case twoReleases(UInt64)

  /// A sentence.
  public var description: String {
    switch self {
    case .text(let error): "\(error)"
    case .otherFleet(let other, let own):
      "it is for the fleet \(other), and this machine is in the fleet \(own)"
    case .oldEpoch(let epoch, let own): "its epoch \(epoch) is over: the current one is \(own)"
    case .unknownEpoch(let epoch, let own):
      "its epoch is \(epoch), and the newest trust file here is of epoch \(own)"
    case .missingTrust(let epoch): "it does not carry the trust file of epoch \(epoch)"
    case .signatures(let valid, let needed, let why):
      "\(valid) of \(needed) needed signatures are valid" + Self.reasons(why)
    case .trustSignatures(let epoch, let valid, let needed, let why):
      "the trust file of epoch \(epoch) has \(valid) of \(needed) needed signatures by root keys"
        + Self.reasons(why)
    case .content(let name): "\(name) is not the file that was signed"
    case .lists: "its lists are not those that were signed"
    case .oldSerial(let serial, let own): "its serial is \(serial), and this machine has taken \(own) already"
    case .twoReleases(let serial): "another release with the serial \(serial) was taken already"
    }
  }

  private static func reasons(_ why: [String]) -> String {
    why.isEmpty ? "" : ": \(why.joined(separator: "; "))"
  }
}

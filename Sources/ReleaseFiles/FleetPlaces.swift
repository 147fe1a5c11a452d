// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
package import Netlink
package import Releases

/// Where a machine keeps what makes it a member of a fleet:
///
///     /etc/wgfence/fleet/trust    the first trust file: the machine takes only signed releases while it exists
///     STATE/fleet/ratchet         how far the machine has come (`Ratchet`)
///     STATE/fleet/release-DIGEST  the bundle of the release of the ratchet
///
/// The ratchet decides which release counts. It is replaced as a whole, after the bundle that it names, and before the kernel.
package struct FleetPlaces: Sendable {
  /// The usual path of the trust file.
  package static let defaultTrust = "/etc/wgfence/fleet/trust"

  /// The path of the trust file.
  package let trust: String
  private let state: String

  /// The places of a machine with this state directory.
  package init(trust: String, state directory: StateDirectory) {
    self.trust = trust
    state = "\(directory.path)/fleet"
  }

  /// Whether the machine takes signed releases.
  package enum Membership: Sendable {
    /// There is no trust file: the machine enforces its own policy file.
    case none
    /// It does, and decides by this.
    case member(ReleaseCheck)
    /// It does, but cannot decide: why. Nothing is taken, and what is in force stays.
    case broken(String)
  }

  /// What distinguishes one release that the machine has taken, or none, from every other.
  package var mark: String {
    switch membership() {
    case .none: "none"
    case .broken(let why): why
    case .member(let check):
      "\(check.trust.fingerprint) \(check.ratchet?.serial ?? 0) \(check.ratchet?.release.map { "\($0)" } ?? "-")"
    }
  }

  /// Reads the trust file and the ratchet.
  package func membership() -> Membership {
    do throws(SystemError) {
      guard let bytes = try DurableFile.read(trust, limit: TrustFile.limit) else { return .none }
      let own = try DurableFile.read("\(state)/ratchet", limit: Ratchet.limit)
      do throws(ReleaseTextError) {
        return .member(
          ReleaseCheck(
            first: try TrustFile(bytes),
            ratchet: try own.map { bytes throws(ReleaseTextError) in try Ratchet(bytes) }))
      } catch {
        let path = error.text == .ratchet ? "\(state)/ratchet" : trust
        return .broken("\(path): \(error)")
      }
    } catch {
      return .broken("\(error)")
    }
  }

  /// The release that the machine has taken, verified again; nil: it has taken none yet.
  package func release(_ check: ReleaseCheck) throws(FleetStateError) -> ReleaseCheck.Verified? {
    guard let digest = check.ratchet?.release else { return nil }
    let path = file(digest)
    let bytes: [UInt8]?
    do throws(SystemError) { bytes = try DurableFile.read(path, limit: ReleaseBundle.limit) } catch {
      throw FleetStateError("\(error)")
    }
    guard let bytes else { throw FleetStateError("\(path) is missing: accept the release again") }
    return try Self.verify(bytes, by: check, path)
  }

  private static func verify(_ bytes: [UInt8], by check: ReleaseCheck, _ path: String) throws(FleetStateError)
    -> ReleaseCheck.Verified
  {
    let bundle: ReleaseBundle
    do throws(ReleaseTextError) { bundle = try ReleaseBundle(bytes) } catch {
      throw FleetStateError("\(path): \(error)")
    }
    do throws(ReleaseRefusal) { return try check.verify(bundle) } catch {
      throw FleetStateError("\(path): \(error)")
    }
  }

  // MARK: Writing

  /// A step of taking a release. Each survives a power cut when it has returned; after the one that writes the ratchet, the
  /// release is taken.
  package struct Step: Sendable {
    private let perform: @Sendable () throws(SystemError) -> Void

    fileprivate init(_ perform: @escaping @Sendable () throws(SystemError) -> Void) { self.perform = perform }

    /// Does it.
    package func run() throws(SystemError) { try perform() }
  }

  /// The steps of taking a release, in their order.
  package func steps(_ release: ReleaseCheck.Verified) -> [Step] {
    let (state, bundle) = (state, file(release.digest))
    return [
      Step { () throws(SystemError) in try DurableFile.makeDirectory(state) },
      Step { () throws(SystemError) in try DurableFile.replace(bundle, release.bundle.bytes) },
      Step { () throws(SystemError) in try DurableFile.replace("\(state)/ratchet", release.ratchet.bytes) },
      Step { () throws(SystemError) in
        for name in DirectoryListing.names(in: state)
        where name.hasPrefix("release-") && "\(state)/\(name)" != bundle {
          // One that cannot be deleted now is deleted with the next release.
          try? DurableFile.remove("\(state)/\(name)")
        }
      },
    ]
  }

  /// Takes a release: from now on it is the one that the machine enforces, and none before it is taken again.
  package func take(_ release: ReleaseCheck.Verified) throws(SystemError) {
    for step in steps(release) { try step.run() }
  }

  /// Makes the machine a member. Releases up to a serial are refused.
  package func join(_ file: TrustFile, after serial: UInt64) throws(SystemError) {
    if let slash = trust.lastIndex(of: "/"), slash > trust.startIndex {
      try DurableFile.makeDirectory(String(trust[..<slash]))
    }
    if let slash = state.lastIndex(of: "/") { try DurableFile.makeDirectory(String(state[..<slash])) }
    try DurableFile.makeDirectory(state)
    let ratchet = Ratchet(epoch: file.epoch, serial: serial, release: nil, trust: nil)
    try DurableFile.replace("\(state)/ratchet", ratchet.bytes)
    try DurableFile.replace(trust, file.bytes, for: .everyone)
  }

  /// Ends the membership: the trust file first, since nothing counts without it.
  package func leave() throws(SystemError) {
    try DurableFile.remove(trust)
    for name in DirectoryListing.names(in: state) where name == "ratchet" || name.hasPrefix("release-") {
      try DurableFile.remove("\(state)/\(name)")
    }
  }

  private func file(_ digest: ContentDigest) -> String { "\(state)/release-\(digest)" }
}

/// Why the release that a machine has taken cannot be read again.
package struct FleetStateError: Error, Sendable, CustomStringConvertible {
  /// One sentence.
  package let description: String
  init(_ description: String) { self.description = description }
}

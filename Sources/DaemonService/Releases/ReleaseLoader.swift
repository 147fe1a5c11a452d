// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Netlink
internal import NetworkModel
internal import PolicyFiles
internal import PolicyLanguage
package import ReleaseFiles
package import Releases

/// Turns signed releases into a candidate that can be put in force. It verifies them itself, whoever handed them over, and then
/// checks the policy as `PolicyLoader` checks a file, except that only the tests are run that cross this machine: the
/// publisher ran all of them.
package struct ReleaseLoader: Sendable {
  private let loader: PolicyLoader

  /// A loader for the same machine as another one.
  package init(_ loader: PolicyLoader) {
    var loader = loader
    loader.tests = .crossing
    self.loader = loader
  }

  /// Verifies the bytes of a bundle for a member of a fleet.
  package static func verify(_ bytes: [UInt8], in membership: FleetPlaces.Membership) throws(Refusal)
    -> ReleaseCheck.Verified
  {
    let check: ReleaseCheck
    switch membership {
    case .none: throw Refusal("this machine is in no fleet: wgfence fleet join makes it a member")
    case .broken(let why): throw Refusal("no release can be taken: \(why)")
    case .member(let found): check = found
    }
    let bundle: ReleaseBundle
    do throws(ReleaseTextError) { bundle = try ReleaseBundle(bytes) } catch {
      throw Refusal("the release is refused: \(error)")
    }
    do throws(ReleaseRefusal) { return try check.verify(bundle) } catch {
      throw Refusal("the release is refused: \(error)")
    }
  }

  /// Checks the policy of a verified release that was handed over, with what it would end on this host if it is not in force
  /// already. Refuses it before the floor of this machine's wave.
  package func load(_ release: ReleaseCheck.Verified, at now: UTCTime, unless inForce: String?)
    throws(Refusal)
    -> PolicyLoader.Loaded
  {
    var loaded = try load(release)
    guard case .success(let candidate) = loaded.result else { return loaded }
    let (machine, groups) = (candidate.machine, Self.groups(of: candidate.machine, in: candidate.policy))
    if let floor = release.statement.floor(of: machine, in: groups), now < floor {
      let wave = release.statement.wave(of: machine, in: groups)?.name ?? ""
      throw Refusal(
        "release \(release.statement.serial) is refused for now: \(machine) is in its wave \(wave), which begins at \(floor)"
      )
    }
    loader.findObjection(in: &loaded, unless: inForce)
    return loaded
  }

  private func load(_ release: ReleaseCheck.Verified) throws(Refusal) -> PolicyLoader.Loaded {
    let statement = release.statement
    guard let own = ProgramVersion(Version.text), own >= statement.requires else {
      throw Refusal(
        "release \(statement.serial) needs wgfence \(statement.requires) or later, and this is \(Version.text)"
      )
    }
    let lists = Dictionary(
      zip(statement.lists.map(\.name), release.bundle.lists), uniquingKeysWith: { first, _ in first })
    var loaded = loader.load(Self.path(statement), .bytes(release.bundle.policy)) { name in
      (name, lists[name].map { .bytes($0) } ?? .unreadable(reason: "it is not in the release"))
    }
    // They are no files of this host.
    loaded.lists = []
    loaded.release = release
    return loaded
  }

  /// How the policy of a release is named in places and reports: `release-1.42/policy.yaml`.
  static func path(_ statement: Statement) -> String {
    "\(folder(statement.epoch, statement.serial))\(statement.policy.name)"
  }

  private static func folder(_ epoch: UInt64, _ serial: UInt64) -> String { "release-\(epoch).\(serial)/" }

  /// Refuses a trial of a release that does not let this machine go back by itself to what is in force: only to one release,
  /// which this machine holds, and only until a time.
  package static func permitTrial(
    _ statement: Statement, _ trial: TrialTime, inForce: Provenance?, at now: UTCTime
  ) throws(Refusal) {
    let name: PrintableText = "release \(statement.serial)"
    guard case .release(let serial, let until) = statement.fallBack else {
      throw Refusal(
        "\(name) does not let a machine go back by itself, so it cannot be on trial: accept it without --confirm, or publish one "
          + "with --falls-back")
    }
    let path = inForce?.path ?? ""
    guard path.hasPrefix(folder(statement.epoch, serial)) else {
      let held: PrintableText = path.isEmpty ? "nothing is in force here" : "\(path) is in force here"
      throw Refusal("\(name) lets a machine go back to release \(serial) only, and \(held)")
    }
    guard now.adding(trial.seconds) <= until else {
      throw Refusal(
        "\(name) lets a machine go back by itself until \(until), and the trial would end after that: use a shorter --confirm, "
          + "or none")
    }
  }

  /// The groups that a machine is in.
  private static func groups(of machine: String, in policy: Policy) -> Set<String> {
    Set(policy.groups.filter { $0.machines.contains(machine) }.map(\.name))
  }

  // MARK: The release that was taken

  /// What the daemon reads instead of its policy file, if this machine is in a fleet: the release that it took last. Nil if
  /// this machine is in no fleet.
  func loadTaken(_ places: FleetPlaces, unless inForce: String?) -> PolicyLoader.Loaded? {
    switch places.membership() {
    case .none: return nil
    case .broken(let why): return PolicyLoader.unreadable("", why)
    case .member(let check):
      do {
        guard let release = try places.release(check) else {
          return PolicyLoader.unreadable(
            "",
            "this machine takes signed releases of \(check.trust.fleet), and has taken none yet: wgfence fleet accept"
          )
        }
        var loaded = try load(release)
        loader.findObjection(in: &loaded, unless: inForce)
        return loaded
      } catch {
        return PolicyLoader.unreadable("", "\(error)")
      }
    }
  }
}

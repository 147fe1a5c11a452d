// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import NetworkModel
internal import PolicyFiles
internal import PolicyLanguage
internal import ReleaseFiles
internal import Releases
internal import Reports

/// The part of `status` about the fleet of this machine.
struct FleetStatus {
  private let check: ReleaseCheck?
  /// The release that was taken last; nil: none, or it cannot be read.
  private let release: ReleaseCheck.Verified?
  /// Why the membership or the release cannot be read; nil if they can.
  private let problem: String?
  private let now: UTCTime
  private let controller: Controller
  private let local: LocalFile
  private let path: String

  /// The policy file of the machine, which has no effect while it is a member.
  private enum LocalFile: String {
    case absent
    /// The same as the policy of the release.
    case equal
    case differs
  }

  /// Nil if this machine is in no fleet.
  init?(_ daemon: Daemon, at now: Int64) {
    guard let places = daemon.settings.fleet else { return nil }
    controller = daemon.driver.controller
    path = daemon.settings.policy
    self.now = UTCTime(seconds: now)
    switch places.membership() {
    case .none: return nil
    case .broken(let why): (check, release, problem) = (nil, nil, why)
    case .member(let found):
      check = found
      do throws(FleetStateError) { (release, problem) = (try places.release(found), nil) } catch {
        (release, problem) = (nil, "\(error)")
      }
    }
    switch FileContent.read(path, limit: Statement.policyLimit) {
    case .unreadable: local = .absent
    case .bytes(let bytes): local = bytes == release?.bundle.policy ? .equal : .differs
    }
  }

  /// Whether the policy of the release is what this machine enforces. False as well while it is held back.
  private var isInForce: Bool {
    guard let digest = controller.file.digest, release != nil else { return false }
    return controller.inForce?.digest == digest
  }

  /// Whether something else is in force, although nothing holds the release back: a local `apply`, or a rollback.
  private var isDrifted: Bool {
    guard release != nil, case .accepted = controller.file else { return false }
    return !isInForce
  }

  private var isStale: Bool { release?.statement.isStale(at: now) ?? false }

  /// Whether nothing needs attention.
  var isFine: Bool { problem == nil && !isDrifted && !isStale && local != .differs && release != nil }

  /// Rows for people.
  var rows: [[String]] {
    var rows: [[String]] = []
    let fleet = check.map { "\($0.trust.fleet), epoch \($0.trust.epoch)" } ?? "UNKNOWN"
    if let statement = release?.statement {
      rows.append(["fleet", "\(fleet): release \(statement.serial), issued \(statement.issued)"])
      if let because = statement.because { rows.append(["", because]) }
    } else {
      rows.append(["fleet", fleet])
    }
    if let problem {
      rows.append(["", "NO RELEASE CAN BE READ, what is in force stays: \(problem)"])
    } else if release == nil {
      rows.append(["", "NO RELEASE was accepted yet: wgfence fleet accept"])
    }
    if isDrifted { rows.append(["", "DRIFTED from the release: accept it again to put it in force"]) }
    if isStale, let end = release?.statement.freshUntil {
      rows.append(["", "STALE since \(end): a newer release was expected; the rules stay as they are"])
    }
    if local == .differs {
      rows.append(["", "DRIFTED: \(path) differs from the release; it has no effect, remove it"])
    }
    return rows
  }

  /// The name of the policy; nil if no release can be read.
  var policy: String? { release.map { ReleaseLoader.path($0.statement) } }

  /// The object `fleet`.
  func put(in object: inout JSONWriter.Object) {
    object.object("fleet") { object in
      object.put("name", check.map { "\($0.trust.fleet)" })
      object.put("epoch", check.map { Int(clamping: $0.trust.epoch) })
      object.put("error", problem)
      object.put("serial", release.map { Int(clamping: $0.statement.serial) })
      object.put("release", release.map { "\($0.digest)" })
      object.put("issued", release.map { "\($0.statement.issued)" })
      object.put("in_force", isInForce)
      object.put("drifted", isDrifted)
      object.put("stale", isStale)
      object.put("local_file", local.rawValue)
    }
  }
}

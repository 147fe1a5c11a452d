// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import LinuxHost
internal import Netlink
internal import NetworkModel
internal import PolicyAnalysis
internal import PolicyFiles
internal import PolicyLanguage
internal import ReleaseFiles

/// The policy file of the daemon: when it is read, and what follows.
extension Daemon {
  /// A policy of one file is read at once. If it has list files, or soon after another change, the daemon waits 20 ms
  /// for further changes, so that a burst of changes is one apply.
  func policyMayHaveChanged() {
    let now = Clock.sinceBoot
    let isAlone = environment.lists.isEmpty && now - lastPolicyRead > 100_000_000
    settle = max(settle ?? 0, now + (isAlone ? 0 : 20_000_000))
  }

  func readPolicy() {
    settle = nil
    lastPolicyRead = Clock.sinceBoot
    // A change of the ruleset by another process is repaired and logged with its name first. Otherwise the new policy
    // would repair it without a log entry.
    rulesetChanged()
    noteFiles()
    var loader = environment.loader
    loader.lastFacts = lastFacts
    // What a policy would end that is only observed for that reason is asked again.
    var known = driver.controller.inForce?.digest
    if case .daemon? = driver.controller.inForce?.observer { known = nil }
    let (path, fleet) = (settings.policy, settings.fleet)
    fleetMark = fleet?.mark
    checks.add(.file) { [loader, known] in
      fleet.flatMap { ReleaseLoader(loader).loadTaken($0, unless: known) } ?? loader.load(path, unless: known)
    }
  }

  /// A file that is replaced during each of so many checks in a row is put in force as it was read, although it is outdated:
  /// otherwise a file that changes all the time would never be put in force.
  private static let mostOutdatedChecks = 3

  /// A check has ended: of the daemon's own policy file, or of a policy that a client sent. If the file was replaced during the
  /// check, what was read then is not put in force: the new content may take back what it grants.
  func policyWasChecked() {
    guard let (asker, loaded) = checks.take() else { return }
    isFat = true
    switch asker {
    case .file:
      // A release was taken while this one was checked: it must not replace the newer one.
      if settings.fleet?.mark != fleetMark { return readPolicy() }
      let isOutdated = checks.willCheckFile || isAnyFileChanged
      outdatedChecks = isOutdated ? outdatedChecks + 1 : 0
      if isOutdated && outdatedChecks <= Self.mostOutdatedChecks {
        if !checks.willCheckFile { readPolicy() }
        return
      }
      driver.perform(driver.controller.read(environment.take(loaded), at: environment.now()))
      signatures.merge(loaded.signatures) { _, read in read }
      if schedule.ready != nil || isReloading { driver.restoreMissing() }
      policyWasRead()
      becomeReady()
      // A list that the policy did not name before was not watched while it was checked.
      if isAnyFileChanged { settle = settle ?? Clock.sinceBoot }
      if isReloading {
        isReloading = false
        ServiceManager.notify("READY=1")
      }
    case .client(let token, _):
      guard let client = clients.all[token] else { break }
      if case .checkingRelease = client.mode {
        endRelease(client, loaded)
      } else {
        endApply(client, loaded.reading)
      }
    }
  }

  func noteFiles() {
    signatures = [:]
    for path in ownFiles + environment.lists { signatures[path] = FileSignature(path) }
  }

  /// The files that decide which policy this machine enforces.
  var ownFiles: [String] { [settings.policy] + [settings.fleet?.trust].compactMap { $0 } }

  var isAnyFileChanged: Bool { signatures.contains { FileSignature($0.key) != $0.value } }

  /// Updates what depends on the policy in force: watched files, live endpoints, drop log, metrics.
  func policyWasRead() {
    files.watch(ownFiles + environment.lists)
    for path in ownFiles + environment.lists where signatures[path] == nil {
      signatures[path] = FileSignature(path)
    }
    scheduleEndpoints()
    openDropLog()
    openMetrics()
    ServiceManager.notify("STATUS=\(statusLine)")
    isFat = true
  }

  /// The policy in force, with its machine and candidate; nil if there is none.
  var policyInForce: (policy: Policy, machine: Machine, candidate: Candidate)? {
    guard let candidate = driver.candidate ?? driver.controller.accepted,
      let machine = candidate.policy.machine(named: candidate.machine)
    else { return nil }
    return (candidate.policy, machine, candidate)
  }
}

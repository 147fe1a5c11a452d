// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import NetworkModel
internal import PolicyAnalysis
internal import TemporaryGrants
internal import PolicyFiles
internal import PolicyLanguage
internal import Reports
internal import Ruleset

/// Temporary grants.
extension FirewallService {
  /// How often a change is tried. The kernel refuses it if an element expires in the meantime.
  private static let mostAttempts = 4

  func open<Store: RulesetStore & ~Copyable>(
    _ order: TemporaryGrantOrder, _ caller: String, _ driver: inout ControllerDriver<Store>
  ) throws(Refusal) -> FirewallResult {
    let advice = TemporaryGrantAdvice(order, until: Today.time)
    let candidate = try driver.grantedPolicy()
    if let target = order.target {
      try advice.check(target, candidate.policy, candidate.machine)
    }
    let grant = try Self.understand(
      order.service, order.source, order.duration, caller, order.reason, candidate)
    let relays = grant.relays.map { advice.warning($0, candidate.machine) }
    let sent = try Self.commit(&driver) { table throws(TemporaryGrantError) in
      try grant.operations(on: table)
    }
    guard sent > 0 else {
      return FirewallResult(text: "Already open for longer; nothing was changed.\n", warnings: relays)
    }
    let said: PrintableText =
      "opened \(order.service) from \(order.source) for \(order.durationWords), by \(caller): \(order.reason)"
    driver.say(.notice, said)
    return FirewallResult(
      text: "\(said).\n", warnings: grant.warnings.map { "\($0)" } + relays, operations: sent)
  }

  func close<Store: RulesetStore & ~Copyable>(
    _ service: String, _ source: String, _ caller: String, _ driver: inout ControllerDriver<Store>
  ) throws(Refusal) -> FirewallResult {
    // The duration has no effect on ending the grant.
    let grant = try Self.understand(
      service, source, try Self.understood { () throws(TemporaryGrantError) in try GrantDuration("1s") },
      caller, "ended", try driver.grantedPolicy())
    let sent = try Self.commit(&driver) { table throws(TemporaryGrantError) in
      try grant.endingOperations(on: table)
    }
    guard sent > 0 else { return FirewallResult(text: "No such temporary grant; nothing was changed.\n") }
    let said: PrintableText = "closed \(service) from \(source), by \(caller)"
    driver.say(.notice, said)
    return FirewallResult(text: "\(said).\n", operations: sent)
  }

  /// Ends the temporary grant with a number in the list of those in force.
  func close<Store: RulesetStore & ~Copyable>(
    _ number: Int, _ caller: String, _ driver: inout ControllerDriver<Store>
  ) throws(Refusal) -> FirewallResult {
    let candidate = try driver.grantedPolicy()
    guard let machine = candidate.policy.machine(named: candidate.machine)
    else { throw Refusal("the policy in force has no machine '\(candidate.machine)'") }
    // What the number means is decided once: the list can become shorter between two attempts.
    var chosen: TemporaryGrant?
    let sent = try Self.commit(&driver) { table in
      if chosen == nil {
        let all = TemporaryGrant.inForce(in: table, policy: candidate.policy, machine: machine)
        chosen = all.indices.contains(number - 1) ? all[number - 1] : nil
      }
      return chosen?.endingOperations(on: table) ?? []
    }
    guard let chosen else {
      throw Refusal("there is no temporary grant with the number \(number): see wgfence open --list")
    }
    guard sent > 0 else { return FirewallResult(text: "It has just ended; nothing was changed.\n") }
    let said: PrintableText =
      "closed \(chosen.services.joined(separator: ", ")) in \(chosen.zone) from \(chosen.senders), by \(caller)"
    driver.say(.notice, said)
    return FirewallResult(text: "\(said).\n", operations: sent)
  }

  private static func understood<Value>(_ body: () throws(TemporaryGrantError) -> Value) throws(Refusal)
    -> Value
  {
    do throws(TemporaryGrantError) { return try body() } catch { throw Refusal("\(error)") }
  }

  private static func understand(
    _ service: String, _ source: String, _ duration: GrantDuration, _ caller: String, _ reason: String,
    _ candidate: Candidate
  ) throws(Refusal) -> TemporaryGrantRequest {
    guard let machine = candidate.policy.machine(named: candidate.machine) else {
      throw Refusal("the policy in force has no machine '\(candidate.machine)'")
    }
    return try understood { () throws(TemporaryGrantError) in
      try TemporaryGrantRequest(
        candidate.policy, machine: machine, service: service, from: source, lasting: duration, who: caller,
        because: reason)
    }
  }

  /// Sends changes of the current table. Returns the number of operations.
  private static func commit<Store: RulesetStore & ~Copyable>(
    _ driver: inout ControllerDriver<Store>,
    _ operations: (KernelTable) throws(TemporaryGrantError) -> [TableOperation]
  ) throws(Refusal) -> Int {
    var failure = StoreError.stale
    for _ in 0..<mostAttempts {
      let table: StoredTable
      do throws(StoreError) { table = try driver.current() } catch {
        failure = error
        driver.forgetObserved()
        continue
      }
      guard let observed = table.table else {
        driver.forgetObserved()
        continue
      }
      let changes = try understood { () throws(TemporaryGrantError) in try operations(observed) }
      if changes.isEmpty { return 0 }
      do throws(StoreError) {
        try driver.store.commit(changes, generation: table.generation)
        driver.forgetObserved()
        return changes.count
      } catch {
        failure = error
        driver.forgetObserved()
      }
    }
    throw Refusal("\(EnforcementError(failure))")
  }
}

extension ControllerDriver where Store: ~Copyable {
  /// The policy in force. In a panic and after `unload` nothing can be opened, nor while only its rules are known.
  fileprivate func grantedPolicy() throws(Refusal) -> Candidate {
    if controller.isReleased || controller.state.panic != nil || controller.inForce == nil {
      throw Refusal("no policy is in force, so no temporary grant can be changed (see wgfence status)")
    }
    if let candidate { return candidate }
    let path = controller.inForce?.path ?? ""
    throw Refusal(
      "of the policy in force, only the stored rules are known since the restart, not the services that it names: run "
        + "wgfence apply \(path), or edit the policy file")
  }
}

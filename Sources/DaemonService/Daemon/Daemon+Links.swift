// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import LinuxHost
internal import NetworkModel
internal import PolicyFiles
internal import PolicyLanguage

/// Changes of interfaces, and of WireGuard's endpoints.
extension Daemon {
  /// How often WireGuard is read if the ruleset depends on its state, in nanoseconds. It reports no change by itself.
  static let endpointInterval: Int64 = 5_000_000_000

  func linksChanged() {
    guard let (policy, machine, _) = policyInForce else { return }
    // If the interfaces cannot be read, nothing is known to be missing; `refreshLive` reports it.
    let there = (try? LinkTable.read().interfaces.map(\.name)).map { Set($0) }
    for tunnel in policy.tunnels where !machine.addresses(in: tunnel.name).isEmpty {
      guard let there else { break }
      let state: TunnelState = there.contains(tunnel.name) ? .there : .missing
      if let before = tunnels[tunnel.name], before != state {
        journal.say(
          state == .there ? .notice : .warning,
          state == .there
            ? "the interface \(tunnel.name) exists"
            : "the interface \(tunnel.name) is missing; its grants accept nothing until it exists")
      }
      tunnels[tunnel.name] = state
    }
    refreshLive()
    refreshDropHost()
  }

  /// Reads WireGuard again after a while if the ruleset depends on its state. What was read last does not matter:
  /// WireGuard may have had no port yet, or not have answered.
  func scheduleEndpoints() {
    guard let known = policyInForce?.candidate else { return schedule.endpoints = nil }
    let isFollowing = known.policy.followsWireGuard(of: known.machine)
    schedule.endpoints = isFollowing ? Clock.sinceBoot + Self.endpointInterval : nil
  }

  /// The live facts of the policy in force.
  var lastFacts: LiveFacts { policyInForce?.candidate.live ?? LiveFacts() }

  /// Reads what is live on this host, and compiles the policy in force again if it changed: endpoints, WireGuard's ports,
  /// networks of zones with `prefixes: live`, and bridges. A bridge with a new port that is not a guest's leaves the zone
  /// of containers at once.
  func refreshLive() {
    scheduleEndpoints()
    guard let known = policyInForce?.candidate else { return }
    let reading = LiveReading(for: known.policy, on: known.machine)
    environment.note(reading.gaps)
    var live = reading.facts.with(known.live, for: reading.unread)
    // If WireGuard knows no endpoint for a while (its interface was created again), the last known ones stay valid.
    for (machine, addresses) in known.live.addresses where live.addresses[machine]?.isEmpty != false {
      live.addresses[machine] = addresses
    }
    guard let reason = Self.change(from: known.live, to: live) else { return }
    driver.perform(
      driver.controller.recompiled(known.again(today: Today.date, live: live), because: reason))
  }

  /// The first thing that changed, in words; nil if nothing did.
  private static func change(from old: LiveFacts, to new: LiveFacts) -> String? {
    if new.addresses != old.addresses { return "a live endpoint changed" }
    if new.ports != old.ports { return "WireGuard uses another port" }
    if new.networks != old.networks { return "the networks of a zone with 'prefixes: live' changed" }
    if new.sharedBridges != old.sharedBridges { return "the ports of a bridge changed" }
    return new.bridges != old.bridges ? "the host has other bridges" : nil
  }
}

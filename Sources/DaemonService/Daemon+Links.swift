// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import LinuxHost
internal import NetworkModel
internal import PolicyFiles
internal import PolicyLanguage

/// Links that come and go, and what WireGuard knows of its peers.
extension Daemon {
  /// How often WireGuard is asked where a machine's policy says `endpoint: live`, in nanoseconds: it tells of no change.
  static let endpointInterval: Int64 = 5_000_000_000

  func linksChanged() {
    guard let (policy, machine, _) = policyInForce else { return }
    let there = Set((try? LinkTable.read().interfaces.map(\.name)) ?? [])
    for tunnel in policy.tunnels where !machine.addresses(in: tunnel.name).isEmpty {
      let state: TunnelState = there.contains(tunnel.name) ? .there : .missing
      if let before = tunnels[tunnel.name], before != state {
        journal.say(
          state == .there ? .notice : .warning,
          state == .there
            ? "\(tunnel.name) is there" : "\(tunnel.name) is gone; what it protects stays closed")
      }
      tunnels[tunnel.name] = state
    }
    if schedule.endpoints != nil {
      refreshEndpoints()
    } else {
      refreshBridges()
    }
  }

  /// A bridge may have got a port that is no guest's: it leaves the zone of containers at once.
  private func refreshBridges() {
    guard let known = policyInForce?.candidate else { return }
    let (live, gaps) = LiveEndpoints.read(for: known.policy, on: known.machine)
    environment.note(gaps)
    guard live.sharedBridges != known.live.sharedBridges else { return }
    var changed = known.live
    changed.sharedBridges = live.sharedBridges
    driver.perform(
      driver.controller.recompiled(
        known.again(today: Today.date, live: changed), because: "the ports of a bridge changed"))
  }

  func refreshEndpoints() {
    schedule.endpoints = Clock.sinceBoot + Self.endpointInterval
    guard let known = policyInForce?.candidate else { return }
    var (live, gaps) = LiveEndpoints.read(for: known.policy, on: known.machine)
    environment.note(gaps)
    // Where WireGuard knows nothing for a while (its interface is made anew), what it knew goes on to hold.
    for (machine, addresses) in known.live.addresses where live.addresses[machine]?.isEmpty != false {
      live.addresses[machine] = addresses
    }
    guard live != known.live else { return }
    driver.perform(
      driver.controller.recompiled(
        known.again(today: Today.date, live: live), because: "a live endpoint changed"))
  }
}

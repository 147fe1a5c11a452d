// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyLanguage

/// Tries lines of `allow` on all machines of a packet path: compiles the policy with a line, and walks the packet again.
struct PathTrial {
  let site: CompiledSite
  let sample: RouteSample
  let packet: Packet
  /// The interfaces of the packet, as `RouteSample.path` takes them.
  let spaces: [Int: [PacketSpace]]

  /// The view of a machine of the path, as the policy is.
  func view(of machine: String) -> SiteView? { sample.packets.views[machine] }

  /// Whether every machine of the path accepts the packet if the policy has this line.
  func passes(_ line: GrantLine) -> Bool {
    let policy = site.policy.granting(line.grant(in: site.policy.path))
    let more = CompiledSite(policy, today: site.today, live: site.live)
    let packets = PacketPaths(more, judges: Set(sample.route.segments.map(\.machine)))
    let path = RouteSample(route: sample.route, service: sample.service, packets: packets).path(
      packet, spaces)
    return path.refusal == nil && path.hops.count == sample.route.segments.count
      && path.hops.allSatisfy { packets.views[$0.machine]?.decision($0.trace).cause == nil }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
import PacketWalk
internal import PolicyAnalysis
public import PolicyLanguage
internal import PolicyProof
internal import Ruleset

/// Proves random policies one after another, up to the first proof that fails.
public struct RandomProof {
  /// The number of valid policies that were proved.
  public private(set) var proved = 0
  /// The number of texts that were not valid.
  public private(set) var rejected = 0
  /// The first policy whose proof fails, reduced to the lines that are needed for the failure, with its
  /// counter-example; nil if all proofs hold.
  public private(set) var failure: String?

  /// Proves `count` valid policies of seeds from `seed` on. `note` is called after each.
  public init(count: Int, seed first: UInt64, today: CalendarDate, note: (Int) -> Void = { _ in }) {
    var seed = first
    // The limit ends the loop if the generator makes too few valid policies.
    while proved < count, rejected < 100 + 40 * count {
      defer { seed += 1 }
      let site = RandomSite(seed: seed)
      guard let example = Self.counterExample(site, today) else {
        rejected += 1
        continue
      }
      proved += 1
      note(proved)
      if example.isEmpty { continue }
      let smallest = site.shrunk { !(Self.counterExample($0, today) ?? "").isEmpty }
      failure = "seed \(seed): \(Self.counterExample(smallest, today) ?? example)\n\(smallest.text)"
      return
    }
    if proved < count { failure = "only \(proved) of \(proved + rejected) texts are valid policies" }
  }

  /// Networks for the zones with `prefixes: live` of some machines, and ports that WireGuard chose. Some networks are
  /// also in a tunnel, in another zone, or in another machine's subnets.
  private static func networks(of policy: Policy, in site: RandomSite) -> LiveFacts {
    guard let interface = InterfaceName("gst0") else { return LiveFacts() }
    let choices = ["172.30.1.0/24", "192.168.0.0/16", "10.0.0.0/8", "2001:db8:77::/64", "fd68::/16"]
    var live = LiveFacts()
    if site.text.utf8.count % 2 == 0 {
      live.bridges = Set(["br0", "vmbr1", "br-lan"].compactMap { InterfaceName($0) })
    }
    for (number, machine) in policy.machines.enumerated() where site.text.utf8.count % 3 != number % 3 {
      for tunnel in policy.tunnels where machine.choosesPort(of: tunnel) {
        let peers = ["198.51.100.77", "2001:db8:77::77", "192.168.0.77"].prefix(number % 4)
        live.ports[machine.name, default: [:]][tunnel.name] = LivePort(
          port: 40_000 + UInt16(number), peers: peers.compactMap { IPAddress($0) })
      }
      let place = (site.text.utf8.count + number) % choices.count
      live.networks[machine.name] = [
        interface: [choices[place], choices[(place + 3) % 5]].compactMap { Prefix($0) }
      ]
    }
    return live
  }

  /// The first counter-example of a policy's proof in words; empty if the proof holds; nil if the text is not
  /// valid.
  private static func counterExample(_ site: RandomSite, _ today: CalendarDate) -> String? {
    guard let policy = RandomSite.policy(site.text, today: today) else { return nil }
    let proof = Proof.prove(CompiledSite(policy, today: today, live: networks(of: policy, in: site)))
    guard let example = proof.counterExamples.first else { return "" }
    let steps = example.trace.steps.map { "  \($0.chain): \($0.source?.comment ?? "policy")" }
    return """
      \(example.claim.rawValue), on \(example.machine) at \(example.chain)
      \(WalkText.full(example.packet))
      should \(example.expected), does \(example.found)
      \(steps.joined(separator: "\n"))
      """
  }
}

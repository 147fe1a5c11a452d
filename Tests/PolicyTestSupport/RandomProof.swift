// SPDX-License-Identifier: GPL-3.0-or-later

import PacketWalk
internal import PolicyAnalysis
public import PolicyLanguage
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

  /// The first counter-example of a policy's proof in words; empty if the proof holds; nil if the text is not
  /// valid.
  private static func counterExample(_ site: RandomSite, _ today: CalendarDate) -> String? {
    guard let policy = RandomSite.policy(site.text, today: today) else { return nil }
    let proof = Proof.prove(CompiledSite(policy, today: today))
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

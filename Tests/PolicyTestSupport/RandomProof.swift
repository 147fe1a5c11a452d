// SPDX-License-Identifier: GPL-3.0-or-later

import PacketWalk
internal import PolicyAnalysis
public import PolicyLanguage
internal import Ruleset

/// Proofs of random policies, one after another, up to the first that does not hold.
public struct RandomProof {
  /// How many valid policies were proved.
  public private(set) var proved = 0
  /// How many texts were not valid.
  public private(set) var rejected = 0
  /// The first policy of which the proof does not hold, with as few lines as show it, and how; nil where all hold.
  public private(set) var failure: String?

  /// Proves so many valid policies of seeds from this one on. `note` is called after each.
  public init(count: Int, seed first: UInt64, today: CalendarDate, note: (Int) -> Void = { _ in }) {
    var seed = first
    // Of a generator that makes nothing valid there is no end.
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

  /// The first counter-example of a policy's proof in words, empty where it holds; nil where the text is not valid.
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

// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import PacketWalk
import Ruleset
import TestSupport
import Testing

@Suite("The walk and the kernel", .serialized)
struct WalkAgreesWithKernelTests {
  /// `WGFENCE_WALK_PACKETS` and `WGFENCE_WALK_SEED`: the number of packets, and the first seed.
  private static func number(_ name: String, _ other: UInt64) -> UInt64 {
    getenv(name).flatMap { UInt64(String(cString: $0)) } ?? other
  }

  @Test("agree on random packets through random tables, of wgfence and of other programs")
  func agree() throws {
    let wanted = Int(Self.number("WGFENCE_WALK_PACKETS", 6_000))
    let first = Self.number("WGFENCE_WALK_SEED", 1)
    let each = 300
    var total = WalkRound.Result()
    var seed = first
    var said = 0
    while total.packets < wanted {
      let round = WalkRound(seed: seed, packets: min(each, wanted - total.packets))
      let result = try round.run()
      total.add(result)
      if let problem = result.disagreements.first {
        print("seed \(seed): disagreement; shrinking")
        let small = Shrinking.shrink(round, problem)
        Issue.record(
          "seed \(seed), conversations \(small.round.conversations): \(small.problem)\npolicy:\n\(small.round.policy ?? "none")\n\(small.round.tables.map(\.description).joined())"
        )
        if total.disagreements.count > 10 { break }
      }
      if total.packets / 10_000 > said {
        said = total.packets / 10_000
        print("\(total.packets) packets, \(total.disagreements.count) disagreements, seed \(seed)")
      }
      seed += 1
    }
    let open = total.verdicts[.undetermined] ?? 0
    print(
      "walk: seeds \(first)..<\(seed), \(total.packets) packets (\(total.established) in a connection, \(total.translated) "
        + "newly translated, \(total.throughLegacy) through legacy tables, \(total.clashes) skipped because their translations clash): \(total.verdicts.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", ")); "
        + "\(total.disagreements.count) disagreements; undetermined \(total.undetermined.sorted { $0.value > $1.value }.map { "\($0.key) \($0.value)" })"
    )
    for line in Set(total.leftOut).sorted() { print("left out, not supported on this machine: \(line)") }
    #expect(total.disagreements.count == 0)
    #expect(total.rerouted * 1_000 <= total.packets, "routes change")
    #expect(total.limited.isEmpty, "a limit of a random table was exceeded")
    #expect(open * 20 <= total.packets, "more than one in twenty is undetermined")
  }
}

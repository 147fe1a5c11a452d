// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import RulesetModel
import TestSupport
import Testing

@Suite("The walk and the kernel", .serialized)
struct WalkAgreesWithKernelTests {
  /// `WGFENCE_WALK_PACKETS` and `WGFENCE_WALK_SEED`: how many packets, and where to begin.
  private static func number(_ name: String, _ other: UInt64) -> UInt64 {
    getenv(name).flatMap { UInt64(String(cString: $0)) } ?? other
  }

  @Test("say the same of random packets through random tables, ours and others'")
  func agree() throws {
    let wanted = Int(Self.number("WGFENCE_WALK_PACKETS", 4_000))
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
        print("seed \(seed) disagrees; shrinking")
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
        + "translated anew, \(total.clashes) left aside as their translations clash): \(total.verdicts.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", ")); "
        + "\(total.disagreements.count) disagreements; undetermined \(total.undetermined.sorted { $0.value > $1.value }.map { "\($0.key) \($0.value)" })"
    )
    for line in Set(total.leftOut).sorted() { print("left out, as this machine does not know it: \(line)") }
    #expect(total.disagreements.count == 0)
    #expect(open * 20 <= total.packets, "more than one in twenty is undetermined")
  }
}

/// Finds a smaller round that disagrees still.
enum Shrinking {
  /// Most rounds that are tried.
  private static let most = 400

  static func shrink(_ round: WalkRound, _ problem: WalkRound.Disagreement) -> (
    round: WalkRound, problem: WalkRound.Disagreement
  ) {
    var best = (round: round, problem: problem)
    var tries = 0
    func holds(_ candidate: WalkRound) -> Bool {
      guard tries < most else { return false }
      tries += 1
      guard let found = (try? candidate.run(stopAt: 1))?.disagreements.first else { return false }
      best = (candidate, found)
      return true
    }
    var one = round
    one.conversations = [problem.conversation]
    if !holds(one) {
      // It hangs on packets before: fewer of these.
      var whole = round
      if let last = whole.conversations.firstIndex(of: problem.conversation) {
        whole.conversations.removeSubrange((last + 1)...)
      }
      guard holds(whole) else { return best }
      var size = best.round.conversations.count / 2
      while size >= 1 {
        var start = 0
        while start < best.round.conversations.count - 1 {
          var smaller = best.round
          smaller.conversations.removeSubrange(start..<min(start + size, smaller.conversations.count - 1))
          if smaller.conversations.count == best.round.conversations.count || !holds(smaller) {
            start += size
          }
        }
        size /= 2
      }
    }
    var without = best.round
    without.policy = nil
    _ = holds(without)
    var table = 0
    while table < best.round.tables.count {
      var smaller = best.round
      smaller.tables.remove(at: table)
      smaller.before = min(smaller.before, smaller.tables.count)
      if !holds(smaller) { table += 1 }
    }
    for table in best.round.tables.indices {
      var size = best.round.tables[table].rules.count
      while size >= 1 {
        var start = 0
        while start < best.round.tables[table].rules.count {
          var smaller = best.round
          let end = min(start + size, smaller.tables[table].rules.count)
          smaller.tables[table].rules.removeSubrange(start..<end)
          if !holds(smaller) { start += size }
        }
        size /= 2
      }
    }
    return best
  }
}

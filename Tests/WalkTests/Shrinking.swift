// SPDX-License-Identifier: GPL-3.0-or-later

/// Finds a smaller round with a disagreement.
enum Shrinking {
  /// Maximum number of rounds that are tried.
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
      // It depends on earlier packets: try with fewer of these.
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

// SPDX-License-Identifier: GPL-3.0-or-later

import PolicyLanguage
import PolicyTestSupport
import Testing

/// Compares both walks for a few random policies and tables. `make test` compares more of them with an optimized
/// program.
@Suite("The walk of single packets") struct RandomWalkTests {
  @Test("agrees with the walk of all packets", arguments: 0..<2 as Range<UInt64>)
  func agrees(_ part: UInt64) throws {
    let walks = RandomWalks(
      count: 3, seed: part << 32 | 1, today: try #require(CalendarDate("2026-11-28")))
    #expect(walks.failure == nil, "\(walks.failure ?? "")")
    #expect(walks.policies == 3 && walks.tables == 3 && walks.packets > 300)
  }
}

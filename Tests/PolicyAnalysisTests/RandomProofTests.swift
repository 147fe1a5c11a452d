// SPDX-License-Identifier: GPL-3.0-or-later

import PolicyLanguage
import PolicyTestSupport
import Testing

/// Runs a few of the proofs. `make test` runs more of them with an optimized program.
@Suite("The proof of random policies") struct RandomProofTests {
  @Test("holds with every key of the language", arguments: 0..<2 as Range<UInt64>)
  func holds(_ part: UInt64) throws {
    let proof = RandomProof(
      count: 10, seed: part << 32 | 1, today: try #require(CalendarDate("2026-11-28")))
    #expect(proof.failure == nil, "\(proof.failure ?? "")")
    #expect(proof.proved == 10)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import PolicyLanguage
import PolicyTestSupport

/// `random-proofs COUNT SEED`: proves COUNT valid random policies, with every key of the language. Prints the first
/// that cannot be proved, and then ends with status 1.
@main
enum RandomProofs {
  static func main() {
    let words = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
    guard words.count == 2, let count = Int(exactly: words[0]), count > 0,
      let today = CalendarDate("2026-11-28")
    else {
      note("usage: random-proofs COUNT SEED\n")
      exit(64)
    }
    let isTerminal = isatty(STDERR_FILENO) != 0
    let proof = RandomProof(count: count, seed: words[1], today: today) { proved in
      if isTerminal, proved % 50 == 0 { note("\rproved \(proved) of \(count)") }
    }
    if isTerminal { note("\n") }
    if let failure = proof.failure {
      print(failure)
      exit(1)
    }
    print(
      "proved \(proof.proved) random policies from seed \(words[1]) on; \(proof.rejected) texts were not valid"
    )
  }

  /// Writes to standard error.
  private static func note(_ text: String) {
    var text = text
    text.withUTF8 { bytes in _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
  }
}

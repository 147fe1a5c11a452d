// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import HostTestSupport
import PolicyLanguage
import PolicyTestSupport

/// `random-proofs proofs COUNT SEED`: proves COUNT valid random policies, with every key of the language.
///
/// `random-proofs walks COUNT SEED`: compares the walk of all packets with the walk of single packets, for the rulesets
/// of COUNT valid random policies and for COUNT random tables.
///
/// `random-proofs optimizations COUNT SEED`: compares what COUNT random rulesets do with packets before and after their
/// optimization, and the rulesets of some random policies.
///
/// `random-proofs impacts COUNT SEED`: compares what the impact analysis predicts for COUNT random hosts with what happens
/// to their packets, each in a network namespace of its own. Needs root there.
///
/// COUNT may be 0: then there is nothing to do. Prints the first failure, reduced to what is needed for it, and then ends with status 1.
@main
enum RandomProofs {
  static func main() {
    let words = CommandLine.arguments.dropFirst(2).compactMap { UInt64($0) }
    guard let mode = CommandLine.arguments.dropFirst().first, words.count == 2,
      let count = Int(exactly: words[0]), let today = CalendarDate("2026-11-28")
    else { usage() }
    switch mode {
    case "proofs": prove(count, seed: words[1], today)
    case "walks": walk(count, seed: words[1], today)
    case "optimizations": optimize(count, seed: words[1], today)
    case "impacts": impact(count, seed: words[1], today)
    default: usage()
    }
  }

  private static func usage() -> Never {
    note("usage: random-proofs proofs|walks|optimizations|impacts COUNT SEED\n")
    exit(64)
  }

  private static func prove(_ count: Int, seed: UInt64, _ today: CalendarDate) {
    let proof = RandomProof(count: count, seed: seed, today: today) { progress("proved", $0, of: count) }
    end(proof.failure)
    print(
      "proved \(proof.proved) random policies from seed \(seed) on; \(proof.rejected) texts were not valid")
  }

  private static func walk(_ count: Int, seed: UInt64, _ today: CalendarDate) {
    let walks = RandomWalks(count: count, seed: seed, today: today) { progress("walked", $0, of: count) }
    end(walks.failure)
    print(
      "walked \(walks.packets) packets through the rulesets of \(walks.policies) random policies and through "
        + "\(walks.tables) random tables from seed \(seed) on; of the \(walks.tablePackets) packets of tables "
        + "\(walks.undetermined) are undetermined")
  }

  private static func optimize(_ count: Int, seed: UInt64, _ today: CalendarDate) {
    let comparison = OptimizationComparison(count: count, seed: seed, today: today) {
      progress("compared", $0, of: count)
    }
    end(comparison.failure)
    print(
      "compared \(comparison.rulesets) random rulesets from seed \(seed) on, of which the optimization changes "
        + "\(comparison.changed), and \(comparison.compiled) rulesets of random policies, with \(comparison.packets) packets: "
        + "the same verdicts, answers, counters and marks")
  }

  private static func impact(_ count: Int, seed: UInt64, _ today: CalendarDate) {
    let impacts = RandomImpacts(count: count, seed: seed, today: today) {
      progress("compared", $0, of: count)
    }
    end(impacts.failure)
    for text in impacts.transient { print("not shown again by the same host, \(text)") }
    print(
      "compared the impact of a change on \(impacts.hosts) random hosts from seed \(seed) on: of \(impacts.exchanges) "
        + "exchanges \(impacts.working) worked before, and \(impacts.broken) of these stopped, as predicted "
        + "(\(impacts.kinds.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))); "
        + "\(impacts.undetermined) are undetermined; \(impacts.rejected) policies were not valid")
  }

  private static func progress(_ verb: String, _ done: Int, of count: Int) {
    if isatty(STDERR_FILENO) != 0, done % 50 == 0 { note("\r\(verb) \(done) of \(count)") }
  }

  /// Ends the program if there is a failure.
  private static func end(_ failure: String?) {
    if isatty(STDERR_FILENO) != 0 { note("\n") }
    guard let failure else { return }
    print(failure)
    exit(1)
  }

  /// Writes to standard error.
  private static func note(_ text: String) {
    var text = text
    text.withUTF8 { bytes in _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import PacketWalk
import Ruleset
import TestSupport
import Testing

@Suite("The walk and rulesets in files", .serialized)
struct CorpusAgreesWithKernelTests {
  /// `WGFENCE_CORPUS`: a folder or a file of one's own, instead of the project's rulesets.
  static let given = getenv("WGFENCE_CORPUS").map { String(cString: $0) }
  static let own =
    "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/Corpus/rulesets"

  /// The rulesets that are compared.
  static var path: String { given ?? own }

  static func number(_ name: String, _ other: UInt64) -> UInt64 {
    getenv(name).flatMap { UInt64(String(cString: $0)) } ?? other
  }

  /// `WGFENCE_CORPUS_CONVERSATIONS`: the seeds of single conversations, separated by commas, to repeat a failure.
  private static let single = getenv("WGFENCE_CORPUS_CONVERSATIONS").map {
    String(cString: $0).split(separator: ",").compactMap { UInt64($0) }
  }

  @Test("agree on packets made from what each ruleset mentions")
  func agree() throws {
    let rulesets = try CorpusRuleset.all(at: Self.given ?? Self.own)
    try #require(!rulesets.isEmpty)
    let wanted = Int(Self.number("WGFENCE_CORPUS_PACKETS", 5_000))
    let seed = Self.number("WGFENCE_WALK_SEED", 1)
    let each = max(1, (wanted + rulesets.count - 1) / rulesets.count)
    var total = WalkRound.Result()
    var skipped: [CorpusRuleset.Skip: [String]] = [:]
    for ruleset in rulesets {
      // The same packets, whatever other rulesets there are.
      var random = SeededGenerator(
        seed: ruleset.name.utf8.reduce(seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 })
      let conversations = Self.single ?? (0..<each * 4).map { _ in random.next() }
      let result: WalkRound.Result
      do { result = try ruleset.run(conversations, packets: each) } catch let skip as CorpusRuleset.Skip {
        skipped[skip, default: []].append(ruleset.name)
        continue
      }
      total.add(result)
      for problem in result.disagreements {
        Issue.record(
          """
          \(ruleset.path), seed \(seed), conversation \(problem.conversation): \(problem)
          WGFENCE_CORPUS=\(ruleset.path) WGFENCE_WALK_SEED=\(seed) WGFENCE_CORPUS_PACKETS=\(each) repeats it; often \
          WGFENCE_CORPUS_CONVERSATIONS=\(problem.conversation) alone does
          """)
      }
      let open = result.undetermined.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      print(
        "  \(ruleset.name): \(result.summary)\(open.isEmpty ? "" : "; undetermined: \(open.map { "\($0.key) \($0.value)" }.joined(separator: ", "))")"
      )
    }
    let open = total.verdicts[.undetermined] ?? 0
    print("corpus: \(rulesets.count) rulesets, seed \(seed): \(total.summary)")
    print("other packets that are the same in what a walk read: \(total.twins)")
    for (expression, count) in total.undetermined.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
      print("undetermined: \(expression) \(count)")
    }
    for (limit, count) in total.limited.sorted(by: { $0.key < $1.key }) {
      print("not compared, earlier packets may have used it up: \(limit) \(count)")
    }
    for (skip, names) in skipped { print("skipped \(names.count), \(skip): \(names.sorted())") }
    for line in total.leftOut.sorted() { print("left out, not supported on this machine: \(line)") }
    #expect(total.disagreements.isEmpty)
    #expect(total.rerouted * 1_000 <= total.packets, "routes change")
    #expect(open * 50 <= total.packets, "more than one in fifty is undetermined")
    #expect(total.limitedCount * 100 <= total.packets, "more than one in a hundred is above a limit")
    if Self.given == nil {
      #expect(skipped.isEmpty, "a ruleset of the project cannot be loaded")
      #expect(rulesets.count >= 50)
      #expect(Self.single != nil || total.twins * 10 >= total.packets)
      #expect(Self.single != nil || total.packets >= wanted * 9 / 10)
    }
  }
}

extension WalkRound.Result {
  /// Packets that were not compared because of a limit.
  var limitedCount: Int { limited.values.reduce(0, +) }

  /// The counts on one line.
  var summary: String {
    let verdicts = verdicts.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", ")
    return
      "\(packets) packets (\(established) in a connection, \(translated) newly translated, \(clashes) skipped because "
      + "their translations clash, \(limitedCount) above a limit, \(rerouted) routed anew): \(verdicts); \(disagreements.count) disagreements"
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import NetworkModel
import PolicyAnalysis
import PolicyLanguage
import RulesetModel
import Testing

@Suite("The proof of random policies") struct RandomProofTests {
  /// How many valid policies are proved in each part; `WGFENCE_PROOFS` names another number.
  private static let count = getenv("WGFENCE_PROOFS").flatMap { Int(String(cString: $0)) } ?? 10

  @Test("holds with every key of the language", arguments: 0..<4)
  func holds(_ part: Int) throws {
    let today = try #require(CalendarDate("2026-11-28"))
    var proved = 0
    var rejected: [String: Int] = [:]
    var seed = UInt64(part) << 32
    while proved < Self.count {
      defer { seed += 1 }
      try #require(seed - UInt64(part) << 32 < UInt64(Self.count * 40), "too few are valid: \(rejected)")
      let site = RandomSite(seed: seed)
      guard let policy = RandomSite.policy(site.text, today: today) else {
        if proved == 0 {
          for problem in RandomSite.problems(site.text, today: today) { rejected[problem, default: 0] += 1 }
        }
        continue
      }
      proved += 1
      let proof = Proof.prove(CompiledSite(policy, today: today))
      if proof.counterExamples.isEmpty { continue }
      let smallest = site.shrunk { smaller in
        RandomSite.policy(smaller.text, today: today).map {
          !Proof.prove(CompiledSite($0, today: today)).counterExamples.isEmpty
        } ?? false
      }
      let examples = RandomSite.policy(smallest.text, today: today).map {
        Proof.prove(CompiledSite($0, today: today)).counterExamples
      }
      let example = try #require(examples?.first)
      Issue.record(
        """
        seed \(seed): \(example.claim.rawValue), on \(example.machine) at \(example.chain)
        \(example.packet.transport) \(example.packet.source) -> \(example.packet.destination) port \(example.packet.destinationPort) \
        in \(example.packet.input.map { "\($0)" } ?? "-") out \(example.packet.output.map { "\($0)" } ?? "-") \
        type \(example.packet.destinationType) icmp \(example.packet.icmpType) state \(example.packet.state.rawValue) \
        \(example.packet.direction) status \(example.packet.status.rawValue) links \(example.packet.inputType?.rawValue ?? 0) \
        \(example.packet.outputType?.rawValue ?? 0)
        expected \(example.expected), found \(example.found)
        \(example.trace.steps.map { "\($0.chain): \($0.source?.comment ?? "policy")" }.joined(separator: "\n"))
        \(smallest.text)
        """)
      return
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
internal import PacketWalk
internal import PolicyAnalysis
package import PolicyProof
internal import Ruleset

/// A proof as text and as JSON.
package enum ProofReport {
  package static func text(_ proof: Proof, path: String) -> PrintableText {
    var text = proof.counterExamples.map { example in
      var text: PrintableText =
        "\(path): not proved: \(example.claim.rawValue)\n"
        + "    on       \(example.machine), at \(example.chain)\n"
        + "    packet   \(WalkText.full(example.packet))\n"
      for step in example.trace.steps { text += "    step     \(WalkText.text(step))\n" }
      text += "    expected \(example.expected)\n    found    \(example.found)\n"
      return text
    }.joined()
    if proof.counterExamples.isEmpty {
      text +=
        "\(path): proved for \(count(proof.machines, "machine")), over \(proof.classes) classes of packets:\n"
      for claim in ProofClaim.allCases { text += "    \(claim.rawValue)\n" }
    } else {
      let failed = Set(proof.counterExamples.map(\.claim)).count
      text +=
        "\(path): \(failed) of \(ProofClaim.allCases.count) claims do not hold: "
        + "\(count(proof.counterExamples.count, "counter-example"))\n"
    }
    return text
  }

  /// The reason why a ruleset is not loaded, in one line.
  package static func refusal(_ proof: Proof, machine: String) -> String {
    "the ruleset compiled for '\(machine)' does not do what the policy says: "
      + "\(count(proof.counterExamples.count, "counter-example")). This is a bug in wgfence: please report it with the policy"
  }

  private static func count(_ number: Int, _ what: String) -> String {
    "\(number) \(what)\(number == 1 ? "" : "s")"
  }

  static func write(_ proof: Proof, to object: inout JSONWriter.Object) {
    object.put("machines", proof.machines)
    object.put("classes", proof.classes)
    object.put("holds", proof.counterExamples.isEmpty)
    object.array("claims") { array in
      for claim in ProofClaim.allCases {
        array.object { object in
          object.put("claim", claim.rawValue)
          object.put("holds", !proof.counterExamples.contains { $0.claim == claim })
        }
      }
    }
    object.array("counter_examples") { array in
      for example in proof.counterExamples {
        array.object { object in
          object.put("claim", example.claim.rawValue)
          object.put("machine", example.machine)
          object.put("chain", example.chain)
          object.put("packet", WalkText.full(example.packet))
          object.put("expected", example.expected)
          object.put("found", example.found)
          object.put("steps", each: example.trace.steps.map(WalkText.text))
        }
      }
    }
  }
}

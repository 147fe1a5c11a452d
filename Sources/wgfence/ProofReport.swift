// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyAnalysis
import RulesetModel

/// A proof, as text and as JSON.
enum ProofReport {
  static func text(_ proof: Proof, path: String) -> String {
    var text = proof.counterExamples.map { example in
      var text =
        "\(path): not proved: \(example.claim.rawValue)\n"
        + "    on       \(example.machine), at \(example.chain)\n"
        + "    packet   \(PacketText.text(example.packet))\n"
      for step in example.trace.steps { text += "    step     \(TestReport.text(step))\n" }
      text += "    should   \(example.expected)\n    does     \(example.found)\n"
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
          object.put("packet", PacketText.text(example.packet))
          object.put("expected", example.expected)
          object.put("found", example.found)
          object.put("steps", each: example.trace.steps.map(TestReport.text))
        }
      }
    }
  }
}

/// A packet in a line, with all that its class is about.
enum PacketText {
  static func text(_ packet: Packet) -> String {
    var words = ["\(packet.transport) \(packet.source) -> \(packet.destination)"]
    if packet.transport.hasPorts {
      words.append("port \(packet.destinationPort) from port \(packet.sourcePort)")
    }
    if packet.transport == .tcp { words.append("flags 0x\(String(packet.tcpFlags.rawValue, radix: 16))") }
    if packet.transport == .icmp || packet.transport == .icmpv6 { words.append("type \(packet.icmpType)") }
    if let input = packet.input { words.append("in \(input)") }
    if let output = packet.output { words.append("out \(output)") }
    words.append("\(names(packet.state)) \(packet.direction)")
    if packet.status.contains(.destinationNAT) { words.append("dnat") }
    words.append("to a \(packet.destinationType) address")
    return words.joined(separator: ", ")
  }

  private static func names(_ states: ConnectionStates) -> String {
    let names: [(ConnectionStates, String)] = [
      (.invalid, "invalid"), (.established, "established"), (.related, "related"), (.new, "new"),
      (.untracked, "untracked"),
    ]
    return names.filter { states.contains($0.0) }.map(\.1).joined(separator: ",")
  }
}

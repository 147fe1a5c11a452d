// SPDX-License-Identifier: GPL-3.0-or-later

internal import ImpactAnalysis
package import NetworkModel

/// What an apply did.
package struct ApplyReport {
  /// The policy's file, as it was named.
  let policy: String
  let machine: String
  let digest: String
  /// Operations that were sent.
  let operations: Int
  /// The kernel's generation since.
  let generation: UInt32
  let storage: Storage
  /// How long it waits for its confirmation, in the person's words; nil where it is none on trial.
  let trial: String?
  /// The live connections that it ended.
  let cut: CutReport

  /// Whether it is stored for a restart.
  package enum Storage {
    case stored
    case failed
  }

  /// A report of these parts.
  package init(
    policy: String, machine: String, digest: String, operations: Int, generation: UInt32, storage: Storage,
    trial: String?, cut: CutReport
  ) {
    self.policy = policy
    self.machine = machine
    self.digest = digest
    self.operations = operations
    self.generation = generation
    self.storage = storage
    self.trial = trial
    self.cut = cut
  }

  /// The report for people, without the connections: those are listed before anything is changed.
  package var text: PrintableText {
    var text: PrintableText = "The kernel equalled the policy already; nothing was sent.\n"
    if operations > 0 {
      let ended = cut.found?.cut.count ?? 0
      let ends = ended == 0 ? "" : "; \(ended) live connection\(ended == 1 ? " ends" : "s end")"
      text =
        "Applied \(policy) as \(machine): \(operations) operation\(operations == 1 ? "" : "s") in one transaction, read back equal (generation \(generation))\(ends).\n"
    }
    guard let trial else { return text }
    return text + "It goes back in \(trial) unless you open a new connection and say there: wgfence confirm\n"
  }

  /// The report for programs.
  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/apply/1")
      object.put("machine", machine)
      object.put("digest", digest)
      object.put("operations", operations)
      object.put("generation", generation)
      object.put("stored", storage == .stored)
      cut.put(in: &object)
    }
  }
}

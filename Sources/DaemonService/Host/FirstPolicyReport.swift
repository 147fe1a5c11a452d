// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
package import Reports

/// A first policy of this host.
package struct FirstPolicyReport {
  /// The machine's name in the policy.
  let machine: String
  /// The policy.
  package let text: String
  /// What would stop working with it.
  package let impact: ImpactReport
  /// What could not be read, as sentences.
  let notes: [String]

  /// `wgfence/init/1`. `path` is the file to which the policy was written; nil: the report has it.
  package func json(writtenTo path: String?) -> String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/init/1")
      object.put("machine", machine)
      object.put("path", path)
      object.put("policy", path == nil ? text : nil)
      impact.put(in: &object)
      object.put("notes", each: notes)
    }
  }
}

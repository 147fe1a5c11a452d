// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import NetworkModel
internal import PolicyAnalysis
internal import TemporaryGrants
internal import PolicyLanguage
internal import Reports
internal import Ruleset

/// The temporary grants in force, numbered as `close` takes them.
struct TemporaryGrantList {
  private let grants: [TemporaryGrant]

  /// Reads the kernel's sets.
  init(_ daemon: Daemon) {
    guard let table = (try? daemon.driver.store.read())?.table,
      let (policy, machine, _) = daemon.policyInForce
    else {
      grants = []
      return
    }
    grants = TemporaryGrant.inForce(in: table, policy: policy, machine: machine)
  }

  /// A table for people.
  var text: PrintableText {
    if grants.isEmpty { return "No temporary grants.\n" }
    var table = AlignedTable([.right(), .left(), .left(), .left(), .left(), .left()])
    table.append(["N", "services", "zone", "from", "remaining", "who and why"])
    for (number, grant) in grants.enumerated() {
      table.append([
        "\(number + 1)", "\(grant.services.joined(separator: ", "))", "\(grant.zone)",
        "\(grant.senders)",
        "\(grant.remaining)", "\(grant.who): \(grant.because)",
      ])
    }
    return table.text()
  }

  /// `wgfence/open/1`
  var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/open/1")
      object.array("openings") { array in
        for (number, grant) in grants.enumerated() {
          array.object { object in
            object.put("number", number + 1)
            grant.put(in: &object)
          }
        }
      }
    }
  }
}

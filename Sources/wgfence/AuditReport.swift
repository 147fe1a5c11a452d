// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyAnalysis
import RulesetModel

/// An audit, as text and as JSON.
struct AuditReport {
  let machine: String
  let path: String
  let digest: String
  /// Operations between the kernel and the policy.
  let drift: Int
  /// Whether the kernel has the table at all.
  let isLoaded: Bool
  let exposures: [Exposure]
  /// What is open for a time, as the kernel has it.
  let openings: [Opening]
  let notes: [HostNote]

  var isEnforced: Bool { drift == 0 }

  private var undetermined: Int {
    exposures.count { $0.reachable.contains { $0.verdict == .undetermined } }
  }

  /// For people: a line a socket and zone; who is let in first, who is not behind it.
  var text: String {
    var table = AlignedTable([
      .left("SOCKET"), .left("SERVICE"), .left("PROCESS"), .left("ZONE"), .left("FROM"), .left("VERDICT"),
      .left("BECAUSE"),
    ])
    for exposure in exposures {
      var head = [Self.socket(exposure.listener), exposure.service ?? "", Self.process(exposure.listener)]
      if exposure.reachable.isEmpty { table.append(head + ["(this host)"]) }
      for reach in exposure.reachable {
        let verdict = reach.verdict == .accept && exposure.isExposed ? "ACCEPT" : reach.verdict.rawValue
        let reason = reach.because.hasPrefix("built in") ? reach.because : "\(reach.because) \(reach.reason)"
        table.append(head + [reach.zone, reach.from.joined(separator: " "), verdict, reason])
        head = ["", "", ""]
      }
    }
    let exposed = exposures.count(where: \.isExposed)
    var text = ""
    if !isEnforced {
      text +=
        "NOT ENFORCED: "
        + (isLoaded
          ? "the kernel differs from \(path) by \(drift) operations (see wgfence plan)"
          : "no ruleset is loaded, so this table keeps nothing closed")
        + ".\nThe verdicts below are what the policy would do once applied.\n\n"
    }
    text += table.text()
    text += "\n\(exposures.count) listening sockets, \(exposed) exposed, \(undetermined) undetermined.\n"
    for opening in openings { text += "open for a time: \(opening.line)\n" }
    if isEnforced { text += "The kernel holds what \(path) says for \(machine).\n" }
    for note in notes { text += "note: \(note)\n" }
    return text
  }

  var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/audit/1")
      object.put("machine", machine)
      object.put("enforced", isEnforced)
      object.object("policy") { object in
        object.put("path", path)
        object.put("digest", digest)
      }
      object.array("listeners") { array in
        for exposure in exposures { array.object { write(exposure, to: &$0) } }
      }
      object.array("openings") { array in
        for opening in openings { array.object { opening.put(in: &$0) } }
      }
      object.object("summary") { object in
        object.put("listeners", exposures.count)
        object.put("exposed", exposures.count(where: \.isExposed))
        object.put("undetermined", undetermined)
      }
      object.put("notes", each: notes.map(\.description))
    }
  }

  private func write(_ exposure: Exposure, to object: inout JSONWriter.Object) {
    let listener = exposure.listener
    object.put("protocol", listener.protocol.description)
    object.put("address", listener.address.description)
    object.put("port", listener.port)
    object.put("dual_stack", listener.isDualStack)
    object.put("interface", listener.boundInterface?.description)
    object.put("service", exposure.service)
    object.put("process", listener.process?.name)
    object.put("pid", listener.process?.pid)
    object.put("user", listener.process?.userID)
    object.put("unit", listener.process?.unit)
    object.put("container", listener.process?.container)
    object.put("namespace", "host")
    object.array("reachable") { array in
      for reach in exposure.reachable {
        array.object { object in
          object.put("zone", reach.zone)
          object.put("from", each: reach.from)
          object.put("verdict", reach.verdict.rawValue)
          object.put("because", reach.because)
          object.put("reason", reach.reason)
        }
      }
    }
    object.put("exposed", exposure.isExposed)
  }

  private static func socket(_ listener: Listener) -> String {
    let address =
      listener.isDualStack
      ? "*" : listener.address.family == .ipv6 ? "[\(listener.address)]" : "\(listener.address)"
    return "\(address):\(listener.port)/\(listener.protocol)\(listener.boundInterface.map { "%\($0)" } ?? "")"
  }

  private static func process(_ listener: Listener) -> String {
    guard let process = listener.process else { return listener.isKernelSocket ? "(kernel)" : "(unknown)" }
    return "\(process.name)[\(process.pid)]"
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import NetworkModel
internal import Releases
internal import Reports

/// The report of a verb of `wgfence fleet` that changed something.
struct FleetChange {
  /// The verb, as the command line has it after `fleet`.
  let verb: String
  let fleet: FleetName
  let epoch: UInt64
  /// The serial of a release; nil if it is not about one.
  var serial: UInt64?
  /// What was done, for people.
  let text: PrintableText
  /// 2 if a release is held back.
  var status: Int32 = 0

  /// The answer of the verb.
  func answer(as format: FirewallRequest.ReportForm) -> FleetAnswer {
    FleetAnswer(text, document: format == .json ? json : nil, status: status)
  }

  /// `wgfence/fleet-change/1`
  var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/fleet-change/1")
      object.put("verb", verb)
      object.put("fleet", "\(fleet)")
      object.put("epoch", Int(clamping: epoch))
      object.put("serial", serial.map { Int(clamping: $0) })
      object.put("message", text.lines.joined(separator: " "))
      object.put("needs_attention", status != 0)
    }
  }
}

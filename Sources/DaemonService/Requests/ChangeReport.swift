// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import NetworkModel
internal import Reports
internal import TemporaryGrants

/// The report for programs of a request that changes what is in force.
package struct ChangeReport {
  private let request: FirewallRequest
  private let result: FirewallResult

  /// A report of a request that was carried out.
  package init(_ request: FirewallRequest, _ result: FirewallResult) {
    self.request = request
    self.result = result
  }

  /// One object: what was asked, and what was done.
  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/\(schema)/1")
      putQuestion(in: &object)
      object.put("message", result.text.lines.map(\.description).joined(separator: " "))
      switch request {
      case .open, .close, .closeNumber:
        object.put("changed", result.operations > 0)
        object.put("operations", result.operations)
        object.put("warnings", each: result.warnings.map(\.description))
      case .unload: object.put("stored", result.notPersisted == nil)
      default:
        object.put("operations", result.operations)
        object.put("generation", result.generation)
        object.put("stored", result.notPersisted == nil)
      }
    }
  }

  /// `wgfence/open/1` is the list of what is open.
  private var schema: String {
    if case .open = request { "open-grant" } else { request.verb }
  }

  private func putQuestion(in object: inout JSONWriter.Object) {
    switch request {
    case .open(let order):
      object.put("service", order.service)
      object.put("from", order.source)
      object.put("to", order.target)
      object.put("duration_ms", order.duration.milliseconds)
      object.put("because", order.reason)
    case .close(let service, let from):
      object.null("number")
      object.put("service", service)
      object.put("from", from)
    case .closeNumber(let number):
      object.put("number", number)
      object.null("service")
      object.null("from")
    case .confirm(let evidence): object.put("evidence", evidence == .console ? "console" : "connection")
    case .accept(let digest): object.put("digest", digest)
    case .rollback(let number): object.put("to", number)
    case .panic(let change): object.put("change", change == .begin ? "begin" : "end")
    case .status, .log, .apply, .takeRelease, .endObservation, .history, .temporaryGrants, .unload: break
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import DropAnalysis
package import Enforcement
internal import NetworkModel
internal import Reports

/// A request as it goes to the report service, with the files that its client read: the policy and its lists, and an earlier
/// report of audit.
package struct ReportMessage: Sendable, Hashable {
  /// The version of the protocol. The service refuses others: the program was renewed between the two.
  static let version = "1"

  /// What is asked.
  package let request: HostReportRequest
  /// The policy; nil: the usual file, which the service reads.
  package let policy: PolicyHandover?
  /// The length in bytes of an earlier report of audit, which follows the policy; nil: there is none.
  package let baseline: Int?

  /// The lengths of all parts of the memory file.
  var lengths: [Int] { (policy?.lengths ?? []) + (baseline.map { [$0] } ?? []) }

  /// A message of these parts.
  package init(_ request: HostReportRequest, policy: PolicyHandover?, baseline: Int?) {
    (self.request, self.policy, self.baseline) = (request, policy, baseline)
  }

  /// The frame to be sent.
  package var frame: ControlFrame {
    var lines = LabelledLines()
    lines["version"] = Self.version
    lines["verb"] = request.verb
    switch request.subject {
    case .audit(let format, let threshold):
      lines["format"] = format.rawValue
      lines["fail-on"] = threshold.rawValue
    case .doctor(let form): lines["format"] = form.rawValue
    case .plan(let form, let detail):
      lines["format"] = form.rawValue
      lines["detail"] = detail.rawValue
    case .log(let form, let age, let grouping):
      lines["format"] = form.rawValue
      lines["since"] = age.rawValue
      lines["grouping"] = grouping.rawValue
    case .suggest(let form, let age):
      lines["format"] = form.rawValue
      lines["since"] = age.rawValue
    }
    lines["machine"] = request.machine
    lines["session"] = request.session.map(Self.text)
    lines["columns"] = request.columns.map { String($0) }
    lines["colours"] = request.colours == .written ? "yes" : nil
    policy?.write(to: &lines)
    lines["baseline"] = baseline.map { String($0) }
    return ControlFrame(.request, document: lines.text)
  }

  /// Parses the payload of a frame.
  package init(payload: [UInt8]) throws(Refusal) {
    do throws(ControlFormatError) {
      var fields = try ControlFields(payload)
      guard fields.take("version") == Self.version else {
        throw ControlFormatError("it is of another version of wgfence")
      }
      let subject = try Self.subject(try fields.require("verb"), &fields)
      let columns: Int? = try fields.number("columns")
      guard columns.map({ (1...10_000).contains($0) }) ?? true else {
        throw ControlFormatError("'columns' is not between 1 and 10000")
      }
      request = HostReportRequest(
        subject, machine: fields.take("machine"), session: try Self.session(&fields), columns: columns,
        colours: try fields.mark("colours") == .present ? .written : .leftOut)
      policy = try fields.take("path").map { path throws(ControlFormatError) in
        try PolicyHandover(path: path, machine: nil, &fields)
      }
      baseline = try fields.number("baseline")
      guard baseline.map({ $0 >= 0 }) ?? true else { throw ControlFormatError("'baseline' is negative") }
      try fields.end()
    } catch {
      throw Refusal("the request is malformed, \(error.description): no report was made")
    }
  }

  private static func subject(_ verb: String, _ fields: inout ControlFields) throws(ControlFormatError)
    -> HostReportRequest.Subject
  {
    switch verb {
    case "audit": .audit(try word("format", &fields), try word("fail-on", &fields))
    case "doctor": .doctor(try word("format", &fields))
    case "plan": .plan(try word("format", &fields), try word("detail", &fields))
    case "log": .log(try word("format", &fields), try word("since", &fields), try word("grouping", &fields))
    case "suggest": .suggest(try word("format", &fields), try word("since", &fields))
    default: throw ControlFormatError("there is no report '\(verb)'")
    }
  }

  /// One of the words of a type.
  private static func word<Word: RawRepresentable<String>>(_ key: String, _ fields: inout ControlFields)
    throws(ControlFormatError) -> Word
  {
    let text = try fields.require(key)
    guard let word = Word(rawValue: text) else {
      throw ControlFormatError("'\(key)' is not known: '\(text)'")
    }
    return word
  }

  /// A session as sshd writes it to `SSH_CONNECTION` (ssh(1)).
  private static func text(_ session: RemoteSession) -> String {
    let scope = session.clientScope.map { "%\($0)" } ?? ""
    return "\(session.client)\(scope) \(session.clientPort) \(session.server) \(session.serverPort)"
  }

  private static func session(_ fields: inout ControlFields) throws(ControlFormatError) -> RemoteSession? {
    guard let text = fields.take("session") else { return nil }
    guard let session = RemoteSession(sshConnection: text) else {
      throw ControlFormatError("'session' is not a connection")
    }
    return session
  }
}

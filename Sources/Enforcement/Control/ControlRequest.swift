// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyAnalysis
internal import TemporaryGrants
internal import Ruleset

/// A request as it goes over the daemon's socket: what is asked, and until when it may be carried out.
public struct ControlRequest: Sendable, Hashable {
  /// The version of the protocol. The daemon refuses others: the program was renewed and the daemon was not.
  public static let version = "4"

  /// What is asked.
  public let request: FirewallRequest
  /// Until when it may be carried out: nanoseconds since boot, by `CLOCK_BOOTTIME`, which client and daemon share. Its
  /// client waits somewhat longer, and reports a failure afterwards.
  public let deadline: Int64?

  /// A request that may be carried out until a moment; nil: as long as its client is connected.
  public init(_ request: FirewallRequest, deadline: Int64? = nil) {
    self.request = request
    self.deadline = deadline
  }

  /// The reason why the request must not be carried out at `now` (nanoseconds since boot); nil if it may be. A
  /// request that waited too long for a daemon that was stopped or busy must not take effect after its client has
  /// reported a failure.
  public func expiry(at now: Int64) -> Refusal? {
    guard request.isChange, let deadline, deadline < now else { return nil }
    return Refusal(
      "the request's deadline passed \((now - deadline) / 1_000_000_000) s ago: nothing was changed")
  }

  // MARK: The payload

  /// Parses a payload.
  public init(payload: [UInt8]) throws(Refusal) {
    do throws(ControlFormatError) {
      var fields = try ControlFields(payload)
      guard fields.take("version") == Self.version else { throw .otherVersion }
      deadline = try fields.number("deadline")
      request = try Self.request(try fields.require("verb"), &fields)
      try fields.end()
    } catch {
      throw Refusal(
        error == .otherVersion
          ? "\(error.description)" : "the request is malformed, \(error.description): nothing was changed")
    }
  }

  private static func request(_ verb: String, _ fields: inout ControlFields) throws(ControlFormatError)
    -> FirewallRequest
  {
    switch verb {
    case "status": return .status(try form(&fields))
    case "log": return .log(try form(&fields))
    case "apply": return try apply(&fields)
    case "fleet accept":
      guard let length: Int = try fields.number("length"), length >= 0 else {
        throw ControlFormatError("'length' is missing or negative")
      }
      return .takeRelease(length: length, try trial(&fields))
    case "accept": return .accept(digest: fields.take("digest"))
    case "enforce": return .endObservation
    case "confirm":
      switch try fields.mark("console") {
      case .present: return .confirm(.console)
      case .absent: return .confirm(.session(fields.take("session")))
      }
    case "history": return .history
    case "rollback": return .rollback(to: try fields.number("to"))
    case "panic":
      switch try fields.mark("end") {
      case .present: return .panic(.end)
      case .absent: return .panic(.begin)
      }
    case "open":
      let (service, source) = (try fields.require("service"), try fields.require("from"))
      let (words, reason) = (try fields.require("for"), try fields.require("because"))
      let target = fields.take("to")
      do throws(TemporaryGrantError) {
        return .open(
          try TemporaryGrantOrder(
            service: service, from: source, to: target, lasting: words, because: reason))
      } catch {
        throw ControlFormatError(error.description)
      }
    case "close":
      if let number: Int = try fields.number("number") { return .closeNumber(number) }
      return .close(service: try fields.require("service"), from: try fields.require("from"))
    case "openings": return .temporaryGrants(try form(&fields))
    case "unload": return .unload
    default: throw ControlFormatError("the daemon knows no verb '\(verb)'")
    }
  }

  private static func form(_ fields: inout ControlFields) throws(ControlFormatError)
    -> FirewallRequest.ReportForm
  {
    guard let word = fields.take("format") else { return .text }
    guard let form = FirewallRequest.ReportForm(rawValue: word) else {
      throw ControlFormatError("there is no format '\(word)'")
    }
    return form
  }

  private static func apply(_ fields: inout ControlFields) throws(ControlFormatError) -> FirewallRequest {
    let policy = try PolicyHandover(
      path: try fields.require("path"), machine: fields.take("machine"), &fields)
    let mode: EnforcementMode =
      switch try fields.mark("observe") {
      case .present: .observing
      case .absent: .enforcing
      }
    return .apply(policy, mode, try trial(&fields))
  }

  private static func trial(_ fields: inout ControlFields) throws(ControlFormatError) -> TrialTime? {
    guard let seconds: Int64 = try fields.number("confirm") else { return nil }
    guard let time = TrialTime(seconds: seconds) else {
      throw ControlFormatError("--confirm takes 5 s to 24 h")
    }
    return time
  }

  /// The frame to be sent.
  public var frame: ControlFrame {
    var lines = LabelledLines()
    lines["version"] = Self.version
    lines["deadline"] = deadline.map { String($0) }
    switch request {
    case .status(let form), .log(let form):
      lines["verb"] = request.verb
      lines["format"] = form.rawValue
    case .takeRelease(let length, let trial):
      lines["verb"] = request.verb
      lines["length"] = String(length)
      lines["confirm"] = trial.map { String($0.seconds) }
    case .accept(let digest):
      lines["verb"] = "accept"
      lines["digest"] = digest
    case .endObservation: lines["verb"] = "enforce"
    case .apply(let policy, let mode, let trial):
      lines["verb"] = "apply"
      policy.write(to: &lines)
      lines["machine"] = policy.machine
      lines["observe"] = mode == .observing ? "yes" : nil
      lines["confirm"] = trial.map { String($0.seconds) }
    case .confirm(.console):
      lines["verb"] = "confirm"
      lines["console"] = "yes"
    case .confirm(.session(let session)):
      lines["verb"] = "confirm"
      lines["session"] = session
    case .history: lines["verb"] = "history"
    case .rollback(let number):
      lines["verb"] = "rollback"
      lines["to"] = number.map { String($0) }
    case .panic(let change):
      lines["verb"] = "panic"
      lines["end"] = change == .end ? "yes" : nil
    case .open(let order):
      lines["verb"] = "open"
      lines["service"] = order.service
      lines["from"] = order.source
      lines["to"] = order.target
      lines["for"] = order.durationWords
      lines["because"] = order.reason
    case .close(let service, let source):
      lines["verb"] = "close"
      lines["service"] = service
      lines["from"] = source
    case .closeNumber(let number):
      lines["verb"] = "close"
      lines["number"] = String(number)
    case .temporaryGrants(let form):
      lines["verb"] = "openings"
      lines["format"] = form.rawValue
    case .unload: lines["verb"] = "unload"
    }
    return ControlFrame(.request, document: lines.text)
  }
}

extension PolicyHandover {
  /// Reads the names of the lists and the lengths of all parts from the fields of a request.
  package init(path: String, machine: String?, _ fields: inout ControlFields) throws(ControlFormatError) {
    let lists = (fields.take("lists") ?? "").unicodeScalars.split(separator: "\n").map { String($0) }
    let words = try fields.require("lengths").split(separator: " ", omittingEmptySubsequences: false)
    guard
      let policy = PolicyHandover(
        path: path, machine: machine, lists: lists, lengths: words.map { Int($0) ?? -1 })
    else { throw ControlFormatError("the policy was not handed over whole") }
    self = policy
  }

  /// Writes path, lists and lengths as fields of a request.
  package func write(to lines: inout LabelledLines) {
    lines["path"] = path
    lines["lists"] = lists.isEmpty ? nil : lists.joined(separator: "\n")
    lines["lengths"] = lengths.map { String($0) }.joined(separator: " ")
  }
}

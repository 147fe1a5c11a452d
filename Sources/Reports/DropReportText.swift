// SPDX-License-Identifier: GPL-3.0-or-later

public import DropAnalysis
public import NetworkModel
internal import PolicyAnalysis
internal import PolicyLanguage

/// Formats dropped packets as lines for a journal, for a terminal, and for programs.
public enum DropReportText {
  /// One line with everything except the time, which the journal adds. It has no line feed.
  public static func journal(_ report: DropReport) -> PrintableText {
    "\(what(report)), \(way(report)): \(report.reason) (\(report.key.place)); \(text(report.remedy))"
  }

  /// The same with the time of the last packet.
  public static func line(_ report: DropReport) -> PrintableText {
    "\(TimeText.text(report.record.last)) \(journal(report))"
  }

  /// What the journal does not have of the last hour.
  public static func leftOut(_ left: JournalBudget.LeftOut) -> PrintableText {
    "\(left.lines) more lines about \(left.packets) dropped packets were left out in the last hour (at most "
      + "\(JournalBudget.mostLines) lines an hour): wgfence log --summary"
  }

  /// Lines, each with its time and ended by a line feed.
  public static func lines(_ reports: [DropReport]) -> PrintableText {
    reports.reduce(into: "") { text, report in text += "\(line(report))\n" }
  }

  /// One JSON object on one line, ended by a line feed: schema `wgfence/log/1`.
  public static func json(_ report: DropReport) -> String {
    JSONWriter.line { json in
      json.put("schema", "wgfence/log/1")
      members(of: report, &json)
    }
  }

  /// The members of a report, also in a summary.
  static func members(of report: DropReport, _ json: inout JSONWriter.Object) {
    let key = report.key
    json.put("time", TimeText.text(report.record.last))
    json.put("first", TimeText.text(report.record.first))
    json.put("count", report.record.count)
    json.put("observed", key.isObserved)
    json.put("direction", key.direction.rawValue)
    json.put("zone", key.zone)
    json.put("interface", report.interface?.description)
    json.put("source", key.source?.description)
    switch report.sender {
    case .machine(let name):
      json.put("machine", name)
      json.put("known_by", "tunnel-address")
    case .endpoint(let name):
      json.put("machine", name)
      json.put("known_by", "endpoint")
    case .address:
      json.null("machine")
      json.null("known_by")
    }
    json.put("destination", key.destination?.description)
    json.put("protocol", key.transport?.description)
    json.put("port", key.port)
    json.put("services", each: report.services)
    json.put("scope", key.scope.rawValue)
    json.put("counter", report.counter)
    json.put("reason", report.reason)
    json.put("place", key.place)
    switch report.remedy {
    case .grant(let line):
      json.put("allow", line.text)
      json.null("no_allow")
    case .none(let why):
      json.null("allow")
      json.put("no_allow", why)
    }
  }

  /// `dropped tcp 192.0.2.7 -> 10.13.0.1 port 22 [ssh]`, or
  /// `dropped 37 tcp packets in 60 s from 192.0.2.7 to port 22 [ssh] of 10.13.0.1`.
  private static func what(_ report: DropReport) -> PrintableText {
    let (key, record) = (report.key, report.record)
    let verb: PrintableText = key.isObserved ? "would drop" : "dropped"
    let packets: PrintableText =
      record.count == 1 ? "1 packet" : "\(record.count) packets in \(seconds(record)) s"
    switch key.scope {
    case .reason: return "\(verb) \(packets) of many sources"
    case .source: return "\(verb) \(packets) from \(from(report)) to many services"
    case .flow: break
    }
    guard let transport = key.transport, let destination = key.destination else {
      return record.count == 1
        ? "\(verb) a packet that cannot be parsed" : "\(verb) \(packets) that cannot be parsed"
    }
    let services = report.services.joined(separator: ",")
    let port: PrintableText = key.port.map { " port \($0)" } ?? ""
    if record.count == 1 {
      return "\(verb) \(transport) \(from(report)) -> \(destination)\(port) [\(services)]"
    }
    return "\(verb) \(record.count) \(transport) packets in \(seconds(record)) s from \(from(report)) to"
      + (key.port == nil ? " [\(services)]" : "\(port) [\(services)]") + " of \(destination)"
  }

  /// The time of the packets, in whole seconds, at least one.
  private static func seconds(_ record: DropRecord) -> Int64 {
    max(1, (record.last - record.first + 999_999) / 1_000_000)
  }

  /// Where the packets came from, or where they were sent.
  static func way(_ report: DropReport) -> PrintableText {
    switch report.key.direction {
    case .local: "from \(report.key.zone)"
    case .through: "forwarded from \(report.key.zone)"
    case .outgoing: "to \(report.key.zone)"
    }
  }

  /// The sender.
  static func from(_ report: DropReport) -> String {
    let source = report.key.source?.description ?? "?"
    switch report.sender {
    case .machine(let name): return "\(name) (\(source))"
    case .endpoint(let name): return "\(source) (an address of \(name))"
    case .address: return source
    }
  }

  private static func text(_ remedy: DropReport.Remedy) -> PrintableText {
    switch remedy {
    case .grant(let line): "to allow: \(line.text)"
    case .none(let why): "cannot be allowed: \(why)"
    }
  }
}

/// Times as text: RFC 3339, in UTC, with milliseconds.
public enum TimeText {
  /// The text of a time in microseconds since 1970-01-01T00:00:00Z.
  public static func text(_ micros: Int64) -> String {
    let seconds = max(0, micros) / 1_000_000
    func padded(_ number: Int64, _ width: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
    let clock = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map { padded($0, 2) }
    return
      "\(CalendarDate(secondsSince1970: Int(seconds)))T\(clock.joined(separator: ":")).\(padded(max(0, micros) / 1000 % 1000, 3))Z"
  }

  /// The same without fractions of a second, for tables.
  public static func short(_ micros: Int64) -> String { "\(text(micros).prefix(19))Z" }
}

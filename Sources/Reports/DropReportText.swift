// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PolicyAnalysis
internal import PolicyLanguage

/// Formats dropped packets as lines for a journal, for a terminal, and for programs.
public enum DropReportText {
  /// One line with everything except the time, which the journal adds. It has no line feed.
  public static func journal(_ report: DropReport) -> PrintableText {
    let place = report.place.hasSuffix(":") ? "built in" : report.place
    return "dropped \(what(report)), from \(report.zone): \(report.reason) (\(place)); \(text(report.remedy))"
  }

  /// A table with a line for each report, each ended by a line feed; empty without reports.
  public static func aligned(_ reports: [DropReport]) -> PrintableText {
    var table = AlignedTable([
      .left("TIME"), .left("ZONE"), .left("FROM"), .left("TO"), .left("SERVICE"), .left("WHY"), .left("LINE"),
      .left("TO ALLOW"),
    ])
    for report in reports {
      table.append([
        time(report.time), report.zone, from(report), report.destination.map(\.description) ?? "?",
        report.services.joined(separator: ","), report.reason,
        report.place.hasSuffix(":") ? "built in" : report.place, short(report.remedy),
      ])
    }
    return table.text()
  }

  /// One JSON object on one line, ended by a line feed: schema `wgfence/log/1`.
  public static func json(_ report: DropReport) -> String {
    JSONWriter.line { json in
      json.put("schema", "wgfence/log/1")
      json.put("time", time(report.time))
      json.put("zone", report.zone)
      json.put("interface", report.interface?.description)
      json.put("source", report.source?.description)
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
      json.put("destination", report.destination?.description)
      json.put("protocol", report.transport?.description)
      json.put("port", report.port)
      json.put("services", each: report.services)
      json.put("counter", report.counter)
      json.put("reason", report.reason)
      json.put("place", report.place.hasSuffix(":") ? "built in" : report.place)
      switch report.remedy {
      case .grant(let line):
        json.put("allow", line)
        json.null("no_allow")
      case .none(let why):
        json.null("allow")
        json.put("no_allow", why)
      }
    }
  }

  /// A time in RFC 3339 format, in UTC, with milliseconds. `micros` is in microseconds since 1970-01-01T00:00:00Z.
  static func time(_ micros: Int64) -> String {
    let seconds = max(0, micros) / 1_000_000
    func padded(_ number: Int64, _ width: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
    let day = CalendarDate(secondsSince1970: Int(seconds))
    let clock = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map { padded($0, 2) }
    return "\(day)T\(clock.joined(separator: ":")).\(padded(max(0, micros) / 1000 % 1000, 3))Z"
  }

  private static func what(_ report: DropReport) -> String {
    guard let transport = report.transport, let destination = report.destination else {
      return "a packet that cannot be parsed"
    }
    let port = report.port.map { " port \($0)" } ?? ""
    return
      "\(transport) \(from(report)) -> \(destination)\(port) [\(report.services.joined(separator: ","))]"
  }

  private static func from(_ report: DropReport) -> String {
    let source = report.source?.description ?? "?"
    switch report.sender {
    case .machine(let name): return "\(name) (\(source))"
    case .endpoint(let name): return "\(source) (an address of \(name))"
    case .address: return source
    }
  }

  private static func text(_ remedy: DropReport.Remedy) -> String {
    switch remedy {
    case .grant(let line): "to allow: \(line)"
    case .none(let why): "cannot be allowed: \(why)"
    }
  }

  private static func short(_ remedy: DropReport.Remedy) -> String {
    switch remedy {
    case .grant(let line): line
    case .none(let why): "cannot: \(why)"
    }
  }
}

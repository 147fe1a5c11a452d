// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import OutboundAnalysis
internal import PacketWalk

/// The words of a sender and of what it may send, for the text and the page. They are not escaped.
struct OutboundWords {
  private let sender: OutboundSender
  private let machine: String?
  /// The path of the policy, which lines are written without.
  private let path: String?

  init(_ sender: OutboundSender, machine: String?, policy path: String?) {
    self.sender = sender
    self.machine = machine
    self.path = path
  }

  /// More names of containers than these are not listed.
  private static let mostGuests = 6

  /// Who sends: `db, with containers on its network: web` or `containers on docker0: web, shop`.
  var who: String {
    let guests = Self.listed(sender.guests, most: Self.mostGuests)
    let interfaces = Self.listed(sender.interfaces.map(\.description), most: Self.mostGuests)
    switch sender.kind {
    case .host:
      let name = machine ?? "this host"
      return sender.guests.isEmpty ? name : "\(name), with the containers on its network: \(guests)"
    case .containers: return "containers on \(interfaces)\(sender.guests.isEmpty ? "" : ": \(guests)")"
    case .bypassing: return guests
    }
  }

  /// How much it may send, as the end of a sentence; `isListed` if a list follows.
  var scope: String {
    if sender.kind == .bypassing {
      let interfaces = sender.interfaces.map(\.description).joined(separator: ", ")
      return
        "may send everything: no rule of this host sees what leaves by its own interface on \(interfaces)"
    }
    let rows = rows
    switch sender.scope {
    case .everything: return "may send everything\(rows.isEmpty ? "" : ", except")"
    case .listed:
      return rows.isEmpty ? "may send nothing to other hosts" : "may send only"
    }
  }

  /// The entries of `confine`, as `confine: line 24`; nil without one.
  var confinement: String? {
    if sender.confinements.isEmpty { return nil }
    let entries = sender.confinements.map { entry in
      let towards = entry.towards.map { prefixes in
        " towards " + Self.listed(prefixes.map(\.description), most: 4)
      }
      return "\(place(entry.place))\(towards ?? "")"
    }
    return "confine: \(entries.joined(separator: "; "))"
  }

  /// What is listed of the sender: what it may send or, if it may send everything, what it may not.
  var rows: [OutboundSender.Reach] {
    sender.scope == .listed
      ? sender.allowed : sender.refused + sender.allowed.filter { $0.judgement.verdict == .undetermined }
  }

  /// What decided about a row or a connection.
  func because(_ judgement: OutboundJudgement) -> String {
    let place = place(judgement.because)
    switch judgement.verdict {
    case .undetermined: return "undetermined: \(place)"
    case .accept, .drop, .reject: return place
    }
  }

  /// A line of the policy without its path: `line 24`.
  private func place(_ because: String) -> String {
    guard let path, because.hasPrefix("\(path):") else { return because }
    let lines = because.dropFirst(path.count + 1)
    return "\(lines.contains(",") ? "lines" : "line") \(lines)"
  }

  /// Names separated by commas, and the number of those beyond `most`.
  static func listed(_ names: [String], most: Int) -> String {
    let shown = names.prefix(most).joined(separator: ", ")
    return names.count > most ? "\(shown) and \(names.count - most) more" : shown
  }

  /// Names on lines of at most a width, if no name is longer; beyond `most` lines only the number of names.
  static func lines(_ names: [String], width: Int, most: Int) -> [String] {
    var lines: [String] = []
    for (number, name) in names.enumerated() {
      let word = number < names.count - 1 ? name + "," : name
      if let last = lines.last, AlignedTable.width(last) + 1 + AlignedTable.width(word) <= width {
        lines[lines.count - 1] = "\(last) \(word)"
      } else if lines.count == most {
        return lines + ["and \(names.count - number) more"]
      } else {
        lines.append(word)
      }
    }
    return lines
  }
}

extension OutboundWords {
  /// A text as lines of at most a width, broken at spaces.
  static func folded(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, AlignedTable.width(last) + 1 + AlignedTable.width(String(word)) <= width {
        lines[lines.count - 1] = "\(last) \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}

/// The words of a connection.
struct OutboundConnectionWords {
  private let connection: OutboundConnection

  init(_ connection: OutboundConnection) { self.connection = connection }

  /// Who opened it: `curl[812]`, `nginx in container web (3 connections)`.
  var who: String {
    let name =
      connection.count == 1
      ? connection.process.map { "\($0.name)[\($0.pid)]" } : connection.process?.name
    let place =
      connection.container.map { " in \($0)" } ?? (connection.place == .host ? "" : " in \(connection.place)")
    let count = connection.count == 1 ? "" : " (\(connection.count))"
    return "\(name ?? "(unknown)")\(place)\(count)"
  }

  /// To where: the address, and the machine or zone.
  var to: String { "\(connection.destination)" + (connection.receiver.map { " \($0)" } ?? "") }

  /// The port, and the service.
  var service: String {
    "\(connection.port)/\(connection.transport)" + (connection.service.map { " \($0)" } ?? "")
  }

  /// The verdict for a new connection; `REFUSED` in capitals if the policy refuses it.
  var verdict: String { connection.isRefused ? "REFUSED" : connection.now.verdict.rawValue }

  /// The verdict that is shown with what decided it.
  var judgement: OutboundJudgement {
    connection.isRefused ? connection.policy ?? connection.now : connection.now
  }

  /// The connections, those first that the policy refuses.
  static func ordered(_ connections: [OutboundConnection]) -> [OutboundConnection] {
    connections.filter(\.isRefused) + connections.filter { !$0.isRefused }
  }
}

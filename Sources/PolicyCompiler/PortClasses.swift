// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// The ports that a list of grants opens, sorted into classes: ports of one class are opened by the same grants.
struct PortClasses {
  /// Ports opened by the same grants.
  struct Class {
    /// Indices into the entries, ascending.
    let entries: [Int]
    var ports: [(IPProtocol, PortRange)] = []
    var protocols: [IPProtocol] = []
    var hasEcho = false
    /// Whether every protocol and port is in it.
    var hasEverything = false
    /// The names of the services that its ports belong to, or the first port itself. Part of a chain's name.
    var label = ""
  }

  private(set) var classes: [Class] = []

  init(_ entries: [GrantEntry]) {
    var index: [[Int]: Int] = [:]
    func place(_ members: [Int], _ classes: inout [Class]) -> Int {
      if let place = index[members] { return place }
      index[members] = classes.count
      classes.append(Class(entries: members))
      return classes.count - 1
    }

    var classes: [Class] = []
    for (number, ranges) in Self.ranges(entries) {
      for (range, members) in Self.segments(ranges) {
        let place = place(members, &classes)
        // Adjacent segments of one class are one range.
        if let last = classes[place].ports.last, last.0 == number, last.1.upper != .max,
          last.1.upper + 1 == range.lower, let joined = PortRange(last.1.lower, range.upper)
        {
          classes[place].ports[classes[place].ports.count - 1].1 = joined
        } else {
          classes[place].ports.append((number, range))
        }
      }
    }
    var portless: [IPProtocol: [Int]] = [:]
    var echo: [Int] = []
    var everything: [Int] = []
    for (number, entry) in entries.enumerated() {
      for port in Set(entry.services.flatMap(\.ports)).sorted() {
        switch port {
        case .ports: break
        case .protocol(let transport): portless[transport, default: []].append(number)
        case .echoRequest: echo.append(number)
        case .everything: everything.append(number)
        }
      }
    }
    for (transport, members) in portless.sorted(by: { $0.key < $1.key }) {
      classes[place(members, &classes)].protocols.append(transport)
    }
    if !echo.isEmpty { classes[place(echo, &classes)].hasEcho = true }
    if !everything.isEmpty { classes[place(everything, &classes)].hasEverything = true }

    var taken: Set<String> = []
    for position in classes.indices {
      let label = Self.label(classes[position], entries)
      var (unique, number) = (taken.contains(label) ? Self.portLabel(classes[position]) : label, 1)
      while !taken.insert(unique).inserted {
        number += 1
        unique = "\(label)-\(number)"
      }
      classes[position].label = unique
    }
    self.classes = classes
  }

  /// The ranges of each protocol, each with the entry that opens it.
  private static func ranges(_ entries: [GrantEntry]) -> [(IPProtocol, [(PortRange, Int)])] {
    var result: [IPProtocol: [(PortRange, Int)]] = [:]
    for (number, entry) in entries.enumerated() {
      for service in entry.services {
        for case .ports(let transport, let range) in service.ports {
          result[transport, default: []].append((range, number))
        }
      }
    }
    return result.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// Splits overlapping ranges where one of them begins or ends: disjoint ranges, ascending, each with all
  /// entries that open it.
  private static func segments(_ ranges: [(PortRange, Int)]) -> [(PortRange, [Int])] {
    // Ports at which the entries change. They need more than 16 bits because the last range may end at 65535.
    var begins: [Int: [Int]] = [:]
    var ends: [Int: [Int]] = [:]
    for (range, entry) in ranges {
      begins[Int(range.lower), default: []].append(entry)
      ends[Int(range.upper) + 1, default: []].append(entry)
    }
    let cuts = Set(begins.keys).union(ends.keys).sorted()
    var open: [Int: Int] = [:]
    var result: [(PortRange, [Int])] = []
    for (position, cut) in cuts.enumerated() {
      for entry in ends[cut] ?? [] {
        open[entry, default: 1] -= 1
        if open[entry] == 0 { open[entry] = nil }
      }
      for entry in begins[cut] ?? [] { open[entry, default: 0] += 1 }
      guard !open.isEmpty, position + 1 < cuts.count,
        let range = PortRange(UInt16(cut), UInt16(cuts[position + 1] - 1))
      else { continue }
      result.append((range, open.keys.sorted()))
    }
    return result
  }

  /// The names of the services that the ports belong to: one, both of two, or the first `and others`.
  private static func label(_ portClass: Class, _ entries: [GrantEntry]) -> String {
    let ports =
      portClass.ports.lazy.map { ServicePort.ports($0.0, $0.1) } + portClass.protocols.map { .protocol($0) }
      + (portClass.hasEcho ? [.echoRequest] : []) + (portClass.hasEverything ? [.everything] : [])
    let services = portClass.entries.flatMap { entries[$0].services }
    var names: [String] = []
    for port in ports {
      // Every port is one of `any`, whose name says nothing of it.
      let service = services.first { service in
        service.ports.contains { $0.covers(port) && ($0 != .everything || port == .everything) }
      }
      guard let service else { continue }
      let name = Identifier.clean(service.name)
      if !names.contains(name) { names.append(name) }
      if names.count > 2 { return "\(names[0])-and-others" }
    }
    return names.isEmpty ? portLabel(portClass) : names.joined(separator: "-and-")
  }

  private static func portLabel(_ portClass: Class) -> String {
    if let port = portClass.ports.first { return Identifier.clean("\(port.0)-\(port.1)") }
    if let number = portClass.protocols.first { return "protocol-\(number.number)" }
    return portClass.hasEcho ? "echo" : "any"
  }
}

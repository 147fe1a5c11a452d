// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PolicyLanguage
internal import TestSupport

/// A random policy of a site with every key of the language, as lines that can be removed one by one.
public struct RandomSite: Sendable {
  /// All lines except those of `allow`, `encrypt`, `block` and `failsafe`.
  public var head: [String]
  /// The lines of each section.
  public var sections: [(name: String, lines: [String])]

  /// The policy's text.
  public var text: String {
    var lines = head
    for (name, own) in sections where !own.isEmpty { lines += ["\(name):"] + own.map { "  - \($0)" } }
    return lines.joined(separator: "\n") + "\n"
  }

  private static let services = [
    "ssh", "web", "postgres", "ping", "8080/tcp", "9000-9200/tcp", "53/udp", "docker-swarm", "own", "esp",
    "ip/89", "5000-5010/sctp", "both", "dns", "any",
  ]

  /// Generates the policy of a seed. Not every policy is valid.
  public init(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let hasSecond = random.oneIn(3)
    let hubs = [nil, "m0", "m1"][random.number(0...2)]
    var head = ["version: 1", "tunnels:"]
    let listen = random.oneIn(5) ? "" : ", listen: 51820"
    let six = random.oneIn(4) ? "" : ", \"fd13::/64\""
    head.append(
      "  wg0: { prefixes: [10.13.0.0/24\(six)]\(listen)\(hubs.map { ", hub: \($0)" } ?? "") }")
    if hasSecond { head.append("  wg1: { prefixes: [10.14.0.0/24, \"fd14::/64\"], listen: 51821 }") }
    head.append("machines:")
    let count = random.number(2...5)
    var zones: [(machine: String, zone: String, hasPrefixes: Bool)] = []
    var subnets: [(machine: String, prefix: String)] = []
    for number in 0..<count {
      let name = "m\(number)"
      var keys: [String] = []
      var own = [
        "wg0: [10.13.0.\(number + 1)\(six.isEmpty || random.oneIn(4) ? "" : ", \"fd13::\(number + 1)\"")]"
      ]
      if hasSecond, random.oneIn(2) { own.append("wg1: [10.14.0.\(number + 1), \"fd14::\(number + 1)\"]") }
      keys.append("addresses: { \(own.joined(separator: ", ")) }")
      switch random.number(0...3) {
      case 0: break
      case 1: keys.append("endpoint: [203.0.113.\(number + 10)]")
      case 2: keys.append("endpoint: [203.0.113.\(number + 10), \"2001:db8::\(number + 10)\"]")
      default:
        let letter = ["A", "B", "C", "D", "E"][number]
        keys.append("endpoint: live")
        keys.append("key: \"\(letter)\(String(repeating: "A", count: 42))=\"")
      }
      if random.oneIn(2) {
        let lan = "192.168.\(number).0/24"
        keys.append("subnets: [\(lan), \"fd68:\(number)::/64\"]")
        subnets += [(name, lan), (name, "\"fd68:\(number)::/64\""), (name, "192.168.\(number).64/26")]
      }
      var parts: [String] = []
      if random.oneIn(2) {
        let prefixes = ["192.168.\(number).0/24"] + (random.oneIn(2) ? ["\"fd68:\(number)::/64\""] : [])
        let hasPrefixes = !random.oneIn(3)
        parts.append(
          "lan: { interfaces: [enp5s0\(random.oneIn(3) ? ", lan*" : "")]"
            + (hasPrefixes ? ", prefixes: [\(prefixes.joined(separator: ", "))]" : "") + " }")
        zones.append((name, "lan", hasPrefixes))
      }
      if random.oneIn(3) {
        // A zone can contain a tunnel's prefixes, and networks that another machine also has.
        let prefix = [
          "", "", ", prefixes: [10.0.0.0/8]", ", prefixes: [192.168.0.0/16]",
          ", prefixes: [192.168.0.0/25, 172.20.0.0/16]", ", prefixes: live",
        ]
        let own = number == 0 ? random.one(of: prefix.filter { !$0.contains("192") }) : random.one(of: prefix)
        let taken = own.contains("192.168.0.0/16") ? "192.168." : own.contains("192.168") ? "192.168.0." : nil
        if taken.map({ taken in parts.contains { $0.contains(taken) } }) != true {
          parts.append("guest: { interfaces: [gst0, \"guest*\"]\(own) }")
          zones.append((name, "guest", own.contains("[")))
        }
      }
      if random.oneIn(4) {
        parts.append(
          "containers: { interfaces: [docker0, \"br-*\"]\(random.oneIn(2) ? ", prefixes: [172.17.0.0/16]" : "") }"
        )
      }
      if !parts.isEmpty { keys.append("zones: { \(parts.joined(separator: ", ")) }") }
      head.append("  \(name): { \(keys.joined(separator: ", ")) }")
    }
    head += [
      "groups: { all: [\((0..<count).map { "m\($0)" }.joined(separator: ", "))], pair: [m0, m1] }",
      "services: { own: [7000/tcp, 7000/udp], both: [own, ssh] }",
      "lists: { hooks: [198.51.100.0/25, 192.0.2.16/28, \"2001:db8:5::/48\", 192.168.0.0/28], bad: [192.0.2.0/26, 10.13.0.7, \"2001:db8:9::/48\"] }",
    ]
    func words(_ choices: [String], _ most: Int) -> String {
      let picked = Set((0..<random.number(1...most)).map { _ in random.one(of: choices) }).sorted()
      return picked.count == 1 ? picked[0] : "[\(picked.joined(separator: ", "))]"
    }
    let machines = (0..<count).map { "m\($0)" }
    let routed = zones.filter(\.hasPrefixes).map { "\($0.machine).\($0.zone)" }
    let outer = machines.flatMap { ["\($0).internet", "\($0).containers"] }
    let targets =
      machines + machines + machines + ["all", "pair"] + routed + subnets.map(\.prefix)
      + outer.filter { _ in random.oneIn(3) }
    let sources =
      machines + ["all", "pair", "wg0", "internet", "internet", "containers", "hooks", "anywhere"] + routed
      + outer.filter { _ in random.oneIn(3) }
      + (hasSecond ? ["wg1"] : []) + zones.map(\.zone) + subnets.map(\.prefix)
      + [
        "198.51.100.7", "198.51.100.0/24", "\"2001:db8:5::1\"", "192.168.0.80", "172.20.3.0/24",
        "10.99.0.0/16",
      ]
    func grant() -> String {
      var parts = [
        "to: \(words(targets, 2))", "services: [\(words(Self.services, 3).filter { !"[]".contains($0) })]",
        "from: \(words(sources, 2))",
      ]
      if random.oneIn(6) || parts[1].contains("any") { parts.append("because: \"some reason\"") }
      if random.oneIn(6) {
        parts.append("limit: \(random.one(of: ["6/minute", "10/second", "1/hour"]))")
        if random.oneIn(2) { parts.append("burst: 12") }
      }
      return "{ \(parts.joined(separator: ", ")) }"
    }
    /// A grant of what a confined sender sends.
    func outbound(_ senders: [String]) -> String {
      let to = words(
        ["internet", "198.51.100.0/24", "\"2001:db8:5::/48\"", "192.0.2.7"] + machines + routed, 2)
      let services = words(Self.services, 3).filter { !"[]".contains($0) }
      return
        "{ to: \(to), services: [\(services)], from: \(words(senders, 2))\(services.contains("any") ? ", because: why" : "") }"
    }
    var allow: [String] = []
    for _ in 0..<random.number(1...7) {
      let line = grant()
      allow.append(
        random.oneIn(8)
          ? line.dropLast(2) + ", until: \(random.oneIn(2) ? "2027-01-01" : "2026-11-24") }" : line)
    }
    sections = [("allow", allow)]
    if random.oneIn(3), !listen.isEmpty {
      sections.append(
        (
          "encrypt",
          [
            "{ between: \(words(["all", "pair"], 1)), tunnel: wg0\(random.oneIn(3) ? ", shared: [m0, m1]" : "") }"
          ]
        ))
    }
    if random.oneIn(3) { sections.append(("block", ["bad"])) }
    if random.oneIn(3) { sections.append(("failsafe", [grant()])) }
    if random.oneIn(3) {
      let senders = machines + machines.map { "\($0).containers" } + ["pair"]
      var lines: [String] = []
      var confined: [String] = []
      for _ in 0..<random.number(1...3) {
        let sender = random.one(of: senders)
        if confined.contains(sender) { continue }
        confined.append(sender)
        lines.append(
          random.oneIn(3)
            ? "{ from: \(sender), to: \(words(["169.254.169.254", "198.51.100.0/24", "\"fd00:ec2::254\"", "0.0.0.0/0"], 2)) }"
            : sender)
      }
      sections.append(("confine", lines))
      for _ in 0..<random.number(0...3) { sections[0].lines.append(outbound(confined)) }
    }
    if random.oneIn(4) {
      let names = Set(
        (0..<2).map { _ in random.one(of: ["wg0", "internet", "containers"] + zones.map(\.zone)) })
      sections.append(("refuse", names.sorted()))
    }
    if random.oneIn(3) {
      var lines: [String] = []
      for _ in 0..<random.number(1...3) {
        let at = random.one(of: machines)
        let ways = ["internet", "wg0", "containers"] + zones.filter { $0.machine == at }.map(\.zone)
        let over = random.one(of: ways)
        switch random.number(0...2) {
        case 0: lines.append("{ at: \(at), masquerade: \(words(ways, 2)), over: \(over) }")
        case 1:
          let port = random.oneIn(2) ? ", port: 8443" : ""
          lines.append(
            "{ at: \(at), forward: \(random.one(of: ["web", "8080/tcp", "9000-9200/tcp"])), over: \(over), to: \(random.one(of: machines))\(port) }"
          )
        default:
          let number = at.dropFirst()
          lines.append("{ at: \(at), map: 10.77.0.0/24, as: 192.168.\(number).0/24, over: \(over) }")
        }
      }
      sections.append(("translate", lines))
    }
    self.head = head
  }

  /// Decodes a text; nil if it is not a valid policy.
  public static func policy(_ text: String, today: CalendarDate) -> Policy? {
    let decoded = PolicyDecoder.decode(bytes: Array(text.utf8), path: "policy.yaml", today: today) { _ in
      .unreadable(reason: "no lists")
    }
    return decoded.isValid ? decoded.policy : nil
  }

  /// The diagnostics of a text, to find out why a generator makes too few valid policies.
  public static func problems(_ text: String, today: CalendarDate) -> [String] {
    PolicyDecoder.decode(bytes: Array(text.utf8), path: "policy.yaml", today: today) { _ in
      .unreadable(reason: "no lists")
    }.diagnostics.map { "\($0)" }
  }

  /// Removes all lines that are not needed for `fails` to be true.
  public func shrunk(while fails: (RandomSite) -> Bool) -> RandomSite {
    var site = self
    var isGrowing = true
    while isGrowing {
      isGrowing = false
      for section in site.sections.indices {
        for line in site.sections[section].lines.indices.reversed() {
          var smaller = site
          smaller.sections[section].lines.remove(at: line)
          if fails(smaller) {
            site = smaller
            isGrowing = true
          }
        }
      }
    }
    return site
  }
}

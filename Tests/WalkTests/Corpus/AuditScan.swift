// SPDX-License-Identifier: GPL-3.0-or-later

import CTestSupport
import DaemonService
import HostAnalysis
import LinuxHost
import NetworkModel
import PacketWalk
import TestSupport

/// Compares what an audit says with what nmap finds, from each side of a host with a ruleset.
struct AuditScan {
  let ruleset: CorpusRuleset
  private let plan: MentionedNetwork
  let ports: ScannedPorts
  private let others: [IPAddress]

  /// With at most so many of the ports that the ruleset mentions.
  init(_ ruleset: CorpusRuleset, mostPorts: Int, seed: UInt64) {
    let mentions = RulesetMentions(ruleset.files)
    self.ruleset = ruleset
    plan = MentionedNetwork(mentions)
    ports = ScannedPorts(
      mentions.ports, most: mostPorts,
      seed: ruleset.name.utf8.reduce(seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 })
    let networks = plan.network.interfaces.flatMap(\.networks)
    let unusable = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/16", "fe80::/10", "ff00::/8"].compactMap {
      Prefix($0)
    }
    others = mentions.blocks.filter { block in
      block.length == block.family.bitWidth && !(networks + unusable).contains { $0.contains(block.address) }
    }.map(\.address)
  }

  /// What the audit says of one port, or of an address and port that it does not list (then without a verdict).
  struct Claim {
    let ruleset: String
    let side: String
    let transport: IPProtocol
    let port: UInt16
    let destinations: [IPAddress]
    let what: String
    let verdict: TraceVerdict?
    let words: String
    /// Whether it is about a published port or, of an address that the audit does not list, the same port is published at
    /// another address.
    let isPublished: Bool

    var text: String {
      "\(transport) port \(port) at \(what) from \(side): the audit says \(verdict.map { "\($0) (\(words))" } ?? "nothing")"
    }
  }

  /// A claim that nmap does not confirm.
  struct Difference: CustomStringConvertible {
    let claim: Claim
    /// The senders that find it open, with the address.
    let open: [String]

    var description: String {
      "\(claim.ruleset): \(claim.text); nmap finds it \(open.isEmpty ? "closed" : "open: \(open.joined(separator: ", "))")"
    }
  }

  struct Result {
    var sides = 0
    /// Pairs of a sender's address and a port at an address.
    var probes = 0
    /// Claims that nmap confirms.
    var open = 0
    var closed = 0
    /// Those of them that are about published ports.
    var published = 0
    var undetermined: [String: Int] = [:]
    /// Claims that are not compared, by reason.
    var notCompared: [String: Int] = [:]
    /// Differences that have a reason apart from the audit, by reason.
    var explained: [String: [Difference]] = [:]
    var differences: [Difference] = []
    /// Rules that the machine does not support, and ports that are not scanned.
    var leftOut: [String] = []

    mutating func add(_ other: Result) {
      sides += other.sides
      probes += other.probes
      open += other.open
      closed += other.closed
      published += other.published
      undetermined.merge(other.undetermined, uniquingKeysWith: +)
      notCompared.merge(other.notCompared, uniquingKeysWith: +)
      explained.merge(other.explained, uniquingKeysWith: +)
      differences += other.differences
      leftOut += other.leftOut
    }

    /// The counts on one line.
    var summary: String {
      func sum(_ counts: [String: Int]) -> Int { counts.values.reduce(0, +) }
      return
        "\(sides) sides, \(probes) probes: \(open) open and \(closed) closed as the audit says (\(published) of published ports), "
        + "\(sum(undetermined)) undetermined, \(sum(notCompared)) not compared, "
        + "\(explained.values.map(\.count).reduce(0, +)) explained, \(differences.count) differences"
    }

    /// What is not a plain agreement, in lines.
    var details: [String] {
      func lines(_ title: String, _ counts: [String: Int]) -> [String] {
        counts.sorted { $0.key < $1.key }.map { "\(title) \($0.value): \($0.key)" }
      }
      return lines("undetermined", undetermined) + lines("not compared", notCompared)
        + explained.sorted { $0.key < $1.key }.flatMap { reason, all in
          ["explained \(all.count): \(reason)"] + all.prefix(3).map { "  \($0)" }
            + (all.count > 3 ? ["  …"] : [])
        } + differences.map { "difference: \($0)" } + leftOut.map { "left out: \($0)" }
    }
  }

  // MARK: Running

  /// Builds the host, and loads the ruleset.
  private func onHost<Value>(_ body: (ScannedHost, [String]) throws -> Value) throws -> Value {
    try inNetworkNamespace {
      let host = try ScannedHost(plan.network, ports, others: others)
      var leftOut: [String] = []
      for file in ruleset.files {
        do { leftOut += try file.load() } catch let refused as RulesetFile.Refused {
          throw CorpusRuleset.Skip.refused(refused.description)
        }
      }
      return try body(host, leftOut)
    }
  }

  /// Audits the host, scans it from all sides, and compares. `ofAnother` gives the claims of another host in place of its own.
  func run(_ ofAnother: [Claim]? = nil) throws -> Result {
    var result = Result()
    var problems: [Difference] = []
    try onHost { host, leftOut in
      result.leftOut = leftOut + (ports.leftOut > 0 ? ["\(ports.leftOut) ports"] : [])
      let claims = try ofAnother ?? self.claims(host)
      let scanned = Nmap.Ports(tcp: ports.all, udp: ports.all)
      for side in host.sides {
        try host.select(side)
        var found: [(sender: IPAddress, open: Set<Nmap.Open>)] = []
        for sender in side.senders {
          found.append((sender, try host.scan(side, from: sender, host.targets, scanned)))
          result.probes += host.targets.filter { $0.family == sender.family }.count * scanned.count
        }
        result.sides += 1
        problems += compare(claims.filter { $0.side == side.name }, found, host, side.name, &result)
      }
    }
    for side in plan.network.interfaces.map(\.name) {
      try explain(problems.filter { $0.claim.side == side }, &result)
    }
    return result
  }

  /// What the audit says of the host.
  func claims() throws -> [Claim] { try onHost { host, _ in try claims(host) } }

  /// What the audit says, for each side with the routes with which that side is scanned.
  private func claims(_ host: ScannedHost) throws -> [Claim] {
    var audited = try HostReading.read().host
    // The machine has other namespaces, which are no containers of this host.
    let own = Set(host.servers.filter(\.areContainers).map(\.identity))
    audited.survey = HostSurvey(
      host: audited.survey.host, others: audited.survey.others.filter { own.contains($0.identity) })
    audited.otherTables = audited.otherTables.filter { own.contains($0.key) }
    guard audited.survey.others.count == own.count else {
      throw ScannedHost.Failure(description: "the survey does not find the containers")
    }
    return try host.sides.flatMap { side in
      try host.select(side)
      audited.environment = try LiveHostEnvironment()
      return Audit(of: audited, by: nil).exposures.flatMap { claims(of: $0, side.name, host) }
    }
  }

  private func claims(of exposure: Exposure, _ side: String, _ host: ScannedHost) -> [Claim] {
    let listener = exposure.listener
    guard listener.protocol == .tcp || listener.protocol == .udp,
      let reach = exposure.reachable.first(where: { $0.zone == side })
    else { return [] }
    var addresses = host.network.own.compactMap { IPAddress($0) }
    if case .named(let name) = exposure.place {
      addresses = host.servers.first { "behind-\($0.side)" == name }?.addresses ?? []
    }
    let destinations = addresses.filter {
      listener.isWildcard ? listener.serves($0.family) : $0 == listener.address
    }
    return ports.all.filter { (listener.port...exposure.lastPort).contains($0) }.map { port in
      Claim(
        ruleset: ruleset.name, side: side, transport: listener.protocol, port: port,
        destinations: destinations,
        what:
          "\(listener.address) of the \(exposure.place)\(exposure.published.map { " (to \($0.text))" } ?? "")",
        verdict: reach.verdict, words: reach.words, isPublished: exposure.published != nil)
    }
  }

  private func compare(
    _ claims: [Claim], _ found: [(sender: IPAddress, open: Set<Nmap.Open>)], _ host: ScannedHost,
    _ side: String,
    _ result: inout Result
  ) -> [Difference] {
    var problems: [Difference] = []
    var rest = found.reduce(into: Set<Nmap.Open>()) { $0.formUnion($1.open) }
    for claim in claims {
      let own = Set(
        claim.destinations.map { Nmap.Open(address: $0, transport: claim.transport, port: claim.port) })
      rest.subtract(own)
      let before = result.open + result.closed
      defer { if claim.isPublished { result.published += result.open + result.closed - before } }
      let open = found.flatMap { one in one.open.intersection(own).map { "\($0.address) from \(one.sender)" }
      }
      switch claim.verdict {
      case .undetermined: result.undetermined[claim.words, default: 0] += 1
      case .accept where open.isEmpty:
        if let place = absent(claim.words, host) {
          result.notCompared["the test has no server at \(place)", default: 0] += 1
        } else {
          problems.append(Difference(claim: claim, open: []))
        }
      case .accept: result.open += 1
      default:
        if open.isEmpty { result.closed += 1 } else { problems.append(Difference(claim: claim, open: open)) }
      }
    }
    for cell in rest.sorted(by: { ($0.address, $0.port) < ($1.address, $1.port) }) {
      let isListed = claims.contains {
        $0.isPublished && $0.verdict == .accept && ($0.transport, $0.port) == (cell.transport, cell.port)
      }
      problems.append(
        Difference(
          claim: Claim(
            ruleset: ruleset.name, side: side, transport: cell.transport, port: cell.port,
            destinations: [cell.address],
            what: "\(cell.address)", verdict: nil, words: "", isPublished: isListed),
          open: ["\(cell.address)"]))
    }
    return problems
  }

  /// The place to which the audit says that the packets are forwarded, if the test has no server there.
  private func absent(_ words: String, _ host: ScannedHost) -> String? {
    guard let begin = words.firstRange(of: "forwarded to "),
      let end = words.firstRange(of: ", which is not on this host")
    else { return nil }
    let place = words[begin.upperBound..<end.lowerBound]
    let parts = place.split(separator: " ")
    guard let address = parts.first.flatMap({ IPAddress($0) }), let port = parts.last.flatMap({ UInt16($0) }),
      ports.all.contains(port), host.servers.contains(where: { $0.addresses.contains(address) })
    else { return String(place) }
    return nil
  }

  /// Finds out what differences from one side come from: probes each port alone on a new host and, if it is still a
  /// difference, on one that has had no other packet.
  private func explain(_ problems: [Difference], _ result: inout Result) throws {
    if problems.isEmpty { return }
    var rest: [Difference] = []
    try onHost { host, _ in
      for problem in problems {
        if let reason = try reason(problem.claim, host).reason {
          result.explained[reason, default: []].append(problem)
        } else {
          rest.append(problem)
        }
      }
    }
    var confirmed = 0
    for problem in rest {
      // Two are enough to fail.
      guard confirmed < 2 else {
        result.differences.append(problem)
        continue
      }
      let (reason, open) = try onHost { host, _ in try self.reason(problem.claim, host) }
      let again = Difference(claim: problem.claim, open: open)
      if let reason {
        result.explained[reason, default: []].append(again)
      } else {
        result.differences.append(again)
        confirmed += 1
      }
    }
  }

  /// What a difference comes from, and what is open if the port is probed alone.
  private func reason(_ claim: Claim, _ host: ScannedHost) throws -> (reason: String?, open: [String]) {
    guard let side = host.sides.first(where: { $0.name == claim.side }) else { return (nil, []) }
    try host.select(side)
    let scanned =
      claim.transport == .tcp
      ? Nmap.Ports(tcp: [claim.port], udp: []) : Nmap.Ports(tcp: [], udp: [claim.port])
    var open: [String] = []
    // What was open must be closed twice.
    let times = claim.verdict == .accept ? 1 : 2
    let isDelivered = try host.isDelivered(claim.transport) {
      for sender in side.senders + (times == 2 ? side.senders : []) where times == 1 || open.isEmpty {
        open += try host.scan(side, from: sender, claim.destinations, scanned).map {
          "\($0.address) from \(sender)"
        }
      }
    }
    if (claim.verdict == .accept) == !open.isEmpty { return ("not if it is probed alone", open) }
    if claim.verdict == nil, claim.isPublished {
      return ("the rules translate it at every address, and the audit lists it at those of the host", open)
    }
    return claim.verdict == .accept && isDelivered
      ? ("the packet is delivered, and its answer does not come back", open) : (nil, open)
  }
}

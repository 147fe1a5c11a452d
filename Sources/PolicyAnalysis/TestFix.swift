// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyLanguage

/// What would make a test hold that does not: which line to add, which one stands in the way, which one to take out.
struct TestFix {
  let policy: Policy
  let match: GrantMatch
  let source: GrantSource
  let target: GrantTarget
  package let service: Service
  let path: PacketPath

  /// The grants that speak of the packet, and their parts that do.
  private var granting: [(grant: Int, combinations: [GrantMatch.Combination])] {
    let packet = path.packet
    let space = PacketSpace(packet.family, input: .present, output: .present).narrowed([
      (.source, IntervalSet(packet.source.bits)), (.destination, IntervalSet(packet.destination.bits)),
      (.service, IntervalSet(PacketSpace.Service.number(packet))),
    ])
    return match.combinations(
      space.map { [$0] } ?? [], to: target, of: service, by: path.zone)
  }

  /// For a packet that should be let in and is not. `decided` is where and why it was stopped.
  func toAllow(stoppedBy decided: SiteView.Decision) -> String {
    let granting = granting.map { match.grants[$0.grant] }
    let add =
      "add to 'allow': "
      + PolicyWords.grant(to: PolicyWords.text(target), services: service.name, from: sourceOfGrant)
    guard let obstacle = Self.obstacle(decided) ?? obstacleBehind else {
      guard let grant = granting.first else { return add }
      return "line \(grant.location.line) grants it, but not on \(path.zone.name): \(add)"
    }
    if let grant = granting.first {
      return "\(obstacle); the grant of line \(grant.location.line) does not reach past it"
    }
    return "\(obstacle), and no line grants it"
  }

  /// For a packet that should not be let in and is. `decided` is what let it in.
  func toDeny(letInBy decided: SiteView.Decision) -> String {
    var lines = Set(decided.lines)
    var grants: [Grant] = match.grants(onLines: decided.lines).map { match.grants[$0] }
    for (index, _) in granting {
      let grant = match.grants[index]
      if lines.insert(grant.location.line).inserted { grants.append(grant) }
    }
    grants.sort { $0.location < $1.location }
    guard let first = grants.first else {
      return decided.lines.isEmpty
        ? "it is built in (\(decided.reason)), and no line of the policy closes it"
        : "line \(Self.list(decided.lines)) lets it in (\(decided.reason)): it would have to go"
    }
    if grants.count > 1 {
      return
        "lines \(Self.list(grants.map(\.location.line))) let it in: each would have to go, or be narrowed"
    }
    let narrower = narrowing(first)
    return "line \(first.location.line) lets it in: take it out"
      + (narrower.isEmpty ? "" : ", or narrow it to leave out \(narrower.joined(separator: " or "))")
  }

  /// The words of a grant that could be left out of it, and others stay.
  private func narrowing(_ grant: Grant) -> [String] {
    let combinations =
      granting
      .first { match.grants[$0.grant].location == grant.location }?.combinations
    guard let parts = combinations?.first else { return [] }
    var words: [String] = []
    if grant.services.count > 1 { words.append("'\(grant.services[parts.service].name)'") }
    if grant.from.count > 1 { words.append("'\(PolicyWords.text(grant.from[parts.source]))' in 'from'") }
    if grant.to.count > 1 { words.append("'\(PolicyWords.text(grant.to[parts.target]))' in 'to'") }
    return words
  }

  /// Who a grant must name to let in this packet: a machine is known by its name on tunnels alone.
  private var sourceOfGrant: String {
    let isTunnel = path.zone.kind == .tunnel
    switch source {
    case .machine(let name) where !isTunnel:
      // Its address says less than the whole zone.
      if case .addresses(let own)? = policy.machine(named: name)?.endpoint,
        own.contains(path.packet.source)
      {
        return path.packet.source.description
      }
      return path.zone.name
    case .tunnel where !isTunnel: return path.zone.name
    // Inside a tunnel machines are known by name.
    case .prefix(let prefix):
      guard let tunnel = policy.tunnels.first(where: { $0.prefixes.contains { $0.contains(prefix) } }) else {
        return PolicyWords.text(source)
      }
      let owner = policy.machines.first { $0.addresses(in: tunnel.name).contains { Prefix($0) == prefix } }
      return owner?.name ?? tunnel.name.description
    case .machine, .machineZone, .tunnel, .zone, .list: return PolicyWords.text(source)
    }
  }

  /// What would stop the packet next, were it granted: a packet to a closed port is dropped before its source is asked
  /// for.
  private var obstacleBehind: String? {
    let zone = path.zone
    if zone.kind == .tunnel { return nil }
    let address = path.packet.source
    if let tunnel = policy.tunnels.first(where: { $0.prefixes.contains { $0.contains(address) } }) {
      return
        "line \(tunnel.location.line) stands in the way (an address of \(tunnel.name) is believed on it alone)"
    }
    if let line = zone.line, zone.kind == .containers, !zone.prefixes.isEmpty,
      !zone.prefixes.contains(where: { $0.contains(address) })
    {
      return "line \(line) stands in the way (source that zone \(zone.name) does not have)"
    }
    if let block = policy.block.first(where: { policy.list(named: $0.name)?.holds(address) == true }) {
      return "line \(block.location.line) stands in the way (blocked list \(block.name))"
    }
    guard
      let line = policy.encryptions.first(where: { line in
        line.machines.contains(target.machine)
          && line.machines.contains { name in
            if case .addresses(let own)? = policy.machine(named: name)?.endpoint {
              own.contains(address)
            } else {
              false
            }
          }
      })
    else { return nil }
    return "line \(line.location.line) stands in the way (encrypt: on \(line.tunnel) or not at all)"
  }

  /// What stands in the way beside that nothing is granted; nil where that is all.
  private static func obstacle(_ decided: SiteView.Decision) -> String? {
    if DropReason(counter: decided.counter).final == nil { return nil }
    if decided.lines.isEmpty { return "what is built in stands in the way (\(decided.reason))" }
    return "line \(list(decided.lines)) stands in the way (\(decided.reason))"
  }

  private static func list(_ lines: [Int]) -> String {
    let sorted = Set(lines).sorted().map { String($0) }
    guard let last = sorted.last, sorted.count > 1 else { return sorted.first ?? "" }
    return "\(sorted.dropLast().joined(separator: ", ")) and \(last)"
  }
}

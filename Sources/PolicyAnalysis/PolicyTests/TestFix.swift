// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyLanguage

/// What would make a failed test pass: the line to add, the line that blocks the packet, or the line to
/// remove.
struct TestFix {
  let policy: Policy
  let match: GrantMatch
  let source: GrantSource
  let target: GrantTarget
  package let service: Service
  let path: PacketPath
  /// Tries lines on every machine of the packet path.
  let trial: PathTrial

  /// The grants that match the packet, with the matching combinations.
  private var granting: [(grant: Int, combinations: [GrantMatch.Combination])] {
    let packet = path.packet
    let space = PacketSpace(packet.family, input: .present, output: .present).narrowed([
      (.source, IntervalSet(packet.source.bits)), (.destination, IntervalSet(packet.destination.bits)),
      (.service, IntervalSet(PacketSpace.Service.number(packet))),
    ])
    return match.combinations(
      space.map { [$0] } ?? [], to: target, of: service, by: path.zone)
  }

  /// The fix for a packet that should be accepted and is not. `decided` is what dropped it.
  func toAllow(stoppedBy decided: SiteView.Decision) -> String {
    let granting = granting.map { match.grants[$0.grant] }
    guard let obstacle = Self.obstacle(decided) ?? obstacleBehind else {
      let add = self.add
      guard let grant = granting.first else { return add }
      return "line \(grant.location.line) grants it, but not on \(path.zone.name): \(add)"
    }
    if let grant = granting.first {
      return "\(obstacle); the grant of line \(grant.location.line) does not override this"
    }
    return "\(obstacle), and no grant matches it"
  }

  /// The line to add. It was tried: the packet passes with it.
  private var add: String {
    var lines = [GrantLine(to: target, service: service, from: sourceOfGrant)]
    if let view = trial.view(of: target.machine), let input = view.interface(of: path.zone) {
      let isLocal = if case .machine = target { true } else { false }
      let candidates = GrantCandidates(
        view,
        RefusedPacket(
          zone: path.zone, input: input, source: path.packet.source, destination: path.packet.destination,
          transport: path.packet.transport, port: path.packet.destinationPort,
          route: path.isOutbound ? .sent : isLocal ? .local : .through(nil)))
      lines += candidates.pairs.filter { $0.target == target }.map {
        GrantLine(to: target, service: service, from: $0.source)
      }
    }
    guard let line = lines.unique.first(where: { trial.passes($0) }) else {
      return "no single line of 'allow' lets it in: see its walk"
    }
    return "add to 'allow': \(line.text)"
  }

  /// The fix for a packet that should not be accepted and is. `decided` is what accepted it.
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
        ? "a built-in rule accepts it (\(decided.reason)), and no line of the policy can deny it"
        : "line \(Self.list(decided.lines)) lets it in (\(decided.reason)): remove the line"
    }
    if grants.count > 1 {
      return
        "lines \(Self.list(grants.map(\.location.line))) let it in: remove or narrow each line"
    }
    let narrower = narrowing(first)
    return "line \(first.location.line) lets it in: remove the line"
      + (narrower.isEmpty ? "" : ", or narrow it to exclude \(narrower.joined(separator: " or "))")
  }

  /// The words that can be removed from a grant so that others remain.
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

  /// The source that a grant must name to accept this packet. Only on tunnels, a machine is identified by its
  /// name.
  private var sourceOfGrant: GrantSource {
    let isTunnel = path.zone.kind == .tunnel
    switch source {
    case .machine(let name) where !isTunnel:
      // Its address is narrower than the whole zone.
      if case .addresses(let own)? = policy.machine(named: name)?.endpoint,
        own.contains(path.packet.source)
      {
        return .prefix(Prefix(path.packet.source))
      }
      return .zone(path.zone.name)
    case .tunnel where !isTunnel: return .zone(path.zone.name)
    // Inside a tunnel, machines are identified by name.
    case .prefix(let prefix):
      guard let tunnel = policy.tunnels.first(where: { $0.prefixes.contains { $0.contains(prefix) } }) else {
        return source
      }
      let owner = policy.machines.first { $0.addresses(in: tunnel.name).contains { Prefix($0) == prefix } }
      return owner.map { .machine($0.name) } ?? .tunnel(tunnel.name)
    case .machine, .machineZone, .tunnel, .zone, .list, .anywhere: return source
    }
  }

  /// What would drop the packet if it were granted: a packet to a closed port is dropped before its source is
  /// evaluated.
  private var obstacleBehind: String? {
    let zone = path.zone
    if zone.kind == .tunnel { return nil }
    let address = path.packet.source
    if let tunnel = policy.tunnels.first(where: { $0.prefixes.contains { $0.contains(address) } }) {
      return
        "line \(tunnel.location.line) blocks it (an address of \(tunnel.name) is accepted only there)"
    }
    if let line = zone.line, zone.kind == .containers, !zone.prefixes.isEmpty,
      !zone.prefixes.contains(where: { $0.contains(address) })
    {
      return "line \(line) blocks it (source outside the prefixes of zone \(zone.name))"
    }
    if let block = policy.block.first(where: { policy.list(named: $0.name)?.holds(address) == true }) {
      return "line \(block.location.line) blocks it (blocked list \(block.name))"
    }
    guard
      let line = policy.encryptions.first(where: { line in
        line.machines.contains(target.machine)
          && line.machines.contains { name in
            guard case .addresses(let own)? = policy.machine(named: name)?.endpoint else { return false }
            return !line.shared.contains(name) && own.contains(address)
          }
      })
    else { return nil }
    return "line \(line.location.line) blocks it (encrypt: only through \(line.tunnel))"
  }

  /// What blocks the packet apart from a missing grant; nil if only the grant is missing.
  private static func obstacle(_ decided: SiteView.Decision) -> String? {
    if let cause = decided.cause, DropWords(cause).final == nil { return nil }
    if decided.lines.isEmpty { return "a built-in rule blocks it (\(decided.reason))" }
    return "line \(list(decided.lines)) blocks it (\(decided.reason))"
  }

  private static func list(_ lines: [Int]) -> String {
    let sorted = Set(lines).sorted().map { String($0) }
    guard let last = sorted.last, sorted.count > 1 else { return sorted.first ?? "" }
    return "\(sorted.dropLast().joined(separator: ", ")) and \(last)"
  }
}

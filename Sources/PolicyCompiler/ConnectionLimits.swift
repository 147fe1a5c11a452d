// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// Grants with `limit`: a source above its limit is treated as if the grant did not exist. Another grant may still let it
/// in, so the order of the grants does not matter.
extension RulesetBuilder {
  /// The rules that accept by a grant with a limit: one that leaves the chain if a new connection is above it, and one
  /// that accepts. They are a chain of their own.
  private mutating func limitedRules(_ entry: GrantEntry, _ limit: ConnectionLimit) -> [Rule] {
    var rules: [Rule] = []
    for family in AddressFamily.allCases where entry.sources.families.contains(family) {
      let name = "limit-\(entry.counter)-\(family == .ipv4 ? "v4" : "v6")"
      add(NamedSet.budgets(name, family, limit))
      rules.append(
        Rule(
          // Until the other side answers, later packets of a connection are new too, but confirmed.
          [.ctState(.new), .ctStatusNone(.confirmed), .aboveLimit(family, set: name, limit)], action: .return,
          origin: Origin(
            file: entry.origin.file, lines: entry.origin.lines, reason: "above \(limit.text) of one source")))
    }
    return rules + [Rule([], count: count(entry), action: .accept, origin: entry.origin)]
  }

  /// The chain that accepts by a grant with a limit; added once.
  mutating func limitedChain(_ entry: GrantEntry, _ limit: ConnectionLimit) -> String {
    let name = "limited/\(entry.counter.dropFirst("allow-".count))"
    if !hasChain(name) {
      // All entries of a grant share the budgets, so the chain is for both families.
      var whole = entry
      whole.sources = .anyone
      add(RuleChain(name: name, rules: limitedRules(whole, limit)))
    }
    return name
  }

  /// Rules for what no grant accepted: if a grant with a limit is for such packets, they are above its limit.
  mutating func excessRules(_ entries: [GrantEntry], to destinations: [Match] = []) -> [Rule] {
    entries.flatMap { entry -> [Rule] in
      guard let limit = entry.limit else { return [] }
      let origin = Origin(
        file: entry.origin.file, lines: entry.origin.lines, reason: "above \(limit.text) of one source")
      let label = String(entry.counter.dropFirst("allow-".count))
      let end = excessEnd(entry, DropCause(.aboveLimit, label), origin)
      return portMatches(entry).flatMap { ports in
        sourceMatches(entry).flatMap { source in
          (destinations.isEmpty ? [[]] : destinations.map { [$0] }).map { destination in
            Rule(
              [.ctState(.new)] + destination + source + ports + end.matches, action: end.action,
              origin: origin)
          }
        }
      }
    }
  }

  /// The same for packets to a destination, of which `chain` judges the packets.
  mutating func excessRules(
    _ entries: [GrantEntry], to destination: TransitDestination, in chain: String
  ) -> [Rule] {
    guard entries.contains(where: { $0.limit != nil }) else { return [] }
    guard destination.isOutside else {
      return excessRules(
        entries,
        to: memberships(of: destination.prefixes, .destination, set: "limited-to-\(destination.label)"))
    }
    let name = "\(chain)/above-limit-\(destination.label)"
    let origin = Origin(reason: "above the limit of a grant to \(destination.label)")
    add(RuleChain(name: "\(name)/grants", rules: excessRules(entries)))
    addOutside(name, destination, .jump("\(name)/grants"), origin)
    return [Rule([], action: .jump(name), origin: origin)]
  }

  /// The rule that drops what is above the limit of a grant, for its ports and sources. A grant for every address but some
  /// has a chain that returns for these.
  private mutating func excessEnd(_ entry: GrantEntry, _ cause: DropCause, _ origin: Origin) -> Rule {
    let end = drop([], cause, origin)
    guard case .outside(let prefixes) = entry.sources else { return end }
    return outsideRule("\(cause.name)/outside-\(entry.number)", prefixes, end)
  }

  private func portMatches(_ entry: GrantEntry) -> [[Match]] {
    conditions(Set(entry.services.flatMap(\.ports)).sorted())
  }

  /// The conditions for the packets to some ports, each for a rule of its own.
  func conditions(_ ports: [ServicePort]) -> [[Match]] {
    ports.flatMap { port -> [[Match]] in
      switch port {
      case .ports(let transport, let range): [[.port(transport, .destination, range)]]
      case .protocol(let number): [[.transport(.equal, number)]]
      case .echoRequest: [[.icmpType(.ipv4, 8...8)], [.icmpType(.ipv6, 128...128)]]
      case .everything: [[]]
      }
    }
  }

  /// The conditions for the sources of a grant, each for a rule of its own.
  private mutating func sourceMatches(_ entry: GrantEntry) -> [[Match]] {
    switch entry.sources {
    case .anyone, .outside: [[]]
    case .addresses(let addresses):
      memberships(of: addresses.map { Prefix($0) }, .source, set: "limited-\(entry.number)").map { [$0] }
    case .prefixes(let prefixes):
      memberships(of: prefixes, .source, set: "limited-\(entry.number)").map { [$0] }
    case .list(let list): memberships(ofList: list, .source).map { [$0] }
    }
  }
}

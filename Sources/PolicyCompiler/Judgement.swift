// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// The chain that checks packets by port, then by source: what a zone may reach at one destination.
///
/// A packet costs two lookups, however many grants there are: its port leads to the chain of the ports that
/// the same grants open, and its source leads there to the grant's counter.
extension RulesetBuilder {
  /// The longest range of ports that becomes elements of the map; a longer range becomes a rule.
  static let longestExpansion = 64

  /// Which port of a packet is checked.
  enum JudgedPort {
    /// The port in its header.
    case current
    /// The port that its sender used, before any translation.
    case original
  }

  /// Adds the chain and everything that it leads to. Packets that no grant lets in reach its end, where
  /// `rest` is.
  mutating func judge(
    _ name: String, _ entries: [GrantEntry], by judged: JudgedPort = .current, rest: [Rule]
  ) {
    var rules: [Rule] = []
    var records: [UInt8] = []
    var values: [ElementValue] = []
    var ranges: [Rule] = []
    var others: [Rule] = []
    var everything: [Rule] = []
    for portClass in PortClasses(entries).classes {
      let members = portClass.entries.map { entries[$0] }
      let chain = grantChain(name, portClass.label, members)
      let origin = origin(of: members, portClass.label)
      for (number, range) in portClass.ports {
        // nft has no syntax for a map by the original port.
        if judged == .current, range.count <= Self.longestExpansion {
          for port in range.lower...range.upper {
            records += SetKey.port(number, port) + [0]
            values.append(.verdict(.jump(chain: chain)))
          }
        } else {
          let match: Match =
            judged == .current ? .port(number, .destination, range) : .originalPort(number, range)
          ranges.append(Rule([match], action: .jump(chain), origin: origin))
        }
      }
      for number in portClass.protocols {
        others.append(Rule([.transport(.equal, number)], action: .jump(chain), origin: origin))
      }
      if portClass.hasEcho {
        others.append(Rule([.icmpType(.ipv4, 8...8)], action: .jump(chain), origin: origin))
        others.append(Rule([.icmpType(.ipv6, 128...128)], action: .jump(chain), origin: origin))
      }
      if portClass.hasEverything { everything.append(Rule([], action: .jump(chain), origin: origin)) }
    }
    if !values.isEmpty {
      let map = "\(name)/ports"
      let elements = SetElements(
        keyLength: NamedSet.Key.transportAndPort.length, unsorted: records, values: values)
      add(NamedSet(name: map, key: .transportAndPort, kind: .verdicts, elements: elements))
      rules.append(Rule([], action: .byPort(map: map), origin: Origin(reason: "by protocol and port")))
    }
    add(RuleChain(name: name, rules: rules + ranges + others + everything + rest))
  }

  /// The chain of ports that the same grants open: lets in the sources of these grants. Added once for the
  /// same grants.
  private mutating func grantChain(_ judge: String, _ label: String, _ entries: [GrantEntry]) -> String {
    let numbers = entries.map(\.number)
    if let known = grantChains[numbers] { return known }
    // What is open in every zone has one chain for all zones.
    let name = "\(entries.allSatisfy(\.isEverywhere) ? "any" : judge)/\(label)"
    grantChains[numbers] = name
    var rules: [Rule] = []
    // Grants without a limit come first: what they accept does not count for a limit.
    let limited = entries.filter { $0.limit != nil }
    let entries = entries.filter { $0.limit == nil }
    let exact = entries.filter { if case .addresses = $0.sources { true } else { false } }
    for family in AddressFamily.allCases {
      var records: [UInt8] = []
      var values: [ElementValue] = []
      var used: [GrantEntry] = []
      for entry in exact {
        guard case .addresses(let addresses) = entry.sources else { continue }
        let own = addresses.filter { $0.family == family }
        if own.isEmpty { continue }
        used.append(entry)
        let counter = grantCounter(entry)
        for address in own {
          records += address.bytes
          records.append(0)
          values.append(.object(counter))
        }
      }
      if values.isEmpty { continue }
      let map = "\(name)-\(family == .ipv4 ? "v4" : "v6")"
      let elements = SetElements(keyLength: family.byteWidth, unsorted: records, values: values)
      add(NamedSet(name: map, key: .address(family), kind: .counters, elements: elements))
      rules.append(
        Rule([], count: .bySource(family, map: map), action: .accept, origin: origin(of: used, nil)))
    }
    for entry in entries {
      let matches: [Match]?
      switch entry.sources {
      case .addresses: continue
      case .anyone: matches = nil
      case .prefixes(let prefixes):
        matches = memberships(of: prefixes, .source, set: "\(name)-\(entry.counter)")
      case .list(let list): matches = memberships(ofList: list, .source)
      case .outside(let prefixes):
        rules.append(outsideRule(name, entry, prefixes))
        continue
      }
      let count = count(entry)
      for match in matches ?? [] {
        rules.append(Rule([match], count: count, action: .accept, origin: entry.origin))
      }
      if matches == nil {
        rules.append(Rule(conditions(entry), count: count, action: .accept, origin: entry.origin))
        // After a grant for everyone no other grant can decide.
        if entry.condition == .none { break }
      }
    }
    if rules.last?.isUnconditional != true { rules += limited.flatMap { limitedRules(name, $0) } }
    add(RuleChain(name: name, rules: rules))
    return name
  }

  /// Sends the sources of a grant with a limit to the chain that counts their connections.
  private mutating func limitedRules(_ chain: String, _ entry: GrantEntry) -> [Rule] {
    guard let limit = entry.limit else { return [] }
    let target = limitedChain(entry, limit)
    let matches: [Match]
    switch entry.sources {
    case .anyone: return [Rule([], action: .jump(target), origin: entry.origin)]
    case .addresses(let addresses):
      matches = memberships(of: addresses.map { Prefix($0) }, .source, set: "\(chain)-\(entry.counter)")
    case .prefixes(let prefixes):
      matches = memberships(of: prefixes, .source, set: "\(chain)-\(entry.counter)")
    case .list(let list): matches = memberships(ofList: list, .source)
    case .outside(let prefixes):
      let last = Rule([], action: .goto(target), origin: entry.origin)
      return [outsideRule("\(chain)/outside-\(entry.number)", prefixes, last)]
    }
    return matches.map { Rule([$0], action: .jump(target), origin: entry.origin) }
  }

  /// Sends every source that is not in these prefixes to a chain that counts and accepts it.
  private mutating func outsideRule(_ chain: String, _ entry: GrantEntry, _ prefixes: [Prefix]) -> Rule {
    let last = Rule([], count: count(entry), action: .accept, origin: entry.origin)
    return outsideRule("\(chain)/outside-\(entry.number)", prefixes, last)
  }

  /// Sends every source that is not in these prefixes to a rule: it is the last of a chain of this name.
  mutating func outsideRule(_ name: String, _ prefixes: [Prefix], _ last: Rule) -> Rule {
    if !hasChain(name) {
      let inside = memberships(of: prefixes, .source, set: "\(name)-except")
      add(
        RuleChain(
          name: name,
          rules: inside.map { Rule([$0], action: .return, origin: Origin(reason: "has a home elsewhere")) }
            + [last]))
    }
    return Rule([], action: .jump(name), origin: last.origin)
  }

  private func conditions(_ entry: GrantEntry) -> [Match] {
    switch entry.condition {
    case .none: []
    case .dhcp: PortRange(67).map { [.port(.udp, .source, $0)] } ?? []
    case .dhcpv6:
      PortRange(547).map { [.address(.source, .equal, LinkLocal.ipv6), .port(.udp, .source, $0)] } ?? []
    }
  }

  /// The origin of a rule that several grants share.
  private func origin(of entries: [GrantEntry], _ label: String?) -> Origin {
    let lines = Set(entries.flatMap(\.origin.lines)).sorted()
    let reasons = entries.map(\.origin.reason)
    let reason =
      label ?? (Set(reasons).count == 1 ? reasons.first ?? "" : "\(reasons.first ?? "") and others")
    return lines.isEmpty
      ? Origin(reason: reason) : Origin(file: site.policy.path, lines: lines, reason: reason)
  }
}

/// Addresses that are valid only on their link.
enum LinkLocal {
  /// fe80::/10 (RFC 4291 section 2.5.6).
  static let ipv6 = Prefix(
    containing: IPAddress(family: .ipv6, bits: UInt128(0xfe80) << 112), length: 10)
  /// 169.254.0.0/16 (RFC 3927 section 2.1).
  static let ipv4 = Prefix(containing: IPAddress(family: .ipv4, bits: 0xa9fe_0000), length: 16)
  /// All addresses that belong to the zone of the input interface.
  static let all = [ipv4, ipv6] + unspecified
  /// The unspecified addresses: a host that has no address yet.
  static let unspecified = [
    Prefix(IPAddress(family: .ipv4, bits: 0)), Prefix(IPAddress(family: .ipv6, bits: 0)),
  ]
}

extension Rule {
  /// Whether it accepts every packet.
  fileprivate var isUnconditional: Bool { matches.isEmpty && action == .accept && count?.isNamed == true }
}

extension Count {
  /// Whether it counts every packet.
  fileprivate var isNamed: Bool { if case .named = self { true } else { false } }
}

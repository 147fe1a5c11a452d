// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// A ruleset under construction. Each base chain is in a file of its own.
struct RulesetBuilder {
  let site: Site
  let restriction: Restriction
  let live: LiveFacts
  let mode: EnforcementMode
  private(set) var chains: [RuleChain] = []
  private var chainNames: Set<String> = []
  private var sets: [String: NamedSet] = [:]
  private var counters: [String: NamedCounter] = [:]
  /// The sets of each list that is in use.
  private var lists: [String: [AddressFamily: [PrefixLayout.Part]]] = [:]
  /// The chain for packets to others with these grants (their numbers), so that equal chains are added once.
  var judgements: [[Int]: String] = [:]
  /// The chain of ports that these grants open, for the same reason.
  var grantChains: [[Int]: String] = [:]

  init(site: Site, restriction: Restriction, live: LiveFacts, mode: EnforcementMode) {
    self.live = live
    self.mode = mode
    self.site = site
    self.restriction = restriction
  }

  var ruleset: Ruleset {
    let base = chains.filter { $0.base != nil }
    let others = chains.filter { $0.base == nil }.sorted { $0.name < $1.name }
    return Ruleset(
      chains: base + others, sets: sets.values.sorted { $0.name < $1.name },
      counters: counters.values.sorted { $0.name < $1.name })
  }

  package mutating func add(_ chain: RuleChain) {
    chains.append(chain)
    chainNames.insert(chain.name)
  }

  /// Whether there is a chain of this name.
  func hasChain(_ name: String) -> Bool { chainNames.contains(name) }

  package mutating func add(_ set: NamedSet) { sets[set.name] = set }

  /// The counter of a grant, added to the ruleset.
  mutating func count(_ entry: GrantEntry) -> Count {
    grantCounter(entry)
    return .named(entry.counter)
  }

  /// Adds the counter of a grant to the ruleset and returns its name. Grants with the same meaning share one.
  @discardableResult
  mutating func grantCounter(_ entry: GrantEntry) -> String {
    if let known = counters[entry.counter] {
      if known.origin.lines != entry.origin.lines {
        counters[entry.counter]?.origin.lines = Set(known.origin.lines + entry.origin.lines).sorted()
      }
    } else {
      counters[entry.counter] = NamedCounter(name: entry.counter, purpose: .grant, origin: entry.origin)
    }
    return entry.counter
  }

  /// The policy of a base chain whose rules drop what no rule accepted.
  var usualPolicy: BasePolicy { mode == .enforcing ? .drop : .accept }

  /// A rule for packets that are logged, counted and then stopped by this ending, in a chain to which all rules with
  /// this cause and origin lead: the log needs no condition of its own. Above `rate` they get no answer. In observe mode
  /// they are accepted instead.
  mutating func drop(
    _ matches: [Match] = [], _ cause: DropCause, _ origin: Origin, by ending: DropChainName.Ending = .drop,
    at rate: PacketRate? = nil
  ) -> Rule {
    let counter = NamedCounter(cause, origin: origin)
    if counters[counter.name] == nil { counters[counter.name] = counter }
    // nft tests the protocol before anything else in a rule that resets.
    let needed: [Match] = ending == .reset ? [.transport(.equal, .tcp)] : []
    let action: Action =
      switch (mode, ending) {
      case (.observing, _): .accept
      case (.enforcing, .drop): .drop
      case (.enforcing, .reject): .reject
      case (.enforcing, .reset): .reset
      }
    var ends = [Rule(needed, count: .named(counter.name), action: action, origin: origin)]
    if let rate, mode == .enforcing {
      ends[0].matches.append(.belowRate(rate))
      ends.append(Rule([], count: .named(counter.name), action: .drop, origin: origin))
    }
    var (name, number) = (DropChainName(ending, mode, cause: cause.name).text, 1)
    // The same reason may have several lines of the policy: each has its own chain, so that a drop names its
    // line.
    while let known = chains.first(where: { $0.name == name }) {
      if Array(known.rules.dropFirst()) == ends {
        return Rule(matches, action: .goto(name), origin: origin)
      }
      number += 1
      name = DropChainName(ending, mode, cause: "\(cause.name)/\(number)").text
    }
    let log = Rule([], log: DropLog(prefix: name), action: nil, origin: Origin(reason: "log dropped packets"))
    add(RuleChain(name: name, rules: [log] + ends))
    return Rule(matches, action: .goto(name), origin: origin)
  }

  /// The counter of temporary grants, added to the ruleset.
  mutating func countOpened() -> Count {
    let name = "opened"
    counters[name] = NamedCounter(
      name: name, purpose: .grant, origin: Origin(reason: "temporary grants"))
    return .named(name)
  }

  /// The action for the packets of a zone, and its origin.
  typealias ZoneAction = (action: VerdictCode, origin: Origin)

  /// Rules that send the packets of each zone to the zone's own action: by input interface, and by source on
  /// an interface that two zones share.
  ///
  /// On an interface of a zone with prefixes, sources in them belong to that zone, and so do link-local and
  /// unspecified ones; others belong to `internet`. Every zone has an action: a zone without one would get
  /// that of `internet`, whose rule has no condition. `name` is the map's name and the prefix of the names of
  /// the chains that check sources.
  mutating func dispatch(map name: String, _ action: (inout RulesetBuilder, SiteZone) -> ZoneAction) -> [Rule]
  {
    let own = site.zones.map { zone in (zone: zone, decision: action(&self, zone)) }
    return dispatch(byInterface: name, bySource(map: name, own))
  }

  /// The actions of zones, of which those with prefixes on an interface that `internet` shares look at the source first.
  mutating func bySource(map name: String, _ own: [(zone: SiteZone, decision: ZoneAction)])
    -> [(zone: SiteZone, decision: ZoneAction)]
  {
    let internet = own.first { $0.zone.kind == .internet }?.decision
    return own.map { zone, decision in
      guard zone.kind == .network, !zone.prefixes.isEmpty, let internet, internet.action != decision.action
      else { return (zone, decision) }
      let chain = "\(name)-\(zone.identifier)/by-source"
      let origin = site.origin(zone.line, "zone \(zone.name)")
      let matches =
        memberships(of: zone.prefixes, .source, set: "home-\(zone.identifier)")
        + LinkLocal.all.map { .address(.source, .equal, $0) }
      let rules = matches.map { Rule([$0], action: Action(decision.action), origin: origin) }
      let others = Rule(
        [], action: Action(internet.action),
        origin: site.origin(zone.line, "sources outside zone \(zone.name)"))
      add(RuleChain(name: chain, rules: internet.action == .return ? rules : rules + [others]))
      return (zone, (internet.action == .return ? .jump(chain: chain) : .goto(chain: chain), origin))
    }
  }

  /// A verdict map by input interface over zones, rules for interface patterns, and the rule for all
  /// interfaces that no zone claims.
  mutating func dispatch(byInterface name: String, _ actions: [(zone: SiteZone, decision: ZoneAction)])
    -> [Rule]
  {
    var records: [UInt8] = []
    var values: [ElementValue] = []
    var patterns: [(start: InterfaceName, action: VerdictCode, origin: Origin)] = []
    var rest: [Rule] = []
    // Packets without a rule get the action of `internet`, which is last; if that is return, the chain ends
    // instead.
    let usual = actions.first { $0.zone.kind == .internet }?.decision.action
    for (zone, (action, origin)) in actions {
      if zone.kind != .internet, action == usual { continue }
      if zone.kind == .internet {
        if action != .return { rest.append(Rule([], action: Action(action), origin: origin)) }
        let isContainersAlike = actions.contains {
          $0.zone.kind == .containers && $0.decision.action == action
        }
        for interface in isContainersAlike ? [] : sharedBridges {
          records += SetKey.interface(interface) + [0]
          values.append(.verdict(action))
        }
      }
      for pattern in zone.interfaces {
        switch pattern {
        case .exact(let interface) where zone.kind == .containers && sharedBridges.contains(interface): break
        case .exact(let interface):
          records += SetKey.interface(interface) + [0]
          values.append(.verdict(action))
        case .beginning(let start): patterns.append((start, action, origin))
        }
      }
    }
    var rules: [Rule] = []
    if !values.isEmpty {
      let elements = SetElements(
        keyLength: NamedSet.Key.interfaceName.length, unsorted: records, values: values)
      add(NamedSet(name: name, key: .interfaceName, kind: .verdicts, elements: elements))
      rules.append(Rule([], action: .byInputInterface(map: name), origin: Origin(reason: "by interface")))
    }
    return rules + patternRules(map: "\(name)-patterns", patterns) + rest
  }

  /// The most patterns that have a rule each: a lookup of intervals costs about as much as three rules.
  private static let fewPatterns = 3

  /// The rules for interface patterns, which do not overlap: a rule for each if they are few, else a lookup.
  private mutating func patternRules(
    map name: String, _ patterns: [(start: InterfaceName, action: VerdictCode, origin: Origin)]
  ) -> [Rule] {
    guard patterns.count > Self.fewPatterns else {
      return patterns.map { start, action, origin in
        Rule([.interface(.input, .equal, .beginning(start))], action: Action(action), origin: origin)
      }
    }
    let length = NamedSet.Key.interfaceName.length
    // As nft writes it, the range before the first interval has an end too.
    var records = Array(repeating: UInt8(0), count: length) + [NFT.elementIntervalEnd]
    var values: [ElementValue] = [.none]
    for (start, action, _) in patterns {
      records += SetKey.interface(start) + [0]
      records += SetKey.afterInterfaces(beginning: start) + [NFT.elementIntervalEnd]
      values += [.verdict(action), .none]
    }
    let elements = SetElements(keyLength: length, unsorted: records, values: values)
    add(NamedSet(name: name, key: .interfaceName, kind: .verdicts, layout: .interval, elements: elements))
    return [
      Rule(
        [], action: .byInputInterface(map: name),
        origin: Origin(reason: "by beginning of the interface's name"))
    ]
  }

  /// The interfaces of networks on which packets may leave as they came: those that zones name exactly, and the host's
  /// bridges. In order.
  var sameInterface: [InterfaceName] {
    let named = site.zones.filter { $0.kind == .network }.flatMap(\.interfaces).compactMap { pattern in
      if case .exact(let name) = pattern { name } else { nil }
    }
    let inside = site.zones.filter { $0.kind == .tunnel || $0.kind == .containers }.flatMap(\.interfaces)
    let bridges = live.bridges.filter { bridge in !inside.contains { $0.matches(bridge) } }
    return bridges.union(named).union(sharedBridges).sorted()
  }

  /// The condition that a packet came by one of these interfaces; nil if there are none.
  mutating func cameBySameInterface() -> Match? {
    let interfaces = sameInterface
    guard let first = interfaces.first else { return nil }
    if interfaces.count == 1 { return .interface(.input, .equal, .exact(first)) }
    var records: [UInt8] = []
    for interface in interfaces { records += SetKey.interface(interface) + [0] }
    let set = NamedSet(
      name: "same-interface", key: .interfaceName, kind: .set,
      elements: SetElements(keyLength: NamedSet.Key.interfaceName.length, unsorted: records))
    add(set)
    return .interfaceSet(.input, .equal, set: set.name)
  }

  /// Lets packets pass that no grant lets in, with the tag: they may only stay on their interface.
  mutating func tagging(_ matches: [[Match]]) -> [Rule] {
    guard let came = cameBySameInterface() else { return [] }
    return matches.map {
      Rule(
        [came] + $0, tag: .set, action: .accept,
        origin: Origin(reason: "not granted: may only stay on its interface"))
    }
  }

  /// Bridges that the zone of containers names and that also have ports that do not belong to guests, in
  /// order.
  var sharedBridges: [InterfaceName] {
    let containers = site.zones.filter { $0.kind == .containers }.flatMap(\.interfaces)
    return live.sharedBridges.filter { bridge in containers.contains { $0.matches(bridge) } }.sorted()
  }

  /// The conditions for an address in one of these prefixes, each for a rule of its own: one per prefix if
  /// they are few, else one per set that contains them.
  mutating func memberships(
    of prefixes: [Prefix], _ side: AddressSide, set name: @autoclosure () -> String, inPlace: Int = 4
  ) -> [Match] {
    let disjoint = PrefixLayout.disjoint(prefixes)
    if disjoint.count <= inPlace { return disjoint.map { .address(side, .equal, $0) } }
    let name = name()
    return AddressFamily.allCases.flatMap { family -> [Match] in
      let own = disjoint.filter { $0.family == family }
      if own.isEmpty { return [] }
      return matches(PrefixLayout(name: name, family: family, prefixes: own).parts, family, side)
    }
  }

  /// The conditions for an address in a list.
  mutating func memberships(ofList name: String, _ side: AddressSide) -> [Match] {
    AddressFamily.allCases.flatMap { family -> [Match] in
      if lists[name]?[family] == nil {
        let prefixes = site.policy.list(named: name)?.prefixes.filter { $0.family == family } ?? []
        lists[name, default: [:]][family] =
          prefixes.isEmpty
          ? []
          : PrefixLayout(name: "list/\(Identifier.clean(name))", family: family, prefixes: prefixes).parts
      }
      return matches(lists[name]?[family] ?? [], family, side)
    }
  }

  private mutating func matches(
    _ parts: [PrefixLayout.Part], _ family: AddressFamily, _ side: AddressSide
  ) -> [Match] {
    parts.map { part in
      add(part.set)
      return .addressSet(family, side, set: part.set.name, maskLength: part.maskLength)
    }
  }
}

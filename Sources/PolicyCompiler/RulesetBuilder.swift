// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// A ruleset while it is put together. What each base chain does is in a file of its own.
struct RulesetBuilder {
  let site: Site
  let restriction: Restriction
  let live: LiveEndpoints
  private(set) var chains: [RuleChain] = []
  private var chainNames: Set<String> = []
  private var sets: [String: NamedSet] = [:]
  private var counters: [String: NamedCounter] = [:]
  /// The sets of each list that is in use.
  private var lists: [String: [AddressFamily: [PrefixLayout.Part]]] = [:]
  /// The chain that judges packets to others by these grants (their numbers), so that equal ones are made once.
  var judgements: [[Int]: String] = [:]
  /// The chain of ports that these grants open, likewise.
  var grantChains: [[Int]: String] = [:]

  init(site: Site, restriction: Restriction, live: LiveEndpoints) {
    self.live = live
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

  /// The counter of a grant, known from now on.
  mutating func count(_ entry: GrantEntry) -> Count {
    grantCounter(entry)
    return .named(entry.counter)
  }

  /// Makes the counter of a grant known, and names it. Grants that say the same share one.
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

  /// A rule whose packets are logged, counted and then stopped by the action (drop, reject or reset), in a chain that all
  /// rules of this reason and origin lead to: what is logged needs no condition of its own.
  mutating func drop(
    _ matches: [Match] = [], _ reason: String, _ origin: Origin, by action: Action = .drop
  ) -> Rule {
    let counter = "drop-\(reason)"
    if counters[counter] == nil {
      counters[counter] = NamedCounter(name: counter, purpose: .drop, origin: origin)
    }
    // nft asks for the protocol before anything else of a rule that resets.
    let needed: [Match] = action == .reset ? [.transport(.equal, .tcp)] : []
    let last = Rule(needed, count: .named(counter), action: action, origin: origin)
    let kind =
      switch action {
      case .reject: "reject"
      case .reset: "reset"
      default: "drop"
      }
    var (name, number) = ("\(kind)/\(reason)", 1)
    // The same reason may stand on several lines of the policy: each has a chain, so that what is dropped names its own.
    while let known = chains.first(where: { $0.name == name }) {
      if known.rules.last == last {
        return Rule(matches, action: .goto(name), origin: origin)
      }
      number += 1
      name = "\(kind)/\(reason)/\(number)"
    }
    let log = Rule([], log: DropLog(prefix: name), action: nil, origin: Origin(reason: "told to wgfence log"))
    add(RuleChain(name: name, rules: [log, last]))
    return Rule(matches, action: .goto(name), origin: origin)
  }

  /// The counter of what was opened for a time, known from now on.
  mutating func countOpened() -> Count {
    let name = "opened"
    counters[name] = NamedCounter(
      name: name, purpose: .grant, origin: Origin(reason: "opened for a time"))
    return .named(name)
  }

  /// What becomes of the packets of a zone, and why.
  typealias ZoneAction = (action: VerdictCode, origin: Origin)

  /// Rules by which the packets of each zone go to the zone's own action: by input interface, and on a card that two
  /// zones share by source.
  ///
  /// On an interface of a zone with prefixes, sources in them belong to that zone, link-local and unspecified ones too;
  /// others belong to `internet`. Every zone has an action: one without would share that of `internet`, whose rule has
  /// no condition. `name` is the map's, and begins the names of the chains that look at sources.
  mutating func dispatch(map name: String, _ action: (inout RulesetBuilder, SiteZone) -> ZoneAction) -> [Rule]
  {
    let own = site.zones.map { zone in (zone: zone, decision: action(&self, zone)) }
    let internet = own.first { $0.zone.kind == .internet }?.decision
    return dispatch(
      byInterface: name,
      own.map { zone, decision in
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
          origin: site.origin(zone.line, "other sources than those of zone \(zone.name)"))
        add(RuleChain(name: chain, rules: internet.action == .return ? rules : rules + [others]))
        return (zone, (internet.action == .return ? .jump(chain: chain) : .goto(chain: chain), origin))
      })
  }

  /// A verdict map by input interface over zones, the rules for those of its interfaces that are named by their
  /// beginning, and the rule for all interfaces that no zone claims.
  mutating func dispatch(byInterface name: String, _ actions: [(zone: SiteZone, decision: ZoneAction)])
    -> [Rule]
  {
    var records: [UInt8] = []
    var values: [ElementValue] = []
    var patterns: [Rule] = []
    var rest: [Rule] = []
    // What no rule is for has the action of `internet`, which stands last; where that is to return, at the end of the chain.
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
        case .beginning:
          patterns.append(Rule([.interface(.input, .equal, pattern)], action: Action(action), origin: origin))
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
    return rules + patterns + rest
  }

  /// Bridges that the zone of containers names and that have other ports than guests', in order.
  var sharedBridges: [InterfaceName] {
    let containers = site.zones.filter { $0.kind == .containers }.flatMap(\.interfaces)
    return live.sharedBridges.filter { bridge in containers.contains { $0.matches(bridge) } }.sorted()
  }

  /// The conditions under which a source address lies in one of these prefixes, each a rule's own: one for a prefix
  /// where they are few, else one for each set that holds them.
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

  /// The conditions under which a source lies in a list.
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

extension Action {
  /// The verdict that the action is; nil where it is none.
  var verdict: VerdictCode? {
    switch self {
    case .accept: .accept
    case .drop: .drop
    case .return: .return
    case .jump(let chain): .jump(chain: chain)
    case .goto(let chain): .goto(chain: chain)
    case .reject, .reset, .byInputInterface, .byPort, .byDestination: nil
    }
  }

  /// The action that a verdict is; one that no ruleset of ours has drops.
  init(_ verdict: VerdictCode) {
    switch verdict {
    case .accept: self = .accept
    case .drop, .continue, .other: self = .drop
    case .return: self = .return
    case .jump(let chain): self = .jump(chain)
    case .goto(let chain): self = .goto(chain)
    }
  }
}

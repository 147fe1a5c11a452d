// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// Rules under the assumption that a packet arrived on a known interface.
struct PartialEvaluation {
  private let chains: [String: RuleChain]
  private let sets: [String: NamedSet]

  init(_ ruleset: Ruleset) {
    chains = Dictionary(ruleset.chains.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    sets = Dictionary(ruleset.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The rules that packets from an interface can still match, without the conditions that hold for all of them.
  func rules(_ rules: [Rule], from interface: InterfaceName) -> [Rule] {
    var result: [Rule] = []
    for rule in rules {
      guard let left = self.rule(rule, from: interface) else { continue }
      result.append(left)
      if left.isLast { break }
    }
    return result
  }

  /// The rules for packets from all other interfaces.
  func rules(_ rules: [Rule], notFrom interfaces: [InterfaceName]) -> [Rule] {
    rules.compactMap { rule in
      var rule = rule
      var isPossible = true
      rule.matches.removeAll { match in
        guard case .interface(.input, let comparison, .exact(let name)) = match, interfaces.contains(name)
        else {
          return false
        }
        if comparison == .equal { isPossible = false }
        return comparison == .notEqual
      }
      return isPossible ? rule : nil
    }
  }

  /// What a rule does with packets from an interface; nil if nothing.
  private func rule(_ rule: Rule, from interface: InterfaceName) -> Rule? {
    var result = rule
    result.matches = []
    for match in rule.matches {
      switch holds(match, interface) {
      case false?: return nil
      case true?: break
      case nil: result.matches.append(match)
      }
    }
    if case .byInputInterface(let map) = rule.action, let set = sets[map], let found = set.lookUp(interface) {
      result.action = found.verdict.flatMap { $0 == .continue ? nil : Action($0) }
    }
    switch result.action {
    case .jump(let name):
      guard let (verdict, origin) = only(chain: name, interface) else { break }
      switch verdict {
      case .return, .continue: result.action = nil
      case .accept, .drop: (result.action, result.origin) = (Action(verdict), origin)
      // What follows in the called chain is nothing, so its end is reached either way.
      case .jump(let target), .goto(let target): result.action = .jump(target)
      case .other: break
      }
    case .goto(let name):
      guard let (verdict, origin) = only(chain: name, interface) else { break }
      switch verdict {
      case .return, .continue: result.action = .return
      case .accept, .drop: (result.action, result.origin) = (Action(verdict), origin)
      case .jump(let target), .goto(let target): result.action = .goto(target)
      case .other: break
      }
    default: break
    }
    return result.action == nil && !result.hasEffect ? nil : result
  }

  /// The verdict that a chain has for all packets from an interface, and the origin of its rule; nil if it does anything
  /// else. A chain that does nothing returns.
  private func only(chain name: String, _ interface: InterfaceName) -> (VerdictCode, Origin)? {
    guard let chain = chains[name], chain.base == nil else { return nil }
    return rules(chain.rules, from: interface).only
  }

  /// Whether a condition holds for every packet from an interface, or for none; nil if for some.
  private func holds(_ match: Match, _ interface: InterfaceName) -> Bool? {
    switch match {
    case .interface(.input, let comparison, let pattern):
      return pattern.matches(interface) == (comparison == .equal)
    case .interfaceSet(.input, let comparison, let name):
      return sets[name]?.lookUp(interface).map { $0.isMember == (comparison == .equal) }
    default: return nil
    }
  }
}

extension [Rule] {
  /// The verdict that they have for all packets, and the origin of the rule; nil if they do anything else. The end of the rules
  /// returns.
  var only: (verdict: VerdictCode, origin: Origin)? {
    guard let rule = first else { return (.return, Origin(reason: "nothing")) }
    guard count == 1, rule.matches.isEmpty, !rule.hasEffect, let verdict = rule.action?.verdict else {
      return nil
    }
    return (verdict, rule.origin)
  }
}

extension Rule {
  /// Whether it does more than to give a verdict, also with a packet that does not meet all of its conditions.
  var hasEffect: Bool {
    count != nil || log != nil || tag != nil
      || matches.contains {
        switch $0 {
        case .aboveLimit, .belowRate: true
        default: false
        }
      }
  }

  /// Whether no packet reaches the next rule.
  fileprivate var isLast: Bool {
    guard matches.isEmpty, log == nil else { return false }
    // A packet whose source is not in the map of counters does not match.
    if case .bySource = count { return false }
    switch action {
    case .accept, .drop, .return, .goto, .reject: return true
    case .jump, .reset, .byInputInterface, .byPort, .byDestination, .translate, nil: return false
    }
  }
}

extension NamedSet {
  /// The result of a look-up: membership, and in a verdict map the verdict.
  fileprivate struct Found {
    let isMember: Bool
    let verdict: VerdictCode?
  }

  /// Looks up an interface in a set of names that rules and users of the set do not change; nil if this is not such a set.
  fileprivate func lookUp(_ interface: InterfaceName) -> Found? {
    guard key == .interfaceName, elements.keyLength == key.length else { return nil }
    let name = SetKey.interface(interface)
    let place: Int?
    switch layout {
    case .exact: place = elements.index(ofKey: name)
    case .interval: place = elements.interval(containing: name)
    case .timedRanges, .budgets: return nil
    }
    guard let place else { return Found(isMember: false, verdict: nil) }
    guard kind == .verdicts else { return Found(isMember: true, verdict: nil) }
    guard case .verdict(let verdict)? = elements.value(place) else { return nil }
    if case .other = verdict { return nil }
    return Found(isMember: true, verdict: verdict)
  }
}

extension SetElements {
  /// The element at which the interval begins that contains a key; nil if none does.
  fileprivate func interval(containing key: [UInt8]) -> Int? {
    var found: Int?
    for index in 0..<count where !key.lexicographicallyPrecedes(self.key(index)) {
      // Where one interval ends and the next one begins, two elements have the same key.
      if flags(index) & NFT.elementIntervalEnd == 0 {
        found = index
      } else if let start = found, self.key(start) != self.key(index) {
        found = nil
      }
    }
    return found
  }
}

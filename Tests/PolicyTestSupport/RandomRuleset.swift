// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
package import Ruleset
internal import TestSupport

/// Random rulesets in which many rules ask for an interface: alone, in sets, in verdict maps with exact names and with
/// beginnings of names, in base chains and in the chains that these lead to.
package struct RandomRuleset {
  private var random: SeededGenerator
  private var sets: [String: NamedSet] = [:]
  private static let names = ["wg0", "wg1", "wg2", "lo", "eth0", "docker0"].compactMap { InterfaceName($0) }
  private static let beginnings = ["br-", "wg", "eth", "w"].compactMap { InterfaceName($0) }
  private static let counters = ["c0", "c1", "c2"]

  /// The ruleset of a seed.
  package static func make(seed: UInt64) -> Ruleset {
    var maker = RandomRuleset(random: SeededGenerator(seed: seed))
    return maker.make()
  }

  private init(random: SeededGenerator) { self.random = random }

  private mutating func make() -> Ruleset {
    let (leaves, middle) = (["leaf0", "leaf1"], ["middle0", "middle1", "middle2"])
    let hooks = [NFT.hookPrerouting, NFT.hookInput, NFT.hookForward, NFT.hookOutput]
    var chains: [RuleChain] = []
    for number in 0..<random.number(1...2) {
      let base = BaseChain(
        hook: random.one(of: hooks), priority: Int32(number), policy: random.oneIn(2) ? .accept : .drop)
      chains.append(RuleChain(name: "base\(number)", base: base, rules: rules(1...7, leaves + middle)))
    }
    chains += leaves.map { RuleChain(name: $0, rules: rules(0...3, [])) }
    chains += middle.map { RuleChain(name: $0, rules: rules(0...3, leaves)) }
    return Ruleset(
      chains: chains, sets: sets.values.sorted { $0.name < $1.name },
      counters: Self.counters.map { NamedCounter(name: $0, purpose: .grant, origin: Origin(reason: $0)) })
  }

  private mutating func rules(_ count: ClosedRange<Int>, _ jumps: [String]) -> [Rule] {
    (0..<random.number(count)).map { _ in rule(jumps) }
  }

  private mutating func rule(_ jumps: [String]) -> Rule {
    var rule = Rule([], action: nil, origin: Origin(reason: "rule \(random.number(0...999))"))
    for _ in 0..<random.one(of: [0, 0, 1, 1, 1, 2]) { rule.matches.append(match()) }
    switch random.number(0...11) {
    case 0, 1: rule.count = .named(random.one(of: Self.counters))
    case 2: rule.count = .bySource(.ipv4, map: counterMap())
    case 3: rule.tag = random.oneIn(2) ? .set : .clear
    default: break
    }
    switch random.number(0...11) {
    case 0: break
    case 1: rule.action = .reject
    // The walk of a packet does not show the effects of a rule whose map has no verdict for the packet.
    case 2...4 where !rule.hasEffect: rule.action = .byInputInterface(map: verdictMap(jumps))
    case 5 where !rule.hasEffect: rule.action = .byPort(map: portMap(jumps))
    default: rule.action = Action(verdict(jumps))
    }
    return rule
  }

  private mutating func verdict(_ jumps: [String]) -> VerdictCode {
    if !jumps.isEmpty, random.oneIn(2) {
      let chain = random.one(of: jumps)
      return random.oneIn(2) ? .goto(chain: chain) : .jump(chain: chain)
    }
    return random.one(of: [.accept, .accept, .drop, .return])
  }

  private mutating func match() -> Match {
    let comparison: Comparison = random.oneIn(3) ? .notEqual : .equal
    switch random.number(0...11) {
    case 0, 1, 2: return .interface(.input, comparison, .exact(random.one(of: Self.names)))
    case 3: return .interface(.input, comparison, .beginning(random.one(of: Self.beginnings)))
    case 4: return .interfaceSet(.input, comparison, set: nameSet())
    case 5: return .interfaceType(.input, comparison, .linkless)
    case 6: return PortRange(22).map { .port(.tcp, .destination, $0) } ?? .transport(.equal, .tcp)
    case 7: return .ctDirection(random.oneIn(2) ? .reply : .original)
    case 8: return .ctState(random.one(of: [.new, .established, .invalid]))
    case 9: return .tagged(comparison)
    case 10: return .destinationType(comparison, .local)
    default: return .transport(comparison, random.one(of: [.tcp, .udp, .icmp]))
    }
  }

  // MARK: Sets

  private mutating func some() -> [InterfaceName] {
    let count = random.number(1...4)
    return Array(Self.names.shuffled(using: &random).prefix(count))
  }

  private mutating func nameSet() -> String {
    let records: [UInt8] = some().flatMap { SetKey.interface($0) + [0] }
    return add(.interfaceName, .set, records, [])
  }

  private mutating func verdictMap(_ jumps: [String]) -> String {
    if random.oneIn(3) {
      // Beginnings that do not overlap; the end of one may be the start of the next.
      let starts = random.one(of: [["br-", "wg"], ["eth", "w"], ["wg0", "wg1", "wg2"]])
        .compactMap { InterfaceName($0) }
      var records: [UInt8] = []
      var values: [ElementValue] = []
      for start in starts {
        records += SetKey.interface(start) + [0] + SetKey.afterInterfaces(beginning: start)
        records.append(NFT.elementIntervalEnd)
        values += [.verdict(verdict(jumps)), .none]
      }
      return add(.interfaceName, .verdicts, records, values, .interval)
    }
    let names = some()
    let records: [UInt8] = names.flatMap { SetKey.interface($0) + [0] }
    let values = names.map { _ in ElementValue.verdict(verdict(jumps)) }
    return add(.interfaceName, .verdicts, records, values)
  }

  private mutating func portMap(_ jumps: [String]) -> String {
    let ports: [UInt16] = [22, 80]
    let records: [UInt8] = ports.flatMap { SetKey.port(.tcp, $0) + [0] }
    let values = ports.map { _ in ElementValue.verdict(verdict(jumps)) }
    return add(.transportAndPort, .verdicts, records, values)
  }

  private mutating func counterMap() -> String {
    let sources = ["198.51.100.23", "10.0.0.1"].compactMap { IPAddress($0) }
    let records: [UInt8] = sources.flatMap { $0.bytes + [0] }
    let values = sources.map { _ in ElementValue.object(random.one(of: Self.counters)) }
    return add(.ipv4Address, .counters, records, values)
  }

  private mutating func add(
    _ key: NamedSet.Key, _ kind: NamedSet.Kind, _ records: [UInt8], _ values: [ElementValue],
    _ layout: NamedSet.Layout = .exact
  ) -> String {
    let name = "set\(sets.count)"
    let elements = SetElements(keyLength: key.length, unsorted: records, values: values)
    sets[name] = NamedSet(name: name, key: key, kind: kind, layout: layout, elements: elements)
    return name
  }
}

extension Rule {
  fileprivate var hasEffect: Bool { count != nil || tag != nil }
}

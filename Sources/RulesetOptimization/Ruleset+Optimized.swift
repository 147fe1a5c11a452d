// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset

extension Ruleset {
  /// A ruleset that does the same with every packet, in fewer steps for packets that arrive on the `usual` interfaces.
  ///
  /// "The same" means: verdict, answer to the sender, counters, logs and tag. Each base chain that asks for the input
  /// interface in several rules asks once for each of these interfaces, and sends its packets to a chain in which the
  /// rules that cannot match are left out (partial evaluation). Rules for other interfaces stay as they are.
  public func optimized(usual interfaces: [InterfaceName]) -> Ruleset {
    if interfaces.isEmpty { return self }
    var result = self
    let partial = PartialEvaluation(self)
    var dispatch = InterfaceDispatch(self, partial, interfaces)
    for index in result.chains.indices where result.chains[index].isBeforeOutput {
      result.chains[index].rules = dispatch.rules(of: result.chains[index])
    }
    if dispatch.added.isEmpty && result == self { return self }
    let bases = result.chains.filter { $0.base != nil }
    let others = result.chains.filter { $0.base == nil } + dispatch.added
    result.chains = bases + others.sorted { $0.name < $1.name }
    result.sets = (result.sets + dispatch.maps).sorted { $0.name < $1.name }
    return result.withoutUnused(comparedWith: self)
  }

  /// The ruleset without chains and sets that the original used and that nothing uses now.
  private func withoutUnused(comparedWith original: Ruleset) -> Ruleset {
    let (before, now) = (RulesetUse(original), RulesetUse(self))
    var result = self
    result.chains.removeAll { before.chains.contains($0.name) && !now.chains.contains($0.name) }
    result.sets.removeAll { before.sets.contains($0.name) && !now.sets.contains($0.name) }
    return result
  }
}

extension RuleChain {
  /// Whether it is a base chain of type filter whose packets have an input interface.
  fileprivate var isBeforeOutput: Bool {
    guard let base, base.type == "filter" else { return false }
    return [NFT.hookPrerouting, NFT.hookInput, NFT.hookForward].contains(base.hook)
  }
}

/// What the base chains of a ruleset lead to.
struct RulesetUse {
  /// The names of the chains, base chains included.
  private(set) var chains: Set<String> = []
  /// The names of the sets and maps.
  private(set) var sets: Set<String> = []

  init(_ ruleset: Ruleset) {
    let known = Dictionary(ruleset.chains.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let maps = Dictionary(ruleset.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var waiting = ruleset.chains.filter { $0.base != nil }.map(\.name)
    while let name = waiting.popLast() {
      guard chains.insert(name).inserted, let chain = known[name] else { continue }
      for rule in chain.rules {
        switch rule.action {
        case .jump(let chain), .goto(let chain): waiting.append(chain)
        default: break
        }
        for set in rule.sets where sets.insert(set).inserted {
          for case .verdict(let verdict) in maps[set]?.elements.values ?? [] {
            waiting += verdict.chain.map { [$0] } ?? []
          }
        }
      }
    }
  }
}

extension Rule {
  /// The names of the sets and maps that it looks up.
  fileprivate var sets: [String] {
    var names = matches.compactMap(\.set)
    if case .bySource(_, let map) = count { names.append(map) }
    switch action {
    case .byInputInterface(let map), .byPort(let map), .byDestination(_, let map): names.append(map)
    case .accept, .drop, .return, .jump, .goto, .reject, .reset, .translate, nil: break
    }
    return names
  }
}

extension Match {
  /// The name of the set that it looks up.
  fileprivate var set: String? {
    switch self {
    case .interfaceSet(_, _, let set), .addressSet(_, _, let set, _), .portSet(_, let set),
      .sourceAndPortSet(_, let set), .destinationTypeSet(_, let set), .aboveLimit(_, let set, _):
      set
    case .interface, .interfaceType, .family, .address, .transport, .port, .icmpType, .hopLimit, .tcpFlags,
      .ctDirection,
      .ctState, .ctStatus, .ctStatusNone, .destinationType, .originalPort, .tagged, .belowRate,
      .longIPv4Options, .packetType,
      .routingHeader:
      nil
    }
  }
}

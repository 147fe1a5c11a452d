// SPDX-License-Identifier: GPL-3.0-or-later

extension KernelTable {
  /// Everything that decides about packets in one base chain: its rules, those of the chains that it leads
  /// to, and the sets that they look up. Equal values have the same effect.
  package struct Reachable: Hashable, Sendable {
    private let base: BaseChain?
    private let chains: [String: [[Expression]]]
    private let sets: [String: KernelSet]

    /// The names of the chains, including the base chain if the table has it.
    package var names: Dictionary<String, [[Expression]]>.Keys { chains.keys }

    fileprivate init(_ table: KernelTable, _ name: String) {
      let known = Dictionary(table.chains.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
      let allSets = Dictionary(table.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
      var chains: [String: [[Expression]]] = [:]
      var sets: [String: KernelSet] = [:]
      var waiting = [name]
      while let next = waiting.popLast() {
        guard chains[next] == nil, let chain = known[next] else { continue }
        chains[next] = chain.rules.map(\.expressions)
        for expression in chain.rules.flatMap(\.expressions) {
          switch expression {
          case .verdict(let verdict): waiting += verdict.chain.map { [$0] } ?? []
          case .lookup(let set, _, _, _), .objectMap(let set, _):
            guard sets[set] == nil, let found = allSets[set] else { continue }
            sets[set] = found
            for case .verdict(let verdict) in found.elements.values {
              waiting += verdict.chain.map { [$0] } ?? []
            }
          default: break
          }
        }
      }
      base = known[name]?.base
      self.chains = chains
      self.sets = sets
    }
  }

  /// What decides in the base chain of this name.
  package func reachable(from chain: String) -> Reachable { Reachable(self, chain) }

  /// The table with only the chains that packets pass at these hooks (`NFT.hookPrerouting`, …).
  package func passing(_ hooks: [UInt32]) -> KernelTable {
    let bases = chains.filter { $0.base.map { hooks.contains($0.hook) } ?? false }
    let names = bases.reduce(into: Set<String>()) { $0.formUnion(reachable(from: $1.name).names) }
    var only = self
    only.chains = chains.filter { names.contains($0.name) }
    return only
  }
}

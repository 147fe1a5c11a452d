// SPDX-License-Identifier: GPL-3.0-or-later

extension KernelTable {
  /// This table as it was read from the kernel, with the origins of a compiled one: a rule has the origin of an equal
  /// rule in the chain of the same name. Rules without an equal one have none.
  public func withOrigins(of compiled: KernelTable) -> KernelTable {
    let chains = Dictionary(compiled.chains.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var table = self
    for index in table.chains.indices {
      guard let rules = chains[table.chains[index].name]?.rules else { continue }
      // Mostly both are equal as a whole.
      if rules == table.chains[index].rules {
        for place in rules.indices { table.chains[index].rules[place].origin = rules[place].origin }
        continue
      }
      let origins = Dictionary(rules.map { ($0, $0.origin) }, uniquingKeysWith: { first, _ in first })
      for place in table.chains[index].rules.indices {
        table.chains[index].rules[place].origin = origins[table.chains[index].rules[place]] ?? nil
      }
    }
    return table
  }
}

extension Sequence<KernelTable> {
  /// These tables as they were read from the kernel, the own one with the origins of the compiled one.
  public func withOrigins(of compiled: KernelTable) -> [KernelTable] {
    map { $0.name == compiled.name && $0.family == compiled.family ? $0.withOrigins(of: compiled) : $0 }
  }
}

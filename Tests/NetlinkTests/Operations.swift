// SPDX-License-Identifier: GPL-3.0-or-later

import Ruleset

/// The operations that create a table.
func operations(adding table: KernelTable) -> [TableOperation] {
  var operations: [TableOperation] = [.addTable(flags: table.flags, userdata: table.userdata)]
  for object in table.objects { operations.append(.addObject(object, .zero)) }
  for chain in table.chains { operations.append(.addChain(name: chain.name, base: chain.base)) }
  for set in table.sets { operations.append(.addSet(set)) }
  for set in table.sets where !set.elements.isEmpty {
    operations.append(.addElements(set: set, set.elements))
  }
  for chain in table.chains {
    for rule in chain.rules { operations.append(.addRule(chain: chain.name, rule, place: .end)) }
  }
  return operations
}

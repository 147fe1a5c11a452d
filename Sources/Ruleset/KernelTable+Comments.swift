// SPDX-License-Identifier: GPL-3.0-or-later

extension KernelTable {
  /// The table without the comments of its rules, which name lines of the policy: what it lets pass is the same.
  public var withoutComments: KernelTable {
    var table = self
    for chain in table.chains.indices {
      for rule in table.chains[chain].rules.indices { table.chains[chain].rules[rule].userdata = [] }
    }
    return table
  }
}

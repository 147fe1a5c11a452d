// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import Ruleset

/// What the kernel checks of all chains that packets can reach: how deep jumps nest, and whether each expression is
/// possible at the hook.
///
/// Source: `nft_table_validate` and `nft_chain_validate` of `net/netfilter/nf_tables_api.c`.
enum JumpCheck {
  /// Whether the kernel checks tables that contain such an expression (`nft_expr_ops.validate`).
  static func isChecked(_ expression: Expression) -> Bool {
    switch expression {
    case .verdict, .lookup, .reject: true
    default: false
    }
  }

  /// The errno for the table; nil if it is valid.
  static func failure(in table: KernelTable) -> Int32? {
    var check = Check(table)
    for chain in table.chains {
      guard let base = chain.base else { continue }
      check.hook = base.hook
      check.levels = [:]
      if let code = check.failure(in: chain.name, level: 0) { return code }
    }
    return nil
  }

  /// `NFT_JUMP_STACK_SIZE`
  private static let deepest = 16

  private struct Check {
    let chains: [String: KernelChain]
    let sets: [String: KernelSet]
    var hook: UInt32 = 0
    /// The deepest level at which each chain was checked for this hook.
    var levels: [String: Int] = [:]

    init(_ table: KernelTable) {
      chains = Dictionary(table.chains.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
      sets = Dictionary(table.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func failure(in name: String, level: Int) -> Int32? {
      if level == JumpCheck.deepest { return EMLINK }
      if let known = levels[name], known >= level { return nil }
      levels[name] = level
      for rule in chains[name]?.rules ?? [] {
        for expression in rule.expressions {
          if case .reject = expression, hook == NFT.hookPostrouting { return EOPNOTSUPP }
          for target in targets(of: expression) {
            if let code = failure(in: target, level: level + 1) { return code }
          }
        }
      }
      return nil
    }

    private func targets(of expression: Expression) -> [String] {
      switch expression {
      case .verdict(let verdict): verdict.chain.map { [$0] } ?? []
      case .lookup(let name, _, NFT.registerVerdict, _):
        (sets[name]?.elements.values ?? []).compactMap {
          if case .verdict(let verdict) = $0.plain { verdict.chain } else { nil }
        }
      default: []
      }
    }
  }
}

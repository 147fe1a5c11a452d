// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
package import NetworkModel
package import Ruleset

/// The table `inet wgfence` as it is in the kernel, no matter which process loaded it.
package struct LoadedRuleset {
  let table: KernelTable
  package let holder: Holder

  /// Who can change it.
  package enum Holder {
    /// A running process owns it (`NFT_TABLE_F_OWNER`): a daemon.
    case process
    /// It has no owner: every process with `CAP_NET_ADMIN` can change it.
    case nobody
  }

  /// The result of reading the kernel's table.
  package enum Reading {
    case found(LoadedRuleset)
    /// There is no table, or it filters nothing.
    case nothing
    /// The kernel could not be read, with the reason.
    case unknown(String)
  }

  /// Reads the kernel's table.
  package static func read<Store: RulesetStore & ~Copyable>(from store: inout Store) -> Reading {
    do throws(StoreError) {
      return try store.read().table.flatMap { LoadedRuleset($0) }.map { .found($0) } ?? .nothing
    } catch {
      return .unknown("\(EnforcementError(error))")
    }
  }

  /// A table that was read. Nil if it filters nothing: it is dormant (`NFT_TABLE_F_DORMANT`), or has no base chain.
  init?(_ table: KernelTable) {
    guard table.flags & NFT.tableDormant == 0, table.chains.contains(where: { $0.base != nil }) else {
      return nil
    }
    self.table = table
    holder = table.flags & NFT.tableOwner != 0 ? .process : .nobody
  }

  /// What is in force, and how it differs from the ruleset that would be loaded at boot.
  package func sentence(storedIn directory: StateDirectory?) -> PrintableText {
    let who: PrintableText =
      switch holder {
      case .process: "a running daemon owns the table inet wgfence"
      case .nobody: "the table inet wgfence is loaded"
      }
    guard let stored = directory?.ruleset(.boot).value, let meant = stored.table else {
      return "\(who), and its rules are in force"
    }
    let count = difference(from: meant)
    if count == 0 { return "\(who), and the stored ruleset of \(stored.provenance.path) is in force" }
    return
      "\(who), and its rules are in force; they differ from the stored ruleset of \(stored.provenance.path) in \(count) operations"
  }

  /// The number of operations between it and a stored ruleset. The table's owner is not compared.
  package func difference(from meant: KernelTable) -> Int {
    var (meant, observed) = (meant, table)
    meant.flags &= ~NFT.tableOwnership
    observed.flags &= ~NFT.tableOwnership
    return Plan(desired: meant, observed: observed).operations.count
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import Netlink
import Ruleset
import TestSupport
import Testing

@Suite struct ReadBackTests {
  /// Each test case uses one namespace for its tables and deletes none: a commit after a deletion waits for
  /// it.
  static let batches: [ClosedRange<UInt64>] = (0..<40).map { ($0 * 60)...($0 * 60 + 59) }

  @Test(arguments: batches)
  func `a table that is written reads back equal`(seeds: ClosedRange<UInt64>) throws {
    let failures = try inNetworkNamespace {
      var failures: [String] = []
      var kernel = try NFTablesSocket()
      for seed in seeds {
        var table = RandomTable.make(seed: seed)
        table.name = "wgfence\(seed)"
        do {
          try kernel.commit(
            operations(adding: table), family: table.family, table: table.name,
            generation: try kernel.generation())
          let read = try kernel.read(family: table.family, name: table.name)
          if read != table { failures.append("seed \(seed): \(difference(table, read))") }
        } catch let CommitError.refused(operation, error) {
          failures.append("seed \(seed): \(error): \(operations(adding: table)[operation])")
        }
      }
      return failures
    }
    for failure in failures.prefix(5) { Issue.record("\(failure)") }
    #expect(failures.isEmpty)
  }
}

/// A description of the first difference between two tables.
func difference(_ one: KernelTable, _ other: KernelTable?) -> String {
  guard let other else { return "the table does not exist" }
  if one.chains.map(\.name) != other.chains.map(\.name) {
    return "chains \(one.chains.map(\.name)), \(other.chains.map(\.name))"
  }
  for (left, right) in zip(one.chains, other.chains) where left != right {
    for (before, after) in zip(left.rules, right.rules) where before != after {
      return
        "chain \(left.name): \(before.expressions) became \(after.expressions); \(before.userdata) \(after.userdata)"
    }
    return
      "chain \(left.name): \(left.base as Any) \(left.rules.count) became \(right.base as Any) \(right.rules.count)"
  }
  if one.sets.map(\.name) != other.sets.map(\.name) {
    return "sets \(one.sets.map(\.name)), \(other.sets.map(\.name))"
  }
  for (left, right) in zip(one.sets, other.sets) where left != right { return "\(left) became \(right)" }
  if one.objects != other.objects { return "objects \(one.objects), \(other.objects)" }
  return "flags \(one.flags), \(other.flags); user data \(one.userdata), \(other.userdata); \(other.unknown)"
}

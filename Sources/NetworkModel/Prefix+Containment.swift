// SPDX-License-Identifier: GPL-3.0-or-later

extension Prefix {
  /// The blocks that are not inside another one, each once, in ascending order: together they have the same addresses.
  public static func outermost(_ prefixes: some Sequence<Prefix>) -> [Prefix] {
    let unique = Set(prefixes)
    return unique.filter { one in !unique.contains { $0 != one && $0.contains(one) } }.sorted()
  }
}

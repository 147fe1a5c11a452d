// SPDX-License-Identifier: GPL-3.0-or-later

extension Sequence where Element: Hashable {
  /// Its elements in their order, without repetitions.
  public var unique: [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}

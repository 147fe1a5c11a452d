// SPDX-License-Identifier: GPL-3.0-or-later

/// Whoever does many pieces of work, one after another or some at once. The pure modules know no threads: the program
/// brings them.
public protocol Workers: Sendable {
  /// The results of a piece of work for each item, in their order. `progress` is told now and then how many are done, on
  /// the caller's own thread.
  func map<Item: Sendable, Result: Sendable>(
    _ items: [Item], progress: (Int) -> Void, _ work: @escaping @Sendable (Item) -> Result
  ) -> [Result]
}

extension Workers {
  /// The results of a piece of work for each item, in their order.
  func map<Item: Sendable, Result: Sendable>(
    _ items: [Item], _ work: @escaping @Sendable (Item) -> Result
  ) -> [Result] { map(items, progress: { _ in }, work) }
}

/// One piece of work after another.
public struct OneByOne: Workers {
  /// A worker alone.
  public init() {}

  /// The results in order.
  public func map<Item: Sendable, Result: Sendable>(
    _ items: [Item], progress: (Int) -> Void, _ work: @escaping @Sendable (Item) -> Result
  ) -> [Result] {
    items.enumerated().map { place, item in
      progress(place)
      return work(item)
    }
  }
}

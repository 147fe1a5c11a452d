// SPDX-License-Identifier: GPL-3.0-or-later

/// Runs many pieces of work, sequentially or in parallel. The pure modules use no threads: the program
/// provides an implementation with threads.
public protocol Workers: Sendable {
  /// Runs a piece of work for each item and returns the results in the items' order. `progress` is called
  /// from time to time with the number of finished items, on the caller's thread.
  func map<Item: Sendable, Result: Sendable>(
    _ items: [Item], progress: (Int) -> Void, _ work: @escaping @Sendable (Item) -> Result
  ) -> [Result]
}

extension Workers {
  /// Runs a piece of work for each item and returns the results in the items' order.
  package func map<Item: Sendable, Result: Sendable>(
    _ items: [Item], _ work: @escaping @Sendable (Item) -> Result
  ) -> [Result] { map(items, progress: { _ in }, work) }
}

/// Runs pieces of work sequentially.
public struct OneByOne: Workers {
  /// Creates a sequential worker.
  public init() {}

  /// Runs a piece of work for each item and returns the results in the items' order.
  public func map<Item: Sendable, Result: Sendable>(
    _ items: [Item], progress: (Int) -> Void, _ work: @escaping @Sendable (Item) -> Result
  ) -> [Result] {
    items.enumerated().map { place, item in
      progress(place)
      return work(item)
    }
  }
}

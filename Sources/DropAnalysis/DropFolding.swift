// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// Decides which dropped packets are counted one by one, and which together, so that memory and disk stay bounded however
/// many sources and ports there are.
struct DropFolding: Sendable {
  /// The most keys at a time.
  let mostKeys: Int
  /// The most keys of one reason and zone.
  let mostOfReason: Int
  /// The most services and destinations of one source.
  let mostOfSource: Int

  private var known: Set<DropKey> = []
  private var ofReason: [DropKey: Int] = [:]
  private var ofSource: [DropKey: Int] = [:]

  init(mostKeys: Int, mostOfReason: Int, mostOfSource: Int) {
    self.mostKeys = mostKeys
    self.mostOfReason = mostOfReason
    self.mostOfSource = mostOfSource
  }

  /// The key under which a packet is counted: its own, or one that says less.
  mutating func place(_ key: DropKey) -> DropKey {
    if known.contains(key) { return key }
    if key.scope == .reason { return take(key) }
    let all = key.ofReason
    guard known.count < mostKeys, ofReason[all, default: 0] < mostOfReason else { return take(all) }
    if key.scope == .flow {
      let source = key.ofSource
      if ofSource[source, default: 0] >= mostOfSource { return place(source) }
      ofSource[source, default: 0] += 1
    }
    ofReason[all, default: 0] += 1
    known.insert(key)
    return key
  }

  /// Keys of reasons are bounded by the chains and interfaces. If even they are too many, one stands for all.
  private mutating func take(_ key: DropKey) -> DropKey {
    var key = key
    if !known.contains(key), known.count >= 2 * mostKeys {
      (key.prefix, key.zone, key.place, key.input, key.output) = (
        "drop/others", "unknown", "built in", nil, nil
      )
    }
    known.insert(key)
    return key
  }

  /// Forgets all keys.
  mutating func reset() {
    known.removeAll()
    ofReason.removeAll()
    ofSource.removeAll()
  }
}

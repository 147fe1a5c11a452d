// SPDX-License-Identifier: GPL-3.0-or-later

/// Counts dropped packets by minute: the first packet of a new key is passed on at once, those after it as one record at
/// the end of the minute. A key that goes on gives one record a minute. Its memory is bounded (`DropFolding`).
public struct DropAggregator: Sendable {
  /// The length of a period, in nanoseconds.
  public static let period: Int64 = 60_000_000_000

  private var folding = Self.empty
  /// The packets of each key since its last record; nil: none yet.
  private var counted: [DropKey: DropRecord?] = [:]
  /// When the period ends, in nanoseconds since boot; nil if nothing is counted.
  public private(set) var deadline: Int64?

  private static var empty: DropFolding { DropFolding(mostKeys: 1024, mostOfReason: 512, mostOfSource: 16) }

  /// An aggregator that has counted nothing.
  public init() {}

  /// The keys that are counted.
  var count: Int { counted.count }

  /// Counts a packet. Returns a record if it is the first of a new key. `now` is in nanoseconds since boot.
  public mutating func add(_ record: DropRecord, at now: Int64) -> DropRecord? {
    deadline = deadline ?? now + Self.period
    var record = record
    record.key = folding.place(record.key)
    guard let known = counted[record.key] else {
      counted[record.key] = .some(nil)
      return record
    }
    var sum = known ?? record
    if known != nil { sum.add(record) }
    counted[record.key] = .some(sum)
    return nil
  }

  /// The records of a period that has ended, the oldest first; empty before.
  public mutating func take(at now: Int64) -> [DropRecord] {
    guard let end = deadline, end <= now else { return [] }
    return finish(now)
  }

  /// All records, without waiting for the end of the period.
  public mutating func finish(_ now: Int64) -> [DropRecord] {
    let records = counted.values.compactMap { $0 }.sorted { ($0.first, $0.last) < ($1.first, $1.last) }
    counted.removeAll(keepingCapacity: false)
    folding.reset()
    // A key that had packets is not new in the next period.
    for record in records { counted[folding.place(record.key)] = .some(nil) }
    deadline = counted.isEmpty ? nil : now + Self.period
    return records
  }
}

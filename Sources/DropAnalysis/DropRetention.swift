// SPDX-License-Identifier: GPL-3.0-or-later

/// Decides which records are stored one by one. In each hour, records beyond a limit are added up by reason, and stored
/// at its end, so that a scan or a flood of one kind does not push everything else out of the stored log.
public struct DropRetention: Sendable {
  /// The length of a period, in nanoseconds.
  public static let period: Int64 = 3_600_000_000_000
  /// The most records of a reason and zone in a period that are stored one by one.
  public static let mostOfReason = 120
  /// The most records of all reasons.
  static let mostRecords = 600

  private var stored: [DropKey: Int] = [:]
  private var total = 0
  private var rest: [DropKey: DropRecord] = [:]
  /// When the period ends, in nanoseconds since boot; nil before the first record.
  public private(set) var deadline: Int64?

  /// A value that has stored nothing.
  public init() {}

  /// The record, if it is stored now; nil if it is added to others.
  public mutating func add(_ record: DropRecord, at now: Int64) -> DropRecord? {
    deadline = deadline ?? now + Self.period
    let reason = record.key.ofReason
    if stored[reason, default: 0] < Self.mostOfReason, total < Self.mostRecords {
      stored[reason, default: 0] += 1
      total += 1
      return record
    }
    var sum = record
    sum.key = reason
    if let known = rest[reason] { sum.add(known) }
    rest[reason] = sum
    return nil
  }

  /// What was added up, if the period has ended.
  public mutating func take(at now: Int64) -> [DropRecord] {
    guard let end = deadline, end <= now else { return [] }
    return finish()
  }

  /// What was added up, without waiting for the end of the period.
  public mutating func finish() -> [DropRecord] {
    let records = rest.values.sorted { $0.first < $1.first }
    self = DropRetention()
    return records
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// Dropped packets, grouped by source, service and reason.
public struct DropSummary: Sendable {
  /// One group.
  public struct Group: Sendable {
    /// The packets, with what would let them in. The destination is that of the first.
    public let report: DropReport
    /// The number of services that its source asked for in its zone, in all groups.
    public let services: Int
  }

  /// The groups, the one with the most packets first.
  public let groups: [Group]
  /// The packets of all groups.
  public let packets: UInt64

  /// The most groups for which a line is looked for: those with the most packets.
  public static let mostAdvised = 200

  /// Groups records. Without a reporter, names and lines of a policy are not known.
  public init(_ records: [DropRecord], _ reporter: inout DropReporter?) {
    var sums: [DropKey: DropRecord] = [:]
    var services: [Source: Set<Port>] = [:]
    for record in records {
      let key = Self.group(record.key)
      services[Source(key), default: []].insert(Port(key))
      if sums[key] == nil { sums[key] = record } else { sums[key]?.add(record) }
    }
    let sorted = sums.values.sorted { one, two in
      one.count != two.count
        ? one.count > two.count
        : (one.first, one.last, Self.name(one)) < (two.first, two.last, Self.name(two))
    }
    packets = sorted.reduce(0) { $0.addingOrMost($1.count) }
    var groups: [Group] = []
    for (index, record) in sorted.enumerated() {
      let advice = index < Self.mostAdvised ? DropReporter.Advice.wanted : .leftOut
      groups.append(
        Group(
          report: reporter?.report(record, advice) ?? DropReport(withoutPolicy: record),
          services: services[Source(record.key)]?.count ?? 0))
    }
    self.groups = groups
  }

  /// The key of a group. Packets to this host's own addresses, and to groups, are not distinguished.
  private static func group(_ key: DropKey) -> DropKey {
    var key = key
    if key.direction == .local { key.destination = nil }
    return key
  }

  private static func name(_ record: DropRecord) -> String { DropRecordLine.text(record) }

  private struct Source: Hashable {
    let zone: String
    let address: IPAddress?
    init(_ key: DropKey) { (zone, address) = (key.zone, key.source) }
  }

  private struct Port: Hashable {
    let transport: IPProtocol?
    let port: UInt16?
    init(_ key: DropKey) { (transport, port) = (key.transport, key.port) }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PolicyCompiler
public import PolicyLanguage
public import Ruleset

/// A temporary grant on a machine, as read from its kernel.
public struct TemporaryGrant: Sendable, Hashable {
  /// The zone. If the policy no longer has it, its name in the table.
  public let zone: String
  /// The sources that it lets in.
  public let sources: [Prefix]
  /// The services that it lets in: by name if a service has exactly these ports, else as `8080/tcp`.
  public let services: [String]
  /// The remaining time.
  public let remaining: GrantDuration
  /// Who opened it; empty if its comment does not say.
  public let who: String
  /// The reason that this user gave.
  public let because: String
  /// Its elements in the sets. To end the grant is to remove them.
  public let ranges: [TemporaryGrantRange]

  /// The zone, as in the names of the sets.
  private let key: String

  /// In milliseconds. The elements of one temporary grant are made at the same time, but can be read at
  /// different times.
  private static let tolerance: UInt64 = 2_000

  /// The temporary grants in a table that was read, by zone, then by remaining time.
  public static func inForce(in table: KernelTable, policy: Policy, machine: Machine) -> [TemporaryGrant] {
    let zones = SiteZone.zones(of: machine, in: policy)
    return TemporaryGrantSets.all(in: table).flatMap { sets -> [TemporaryGrant] in
      let zone = zones.first { $0.identifier == sets.zone }?.name ?? sets.zone
      return groups(sets.ranges).map {
        TemporaryGrant(zone: zone, key: sets.zone, ranges: $0, policy: policy)
      }
      .sorted { left, right in
        if left.remaining != right.remaining {
          return left.remaining.milliseconds < right.remaining.milliseconds
        }
        return left.sources.lexicographicallyPrecedes(right.sources)
      }
    }
  }

  /// One batch that ends the grant before its time. `table` is the table that it was read from.
  public func endingOperations(on table: KernelTable) -> [TableOperation] {
    TemporaryGrantSets.all(in: table).filter { $0.zone == key }.flatMap { sets in
      sets.removing(sets.ranges.filter { range in ranges.contains { $0.isSame(as: range) } })
    }
  }

  private init(zone: String, key: String, ranges: [TemporaryGrantRange], policy: Policy) {
    self.zone = zone
    self.key = key
    self.ranges = ranges
    sources = Set(ranges.flatMap(\.prefixes)).sorted()
    let ports = Set(
      ranges.compactMap { range in
        PortRange(range.ports.lowerBound, range.ports.upperBound).map {
          ServicePort.ports(range.transport, $0)
        }
      })
    services = Self.names(ports, policy)
    remaining = GrantDuration(milliseconds: ranges.map(\.life.remaining).min() ?? 0)
    let comment = TemporaryGrantComment(read: ranges.first?.life.comment ?? "")
    (who, because) = (comment.who, comment.because)
  }

  /// Groups elements into temporary grants: elements with the same comment and end, split by sources that
  /// have the same ports.
  private static func groups(_ ranges: [TemporaryGrantRange]) -> [[TemporaryGrantRange]] {
    var groups: [[TemporaryGrantRange]] = []
    for range in ranges.sorted(by: { $0.life.remaining < $1.life.remaining }) {
      let place = groups.firstIndex { group in
        group[0].life.comment == range.life.comment
          && range.life.remaining - group[0].life.remaining <= tolerance
      }
      if let place { groups[place].append(range) } else { groups.append([range]) }
    }
    return groups.flatMap { group -> [[TemporaryGrantRange]] in
      let bySource = Dictionary(grouping: group) { Source(family: $0.family, range: $0.sources) }
      let byPorts = Dictionary(grouping: bySource.values) { ranges in
        Set(ranges.map { Ports(transport: $0.transport, range: $0.ports) })
      }
      return byPorts.values.map { $0.flatMap { $0 } }
    }
  }

  private struct Source: Hashable {
    let family: AddressFamily
    let range: ClosedRange<UInt128>
  }

  private struct Ports: Hashable {
    let transport: IPProtocol
    let range: ClosedRange<UInt16>
  }

  /// The service that has exactly these ports; else each port by the service that has exactly it, else as
  /// text.
  private static func names(_ ports: Set<ServicePort>, _ policy: Policy) -> [String] {
    let known = policy.services + ServiceCatalogue.services
    if let whole = known.first(where: { Set($0.ports) == ports }) { return [whole.name] }
    return ports.sorted().map { port in
      if let service = known.first(where: { $0.ports == [port] }) { return service.name }
      guard case .ports(let transport, let range) = port else { return "" }
      return "\(range)/\(transport)"
    }
  }
}

extension TemporaryGrantRange {
  /// Whether both are the same element, read at two times.
  func isSame(as other: TemporaryGrantRange) -> Bool {
    family == other.family && sources == other.sources && transport == other.transport && ports == other.ports
      && life.comment == other.life.comment
  }
}

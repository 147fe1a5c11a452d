// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A line of `allow` or `failsafe`.
public struct Grant: Sendable {
  /// The targets as written, groups expanded, without repetition; at least one.
  public let to: [GrantTarget]
  /// The services that the line names. A composite service is one entry with all its ports.
  public let services: [Service]
  /// The sources as written, groups expanded, without repetition; at least one.
  public let from: [GrantSource]
  /// The reason that the policy gives: one line.
  public let because: String?
  /// The last day of the grant.
  public let until: CalendarDate?
  /// How many new connections a source may open by this grant; nil for any number.
  public let limit: ConnectionLimit?
  /// Where the line is.
  public let location: SourceLocation
  /// The words of `to` as written (`admins`), for reports.
  public let wordsTo: [String]
  /// The words of `from` as written, for reports.
  public let wordsFrom: [String]

  package init(
    to: [GrantTarget], services: [Service], from: [GrantSource], because: String?, until: CalendarDate?,
    limit: ConnectionLimit? = nil, location: SourceLocation, wordsTo: [String], wordsFrom: [String]
  ) {
    self.to = to
    self.services = services
    self.from = from
    self.because = because
    self.until = until
    self.limit = limit
    self.location = location
    self.wordsTo = wordsTo
    self.wordsFrom = wordsFrom
  }
}

/// A target of a grant.
public enum GrantTarget: Sendable, Hashable {
  /// A machine itself, by name.
  case machine(String)
  /// Hosts of a zone of a machine, to which that machine routes: `internet` and `containers` too.
  case zone(machine: String, zone: String)
  /// A prefix inside a machine's subnets, reached through it.
  case subnet(machine: String, prefix: Prefix)

  /// The machine itself, or the machine that routes.
  public var machine: String {
    switch self {
    case .machine(let name), .zone(let name, _), .subnet(let name, _): name
    }
  }
}

/// A source that a grant lets in.
public enum GrantSource: Sendable, Hashable {
  /// A machine's tunnel addresses, on the tunnel only.
  case machine(String)
  /// Any address in a tunnel's prefixes, on the tunnel.
  case tunnel(InterfaceName)
  /// Any source that arrives on the interfaces of a zone of the target machine.
  case zone(String)
  /// Hosts of a machine's zone, routed by that machine into its tunnel.
  case machineZone(machine: String, zone: String)
  /// The sources of a prefix, on zones that are not tunnels.
  case prefix(Prefix)
  /// The sources of a list, on zones that are not tunnels.
  case list(String)
  /// Any source, from every zone and tunnel: `anywhere`.
  case anywhere
}

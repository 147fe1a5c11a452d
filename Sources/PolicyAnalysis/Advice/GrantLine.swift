// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import PolicyLanguage

/// A line of `allow` with one target, one service and one source.
public struct GrantLine: Sendable, Hashable {
  /// The target.
  package let to: GrantTarget
  /// The service.
  package let service: Service
  /// The source.
  package let from: GrantSource

  /// A line of these parts.
  package init(to: GrantTarget, service: Service, from: GrantSource) {
    self.to = to
    self.service = service
    self.from = from
  }

  /// The line, as it is written under `allow`: as a flow mapping.
  public var text: String {
    PolicyWords.grant(
      to: PolicyWords.text(to), services: service.name, from: PolicyWords.text(from))
  }

  /// The same as a block mapping, one line for each key.
  public var block: [String] {
    [
      "- to: \(PolicyWords.scalar(PolicyWords.text(to)))",
      "  services: [\(PolicyWords.scalar(service.name))]",
      "  from: \(PolicyWords.scalar(PolicyWords.text(from)))",
    ]
  }

  /// The grant that the decoder makes of the line.
  func grant(in path: String) -> Grant {
    Grant(
      to: [to], services: [service], from: [from], because: nil, until: nil,
      location: SourceLocation(file: path, line: 1, column: 1), wordsTo: [PolicyWords.text(to)],
      wordsFrom: [PolicyWords.text(from)])
  }
}

/// A packet that a machine refuses, and its route through the machine.
package struct RefusedPacket: Sendable, Hashable {
  /// Where the machine would send it.
  package enum Route: Sendable, Hashable {
    /// It is for the machine itself.
    case local
    /// It is for another host: the interface by which it would leave; nil if that was not decided yet.
    case through(InterfaceName?)
    /// The machine itself sends it.
    case sent
  }

  /// The zone from which it comes; if the machine itself sends it, the zone to which it leaves.
  package let zone: SiteZone
  /// The interface on which it comes, or on which it leaves if the machine itself sends it.
  package let input: InterfaceName
  /// Its source.
  package let source: IPAddress
  /// Its destination, as its sender wrote it.
  package let destination: IPAddress
  /// Its protocol.
  package let transport: IPProtocol
  /// Its destination port, in host order; 0 if the protocol has none.
  package let port: UInt16
  /// Its route.
  package let route: Route

  /// A packet of these parts.
  package init(
    zone: SiteZone, input: InterfaceName, source: IPAddress, destination: IPAddress, transport: IPProtocol,
    port: UInt16, route: Route
  ) {
    self.zone = zone
    self.input = input
    self.source = source
    self.destination = destination
    self.transport = transport
    self.port = port
    self.route = route
  }
}

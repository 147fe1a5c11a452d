// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
internal import PolicyAnalysis
package import PolicyLanguage

/// The names of the service that a packet asks for, and the service that a line about it grants.
package struct AdvisedService: Sendable {
  /// The names that the policy has for it; else those of the catalogue; else the port as text.
  package let names: [String]
  /// The service to grant; nil if no service can name the packet.
  package let service: Service?

  /// A service with more ports than this is not advised: the line would grant more than the user expects.
  private static let mostPorts = 4

  /// The service of a packet. `icmpType` is its type, for ICMP and ICMPv6; `port` its destination port.
  package init(_ policy: Policy, _ transport: IPProtocol, port: UInt16?, icmpType: UInt8?) {
    let asked: ServicePort
    let written: String
    switch transport {
    case .icmp, .icmpv6:
      guard icmpType == (transport == .icmp ? 8 : 128) else {
        names = ["\(transport) type \(icmpType.map { String($0) } ?? "unknown")"]
        service = nil
        return
      }
      (asked, written) = (.echoRequest, "ping")
    case _ where transport.hasPorts:
      guard let port, let range = PortRange(port) else {
        (names, service) = ([transport.description], nil)
        return
      }
      (asked, written) = (.ports(transport, range), "\(port)/\(transport)")
    case _: (asked, written) = (.protocol(transport), "ip/\(transport.number)")
    }
    // `any` says nothing about a packet, and is no advice.
    let own = Self.narrowest(
      policy.services.filter { $0.holds(asked) && !$0.ports.contains(.everything) })
    let others = Self.narrowest(
      ServiceCatalogue.services.filter { service in
        service.holds(asked) && !policy.services.contains { $0.name == service.name }
      })
    let isOwn = !own.isEmpty
    names = isOwn ? own.map(\.name) : others.isEmpty ? [written] : others.map(\.name)
    let known = isOwn ? own : others
    // The policy's word; of the catalogue only a name that no other service has for this port.
    let exact = known.filter { $0.ports == [asked] }
    let small = known.filter { $0.portCount <= Self.mostPorts }
    let named =
      isOwn
      ? exact.first ?? small.first
      : exact.count == 1 ? exact.first : exact.isEmpty && small.count == 1 ? small.first : nil
    service =
      named ?? Service(written: written)
      ?? (asked == .echoRequest ? ServiceCatalogue.service(named: "ping") : nil)
  }

  private static func narrowest(_ services: [Service]) -> [Service] {
    // A name says more than a port that is written in place.
    func order(_ service: Service) -> (Int, Int, String) {
      (service.ports.count, Service(written: service.name) == nil ? 0 : 1, service.name)
    }
    return services.sorted { order($0) < order($1) }
  }
}

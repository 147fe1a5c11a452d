// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import PolicyLanguage

/// An index of services by port, for many look-ups.
package struct ServiceIndex {
  private struct Entry {
    let range: PortRange
    package let service: String
    /// The number of ports and ranges of the service. The narrowest service is preferred.
    let breadth: Int
    /// Whether the policy defines or uses it, and for few ports: its users know this name.
    let isOwn: Bool
  }

  /// A service of the policy with a longer range is less preferred than one of the catalogue.
  private static let longestOwnRange = 16

  private let entries: [IPProtocol: [Entry]]

  /// The services of the policy, then those of the catalogue that it does not define.
  package init(_ policy: Policy?) {
    let own = policy?.services ?? []
    let names = Set(own.map(\.name))
    var entries: [IPProtocol: [Entry]] = [:]
    for (index, service) in (own + ServiceCatalogue.services.filter { !names.contains($0.name) }).enumerated()
    {
      for case .ports(let transport, let range) in service.ports {
        entries[transport, default: []].append(
          Entry(
            range: range, service: service.name, breadth: service.ports.count,
            isOwn: index < own.count && range.count <= Self.longestOwnRange))
      }
    }
    self.entries = entries
  }

  /// The service that a port belongs to: one of the policy, then the narrowest, then the first by name.
  package func name(_ transport: IPProtocol, _ port: UInt16) -> String? {
    entries[transport]?.filter { $0.range.lower <= port && port <= $0.range.upper }
      .min { Self.order($0) < Self.order($1) }?.service
  }

  private static func order(_ entry: Entry) -> (Int, Int, String) {
    (entry.isOwn ? 0 : 1, entry.breadth, entry.service)
  }
}

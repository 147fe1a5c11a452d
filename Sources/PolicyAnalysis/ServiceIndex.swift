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
  }

  private let entries: [IPProtocol: [Entry]]

  package init(_ services: [Service]) {
    var entries: [IPProtocol: [Entry]] = [:]
    for service in services {
      for case .ports(let transport, let range) in service.ports {
        entries[transport, default: []].append(
          Entry(range: range, service: service.name, breadth: service.ports.count))
      }
    }
    self.entries = entries
  }

  /// The service that a port belongs to: the narrowest, then the first by name.
  package func name(_ transport: IPProtocol, _ port: UInt16) -> String? {
    entries[transport]?.filter { $0.range.lower <= port && port <= $0.range.upper }
      .min { ($0.breadth, $0.service) < ($1.breadth, $1.service) }?.service
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// The words of `services` for ports: names of the catalogue where they mean exactly these ports, else the ports.
enum ServiceWords {
  /// A service with its owner: the process or container that answers.
  typealias Owned = (service: ReachSurvey.Service, owner: String?)

  /// The words for some services. A name of several ports is only used if one program answers at all of them.
  static func words(_ services: [Owned]) -> [String] {
    var rest = Dictionary(
      services.map { (port($0.service), $0.owner) }, uniquingKeysWith: { first, _ in first })
    var words: [String] = []
    if rest.removeValue(forKey: .echoRequest) != nil { words.append("ping") }
    for service in names {
      let owners = service.ports.map { rest[$0] }
      // A port that is not there, or other programs at some of the ports.
      guard owners.allSatisfy({ $0 != nil }), Set(owners.map { $0 ?? nil }).count == 1 else { continue }
      words.append(service.name)
      for port in service.ports { rest[port] = nil }
    }
    return words + ranges(rest.keys.sorted())
  }

  /// The services of the catalogue whose ports no other one has, and that are more than one of others with further
  /// ports; those with the most ports first.
  private static let names: [Service] = {
    let all = ServiceCatalogue.services.filter { $0.name != "ping" }
    return all.filter { service in
      !all.contains { other in
        other.name != service.name
          && (other.ports == service.ports
            || (other.ports.count > 1 && other.ports.count < service.ports.count
              && other.ports.allSatisfy { service.ports.contains($0) }))
      }
    }.sorted { ($1.ports.count, $0.name) < ($0.ports.count, $1.name) }
  }()

  static func port(_ service: ReachSurvey.Service) -> ServicePort {
    if service == .ping { return .echoRequest }
    guard service.transport.hasPorts, let range = PortRange(service.port) else {
      return .protocol(service.transport)
    }
    return .ports(service.transport, range)
  }

  /// Ports as text, neighbours as ranges.
  private static func ranges(_ ports: [ServicePort]) -> [String] {
    var words: [ServicePort] = []
    for port in ports {
      if case .ports(let transport, let range) = port, case .ports(transport, let last)? = words.last,
        range.lower == last.upper + 1, let both = PortRange(last.lower, range.upper)
      {
        words[words.count - 1] = .ports(transport, both)
      } else {
        words.append(port)
      }
    }
    return words.map(\.description)
  }

  /// The ports of some ranges, as text.
  static func text(_ transport: IPProtocol, _ ranges: [ClosedRange<UInt16>]) -> [String] {
    ranges.map {
      $0.count == 1 ? "\($0.lowerBound)/\(transport)" : "\($0.lowerBound)-\($0.upperBound)/\(transport)"
    }
  }
}

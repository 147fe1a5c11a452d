// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

extension Service {
  /// Reads a service that is written in place: `5432/tcp`, `6000-6010/udp`, `esp`, `gre`, `ip/NUMBER`; `icmp`
  /// is an echo request, `any` every packet. Nil for any other word.
  public init?(written text: String) {
    guard let port = ServicePort(written: text) else { return nil }
    self.init(name: text, ports: [port])
  }

  /// Whether the service contains this port.
  package func holds(_ asked: ServicePort) -> Bool { ports.contains { $0.covers(asked) } }

  /// The number of its ports, each protocol without ports counted as one.
  package var portCount: Int {
    ports.reduce(0) { sum, port in
      switch port {
      case .ports(_, let range): sum + range.count
      case .everything: sum + 1 << 18
      case .protocol, .echoRequest: sum + 1
      }
    }
  }
}

extension ServicePort {
  /// Whether every packet of another port is one of this port.
  package func covers(_ other: ServicePort) -> Bool {
    switch (self, other) {
    case (.everything, _): true
    case (.ports(let one, let range), .ports(let two, let inner)):
      one == two && range.lower <= inner.lower && inner.upper <= range.upper
    case (.protocol(let one), .protocol(let two)): one == two
    case (.echoRequest, .echoRequest): true
    case (.ports, _), (.protocol, _), (.echoRequest, _): false
    }
  }

  /// Whether some packets are of both ports.
  package func overlaps(_ other: ServicePort) -> Bool {
    switch (self, other) {
    case (.everything, _), (_, .everything): true
    case (.ports(let one, let range), .ports(let two, let other)):
      one == two && range.lower <= other.upper && other.lower <= range.upper
    case (.protocol(let one), .protocol(let two)): one == two
    case (.echoRequest, .echoRequest): true
    case (.ports, _), (.protocol, _), (.echoRequest, _): false
    }
  }

  /// Reads a port that is written in place. Nil for any other word.
  init?(written text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    switch (parts.count, parts[0]) {
    case (1, "icmp"), (1, "icmpv6"): self = .echoRequest
    case (1, "any"): self = .everything
    case (1, "esp"): self = .protocol(.esp)
    case (1, "gre"): self = .protocol(.gre)
    case (2, "ip"):
      guard let number = UInt8(parts[1]) else { return nil }
      let transport = IPProtocol(number: number)
      if transport.hasPorts || transport == .icmp || transport == .icmpv6 { return nil }
      self = .protocol(transport)
    case (2, _):
      guard let transport = IPProtocol(name: parts[1]), transport.hasPorts else { return nil }
      let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
      guard ends.count <= 2, let lower = ends[0], let upper = ends[ends.count - 1],
        let range = PortRange(lower, upper)
      else { return nil }
      self = .ports(transport, range)
    default: return nil
    }
  }
}

extension ServicePort: CustomStringConvertible {
  /// As a policy writes it in place: `5432/tcp`, `6000-6010/udp`, `ip/89`, `icmp` for an echo request.
  public var description: String {
    switch self {
    case .ports(let transport, let range): "\(range)/\(transport)"
    case .protocol(let transport): "ip/\(transport.number)"
    case .echoRequest: "icmp"
    case .everything: "any"
    }
  }
}

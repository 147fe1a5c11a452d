// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

extension Service {
  /// Reads a service that is written in place: `5432/tcp`, `6000-6010/udp`, `esp`, `gre`, `ip/NUMBER`; `icmp`
  /// is an echo request. Nil for any other word.
  public init?(written text: String) {
    guard let port = ServicePort(written: text) else { return nil }
    self.init(name: text, ports: [port])
  }
}

extension ServicePort {
  /// Reads a port that is written in place. Nil for any other word.
  init?(written text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    switch (parts.count, parts[0]) {
    case (1, "icmp"), (1, "icmpv6"): self = .echoRequest
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

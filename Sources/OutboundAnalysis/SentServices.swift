// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PolicyAnalysis

/// Names for sets of services that a sender may send: as few as possible.
struct SentServices {
  private let names: ServiceNames

  init(_ names: ServiceNames) { self.names = names }

  /// More exceptions than these are counted and not named.
  private static let mostExceptions = 4

  /// The names of a set of services of a family.
  func names(_ services: IntervalSet, _ family: AddressFamily) -> [String] {
    let all = SentPackets.services(family)
    let parts = [all, PacketSpace.Service.all(.tcp), PacketSpace.Service.all(.udp)]
    if parts.allSatisfy({ Self.size($0.subtracting(services)) < Self.size($0) / 16 }) {
      let known = words(services)
      if known.count == 1 { return known }
    }
    var result: [String] = []
    var rest = services
    for transport in [IPProtocol.tcp, .udp] {
      let own = PacketSpace.Service.all(transport)
      let inside = rest.intersection(own)
      let missing = own.subtracting(inside)
      // Beyond three quarters of the ports, the others are fewer words.
      guard Self.size(missing) < Self.size(own) / 4 else { continue }
      let exceptions = words(missing)
      let shown =
        exceptions.count > Self.mostExceptions
        ? "\(exceptions.count) ranges" : exceptions.joined(separator: ", ")
      result.append(missing.isEmpty ? "any \(transport)" : "any \(transport) except \(shown)")
      rest = rest.subtracting(own)
    }
    let others = all.subtracting(PacketSpace.Service.all(.tcp).union(PacketSpace.Service.all(.udp)))
    if rest.isSuperset(of: others) {
      result.append("other protocols")
      rest = rest.subtracting(others)
    }
    return result + words(rest)
  }

  private func words(_ services: IntervalSet) -> [String] {
    services.isEmpty ? [] : names.names(services).map(\.name).unique
  }

  private static func size(_ services: IntervalSet) -> UInt128 {
    services.intervals.reduce(0) { $0 + ($1.upper - $1.lower + 1) }
  }
}

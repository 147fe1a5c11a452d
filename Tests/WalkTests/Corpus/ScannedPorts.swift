// SPDX-License-Identifier: GPL-3.0-or-later

import TestSupport

/// The ports of a ruleset that are scanned, and where servers listen on them.
struct ScannedPorts {
  /// The sockets of a port.
  enum Sockets: Sendable {
    /// One for all addresses of each family.
    case everyAddress
    /// One for all addresses of IPv4.
    case everyAddressOfIPv4
    /// One for each of some addresses.
    case someAddresses
  }

  let all: [UInt16]
  /// By port the sockets of the host and of its containers; no server listens on the others. Servers that are no part of the
  /// host listen on every port: the audit does not know of them.
  private(set) var host: [UInt16: Sockets] = [:]
  private(set) var containers: [UInt16: Sockets] = [:]
  /// Ports that the ruleset mentions, too, and that are not scanned.
  let leftOut: Int

  /// At most so many of the ports that a ruleset mentions, and a few others.
  init(_ mentioned: [UInt16], most: Int, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let different = Set(mentioned).sorted()
    let chosen = different.count > most ? Array(different.shuffled(using: &random).prefix(most)) : different
    leftOut = different.count - chosen.count
    all = (chosen + [22, 443, 8080, 12_345].filter { !chosen.contains($0) }).sorted()
    for (number, port) in all.shuffled(using: &random).enumerated() {
      host[port] = [.everyAddress, .everyAddressOfIPv4, .someAddresses, nil][number % 4]
      containers[port] = [.someAddresses, .everyAddress, .someAddresses, .everyAddress, nil][number % 5]
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// What a report of dropped packets needs to know of the host.
public struct DropHost: Sendable, Hashable {
  /// The addresses of the host's interfaces; nil if they could not be read. A packet to any other address is for
  /// another host.
  public var addresses: Set<IPAddress>?
  /// Bridges of guests that no zone of the policy covers, with the change of the policy that covers each.
  public var uncovered: [InterfaceName: String]

  /// A host of these parts; without them, one of which nothing is known.
  public init(addresses: Set<IPAddress>? = nil, uncovered: [InterfaceName: String] = [:]) {
    self.addresses = addresses
    self.uncovered = uncovered
  }

  /// Whether a packet to an address that came on an interface is for this host.
  func isLocal(_ address: IPAddress) -> Bool {
    guard let addresses else { return true }
    // Multicast and broadcast: 224.0.0.0/3 holds both groups and the limited broadcast.
    let isGroup =
      address.family == .ipv4 ? address.bits >> 29 == 7 : address.bits >> 120 == 0xff
    return isGroup || addresses.contains(address)
  }
}

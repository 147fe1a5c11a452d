// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

extension Listener {
  /// Whether it receives packets for this address and port.
  func answers(_ address: IPAddress, _ port: UInt16, _ transport: IPProtocol) -> Bool {
    self.port == port && self.protocol == transport && serves(address.family)
      && (isWildcard || self.address == address)
  }
}

extension HostSnapshot {
  /// Limits for a socket on every address: the number of addresses that are evaluated, and the number of bridges
  /// among them. A host with a hundred bridges has a hundred addresses that rules rarely distinguish.
  static let (mostAddresses, mostBridges) = (16, 4)

  /// The addresses of a family at which other hosts can reach this host: those of `interface` first, then those of
  /// interfaces that are not bridges, then a few of bridges, unless `interface` is itself a bridge. Of link-local ones only those of
  /// `interface`.
  func callableAddresses(_ family: AddressFamily, on interface: NetworkInterface?) -> [IPAddress] {
    let others = interfaces.filter { !$0.isLoopback && $0.name != interface?.name }
    let bridges =
      interface?.kind == "bridge" ? [] : others.filter { $0.kind == "bridge" }.prefix(Self.mostBridges)
    let ordered = [interface].compactMap { $0 } + others.filter { $0.kind != "bridge" } + bridges
    var addresses: [IPAddress] = []
    for address in ordered.flatMap(\.addresses).map(\.address)
    where address.family == family && !addresses.contains(address)
      && (!address.isLinkLocal || interface?.owns(address) == true)
    {
      addresses.append(address)
      if addresses.count == Self.mostAddresses { break }
    }
    return addresses
  }
}

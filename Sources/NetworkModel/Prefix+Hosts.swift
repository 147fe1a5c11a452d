// SPDX-License-Identifier: GPL-3.0-or-later

extension Prefix {
  /// Addresses of hosts in a network, at most three, without the network's own address and without these.
  package func hosts(except others: [IPAddress]) -> [IPAddress] {
    (1...5).compactMap { offset in
      let address = IPAddress(family: family, bits: self.address.bits + UInt128(offset))
      return address.bits < last.bits && !others.contains(address) ? address : nil
    }.prefix(3).map { $0 }
  }
}

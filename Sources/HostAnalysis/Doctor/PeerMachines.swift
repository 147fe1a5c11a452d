// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import PolicyLanguage

/// Maps each peer of a tunnel to its machine of the policy. It uses indexes, since a hub has thousands of both.
package struct PeerMachines: Sendable {
  private let machines: [Machine]
  private let byKey: [String: Int]
  private let byAddress: [Prefix: Int]
  private let hub: Machine?
  private let hubAddresses: [IPAddress]

  /// Builds the indexes for the peers that a machine has in a tunnel of its policy.
  package init(_ tunnel: Tunnel, of machine: Machine, in policy: Policy) {
    let machines = policy.machines.filter {
      $0.name != machine.name && !$0.addresses(in: tunnel.name).isEmpty
    }
    var (byKey, byAddress): ([String: Int], [Prefix: Int]) = ([:], [:])
    for (index, machine) in machines.enumerated() {
      if let key = machine.key, byKey[key] == nil { byKey[key] = index }
      for address in machine.addresses(in: tunnel.name) where byAddress[Prefix(address)] == nil {
        byAddress[Prefix(address)] = index
      }
    }
    let hub = machines.first { $0.name == tunnel.hub }
    (self.machines, self.byKey, self.byAddress, self.hub) = (machines, byKey, byAddress, hub)
    hubAddresses = hub?.addresses(in: tunnel.name) ?? []
  }

  /// The machine of a peer: by its key, else by one of the machine's addresses as a host prefix in its AllowedIPs.
  package func machine(of peer: WireGuardPeer) -> Machine? {
    if let index = byKey[peer.publicKey.description] { return machines[index] }
    if let index = peer.allowedIPs.compactMap({ byAddress[$0] }).min() { return machines[index] }
    // A peer whose AllowedIPs contain the hub's address relays for the tunnel: it is the hub.
    let isHub = hubAddresses.contains { address in peer.allowedIPs.contains { $0.contains(address) } }
    return isHub ? hub : nil
  }
}

/// The addresses that a set of prefixes covers. A lookup costs one step for each prefix length in the set, however
/// many prefixes there are.
struct CoveredAddresses {
  private var prefixes: Set<Prefix> = []
  private var lengths: [AddressFamily: Set<Int>] = [:]

  init(_ all: some Sequence<Prefix>) {
    for prefix in all where prefixes.insert(prefix).inserted {
      lengths[prefix.family, default: []].insert(prefix.length)
    }
  }

  /// Whether one of the prefixes contains the address.
  func contains(_ address: IPAddress) -> Bool {
    lengths[address.family, default: []].contains {
      prefixes.contains(Prefix(containing: address, length: $0))
    }
  }
}

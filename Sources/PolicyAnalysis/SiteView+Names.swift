// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import PolicyLanguage

extension SiteView {
  /// The narrowest service of the policy and the catalogue that a port belongs to.
  package func service(_ transport: IPProtocol, _ port: UInt16) -> String? {
    ServiceIndex(policy).name(transport, port)
  }

  /// The name of the sender of an address in a zone: in a tunnel, the machine that has the address or that
  /// routes it; else the zone.
  package func sender(_ address: IPAddress, in zone: SiteZone) -> String {
    guard zone.kind == .tunnel, let tunnel = policy.tunnel(named: zone.name) else { return zone.name }
    let peers = policy.machines.filter { !$0.addresses(in: tunnel.name).isEmpty && $0.name != machine.name }
    if let owner = peers.first(where: { $0.addresses(in: tunnel.name).contains(address) }) {
      return owner.name
    }
    let router = peers.first { peer in
      (peer.subnets + peer.zones.flatMap(\.prefixes)).contains { $0.contains(address) }
    }
    return router?.name ?? zone.name
  }
}

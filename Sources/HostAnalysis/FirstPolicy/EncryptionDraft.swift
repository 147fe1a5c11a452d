// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// The lines of a first policy that keep traffic between hosts inside a tunnel: for a host with containers, whose
/// overlay networks and services may use public addresses, and peers whose public addresses stay the same.
struct EncryptionDraft {
  /// The host's own `endpoint`; empty if it has none.
  let endpointLine: String
  /// The section `encrypt`; empty if there is nothing to encrypt.
  let lines: String

  init(_ basis: FirstPolicy.Basis, _ own: String, _ tunnels: [TunnelDraft], _ zones: ZoneDrafts) {
    let guests = basis.interfaces.contains { zones.isContainers($0.name) }
    let addresses = basis.interfaces.filter { interface in
      !interface.isLoopback && !tunnels.contains { $0.interface == interface.name }
    }.flatMap(\.addresses).map(\.address).filter { address in
      !address.isLinkLocal && !address.isPrivate
        && !tunnels.flatMap(\.prefixes).contains { $0.contains(address) }
    }.unique.sorted()
    guard guests, !addresses.isEmpty, tunnels.contains(where: { $0.listen != nil }) else {
      (endpointLine, lines) = ("", "")
      return
    }
    let ports = Dictionary(
      basis.devices.flatMap(\.peers).compactMap { peer in peer.endpoint.map { (peer.publicKey, $0) } },
      uniquingKeysWith: { first, _ in first })
    let encrypted = tunnels.compactMap { tunnel -> String? in
      let peers = tunnel.peers.filter { peer in
        // Their packets are known by the port of the tunnel, which must be the same at both ends.
        guard let listen = tunnel.listen, peer.certainty == .known, let key = peer.key,
          let endpoint = ports[key]
        else { return false }
        return peer.endpoint == [endpoint.address] && endpoint.port == listen
          && basis.session?.client != endpoint.address
      }.map(\.name)
      return peers.isEmpty
        ? nil : "  - { between: [\(([own] + peers).joined(separator: ", "))], tunnel: \(tunnel.name) }\n"
    }
    endpointLine =
      "    endpoint: \(FirstPolicy.list(addresses))  # guess: the public addresses of this host's interfaces\n"
    lines =
      encrypted.isEmpty
      ? ""
      : "# guess: what these hosts send each other goes through the tunnel only, also what containers send.\n"
        + "encrypt:\n" + encrypted.joined() + "\n"
  }
}

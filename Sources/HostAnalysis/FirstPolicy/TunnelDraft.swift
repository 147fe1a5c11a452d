// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// A tunnel of a first policy, with its peers.
struct TunnelDraft {
  package let name: String
  /// The host's own addresses in it.
  let addresses: [IPAddress]
  private let prefixes: [Prefix]
  private let listen: UInt16?
  private let peers: [Peer]
  private let isHub: Bool

  private struct Peer {
    let name: String
    /// Where its name comes from.
    let origin: String
    let key: WireGuardKey
    /// Its own addresses in the tunnel.
    let addresses: [IPAddress]
    /// Networks behind it.
    let subnets: [Prefix]
    /// AllowedIPs that a policy cannot express, and why.
    let others: [String]
  }

  /// Creates a draft; nil if the interface has no address that is not link-local.
  init?(_ device: WireGuardDevice, _ basis: FirstPolicy.Basis, _ names: inout FirstPolicyNames) {
    guard let interface = basis.interfaces.first(where: { $0.name == device.name }) else { return nil }
    let own = interface.addresses.filter { !$0.address.isLinkLocal }
    if own.isEmpty { return nil }
    name = device.name.description
    addresses = own.map(\.address)
    listen = device.listenPort
    let prefixes = Self.prefixes(own, device)
    self.prefixes = prefixes
    let elsewhere = basis.interfaces.filter { $0.name != device.name && !$0.isLoopback }
      .flatMap(\.addresses).filter { !$0.address.isLinkLocal }.map(\.network)
    peers = device.peers.map {
      Self.peer($0, prefixes, elsewhere, addresses: own.map(\.address), basis, &names)
    }
    // A host that forwards, and has host addresses of several peers, relays between them.
    isHub = basis.forwarding == .on && peers.count { !$0.addresses.isEmpty } > 1
  }

  /// The interface's networks. For a single host address (`/32`, `/128`): the AllowedIP of a peer that contains it,
  /// else a network of usual size (`/24`, `/64`).
  private static func prefixes(_ own: [InterfaceAddress], _ device: WireGuardDevice) -> [Prefix] {
    let networks = own.map { address -> Prefix in
      let family = address.address.family
      guard address.prefixLength == family.bitWidth else { return address.network }
      let usual = family == .ipv4 ? 24 : 64
      let routed = device.peers.flatMap(\.allowedIPs).first { prefix in
        prefix.family == family && prefix.length > 0 && prefix.length < family.bitWidth
          && prefix.contains(address.address)
      }
      return routed ?? Prefix(containing: address.address, length: usual)
    }
    // Networks inside another one are removed.
    return Set(networks).filter { one in
      !networks.contains {
        $0 != one && $0.family == one.family && $0.length < one.length && $0.contains(one.address)
      }
    }.sorted()
  }

  private static func peer(
    _ peer: WireGuardPeer, _ prefixes: [Prefix], _ elsewhere: [Prefix], addresses own: [IPAddress],
    _ basis: FirstPolicy.Basis, _ names: inout FirstPolicyNames
  ) -> Peer {
    var addresses: [IPAddress] = []
    var subnets: [Prefix] = []
    var others: [String] = []
    for allowed in peer.allowedIPs.sorted() {
      let isInside = prefixes.contains { $0.contains(allowed.address) }
      if isInside, allowed.length == allowed.family.bitWidth, !own.contains(allowed.address) {
        addresses.append(allowed.address)
      } else if allowed.length == 0 {
        others.append("\(allowed): a default route, so the peer's own address is not known")
      } else if isInside || prefixes.contains(where: { allowed.contains($0.address) }) {
        others.append("\(allowed): the tunnel itself, so the peer's own address is not known")
      } else if elsewhere.contains(where: { $0.contains(allowed.address) || allowed.contains($0.address) }) {
        others.append("\(allowed): also a network of this host (see wgfence doctor)")
      } else {
        subnets.append(allowed)
      }
    }
    let given = basis.peerNames[peer.publicKey]
    let suffix = addresses.first.map { "\($0)" } ?? String(peer.publicKey.description.prefix(8))
    return Peer(
      name: names.take(given ?? "peer-\(suffix)", or: "peer"),
      origin: given == nil ? "guess: rename it" : "named by a comment in WireGuard's configuration",
      key: peer.publicKey, addresses: addresses, subnets: addresses.isEmpty ? [] : subnets,
      others: others + (addresses.isEmpty ? subnets.map { "\($0): behind it" } : []))
  }

  /// The tunnel's line below `tunnels`.
  func tunnelLines(_ own: String) -> String {
    var parts = ["prefixes: \(FirstPolicy.list(prefixes))"]
    if let listen { parts.append("listen: \(listen)") }
    if isHub { parts.append("hub: \(own)") }
    let note = isHub ? "  # guess: a hub, since it forwards packets and has several peers" : ""
    return "  \(name): { \(parts.joined(separator: ", ")) }\(note)\n"
  }

  /// The lines of its peers below `machines`. A peer without a known address is written as a comment: a policy needs
  /// the address.
  func machineLines() -> String {
    var text = ""
    for peer in peers {
      let isKnown = !peer.addresses.isEmpty
      var parts = ["addresses: { \(name): \(isKnown ? FirstPolicy.list(peer.addresses) : "ITS-ADDRESS") }"]
      if !peer.subnets.isEmpty { parts.append("subnets: \(FirstPolicy.list(peer.subnets))") }
      parts.append("key: \"\(peer.key)\"")
      text += "  \(isKnown ? "" : "# ")\(peer.name): { \(parts.joined(separator: ", ")) }  # \(peer.origin)\n"
      for other in peer.others { text += "  #   AllowedIPs \(other)\n" }
    }
    return text
  }
}

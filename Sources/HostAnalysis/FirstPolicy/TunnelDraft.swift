// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// A tunnel of a first policy, with its peers.
struct TunnelDraft {
  package let name: String
  let interface: InterfaceName
  /// The host's own addresses in it.
  let addresses: [IPAddress]
  let prefixes: [Prefix]
  /// Its fixed UDP port; nil if WireGuard chooses one.
  let listen: UInt16?
  let peers: [PeerDraft]
  let isHub: Bool

  /// What the drafts of a policy share.
  struct Shared {
    var names: FirstPolicyNames
    /// Addresses and networks that an earlier machine has: two machines cannot have the same ones.
    var addresses: Set<IPAddress> = []
    var subnets: [Prefix] = []
    /// The names of machines by their keys: a peer of two tunnels is one machine.
    var machines: [WireGuardKey: String] = [:]
    /// The prefixes of every tunnel of the host.
    var tunnels: [Prefix] = []
  }

  /// Creates a draft; nil if the interface has no address that is not link-local.
  init?(_ device: WireGuardDevice, _ basis: FirstPolicy.Basis, _ shared: inout Shared) {
    guard let interface = basis.interfaces.first(where: { $0.name == device.name }) else { return nil }
    let own = interface.addresses.filter { !$0.address.isLinkLocal }
    let prefixes = Self.prefixes(own, device)
    if own.isEmpty || shared.tunnels.contains(where: { one in prefixes.contains { $0.overlaps(one) } }) {
      return nil
    }
    self.interface = device.name
    name = device.name.description
    addresses = own.map(\.address)
    self.prefixes = prefixes
    listen = ListenPort(device, basis).fixed
    shared.tunnels += prefixes
    shared.addresses.formUnion(addresses)
    // A userspace implementation lists its peers in any order.
    let ordered = device.peers.map { ($0, $0.allowedIPs.min()) }.sorted { left, right in
      if let one = left.1, let two = right.1, one != two { return one < two }
      if (left.1 == nil) != (right.1 == nil) { return left.1 != nil }
      return left.0.publicKey.description < right.0.publicKey.description
    }.map(\.0)
    // Peers with addresses of their own come first, so that an assumed address is a free one.
    let known = ordered.map { Self.hostAddresses($0, prefixes, shared.addresses) }
    shared.addresses.formUnion(known.joined())
    // Those of single hosts are in no other one.
    let wide = device.peers.flatMap(\.allowedIPs).filter { allowed in
      !prefixes.contains { $0.contains(allowed) }
    }
    var peers: [PeerDraft] = []
    for (peer, addresses) in zip(ordered, known) {
      peers.append(Self.peer(peer, addresses, beside: wide, in: self.name, prefixes, own, basis, &shared))
    }
    // Machines of an earlier policy that are reached through a peer.
    for machine in basis.known {
      let inside = machine.addresses.filter { address in
        prefixes.contains { $0.contains(address) } && !shared.addresses.contains(address)
      }
      if inside.isEmpty || machine.key.map({ shared.machines[$0] != nil }) == true { continue }
      shared.addresses.formUnion(inside)
      peers.append(
        PeerDraft(
          name: shared.names.take(machine.name, or: "peer"), origin: "as in the policy in force", key: nil,
          addresses: [(name, inside.sorted())], subnets: [], networks: [], notes: [], endpoint: [],
          certainty: .known))
    }
    self.peers = peers
    // A host that forwards, and has host addresses of several peers, relays between them.
    isHub = basis.forwarding == .on && known.count { !$0.isEmpty } > 1
  }

  /// The interface's networks. For a single host address (`/32`, `/128`): the AllowedIP of a peer that contains it,
  /// else a network of usual size (`/24`, `/64`).
  static func prefixes(_ own: [InterfaceAddress], _ device: WireGuardDevice) -> [Prefix] {
    Prefix.outermost(
      own.map { address -> Prefix in
        let family = address.address.family
        guard address.prefixLength == family.bitWidth else { return address.network }
        let usual = family == .ipv4 ? 24 : 64
        // Shorter prefixes than that are no tunnel, but a part of a default route.
        let routed = device.peers.flatMap(\.allowedIPs).first { prefix in
          prefix.family == family && prefix.length >= 8 && prefix.length < family.bitWidth
            && prefix.contains(address.address)
        }
        return routed ?? Prefix(containing: address.address, length: usual)
      })
  }

  /// A peer's own addresses in a tunnel: host prefixes among its AllowedIPs.
  static func hostAddresses(_ peer: WireGuardPeer, _ prefixes: [Prefix], _ taken: Set<IPAddress>)
    -> [IPAddress]
  {
    peer.allowedIPs.filter { allowed in
      allowed.length == allowed.family.bitWidth && !taken.contains(allowed.address)
        && prefixes.contains { $0.contains(allowed.address) }
    }.map(\.address).sorted()
  }

  /// Wider AllowedIPs are a default route, and not a network whose hosts are senders; a network in more parts is not
  /// written in grants.
  private static let (leastNetwork, mostParts) = (8, 24)

  private static func peer(
    _ peer: WireGuardPeer, _ known: [IPAddress], beside others: [Prefix], in tunnel: String,
    _ prefixes: [Prefix],
    _ own: [InterfaceAddress], _ basis: FirstPolicy.Basis, _ shared: inout Shared
  ) -> PeerDraft {
    let networks = basis.interfaces.filter { $0.name.description != tunnel && !$0.isLoopback }
      .flatMap(\.addresses).filter { !$0.address.isLinkLocal && $0.prefixLength > 0 }.map(\.network)
    var subnets: [Prefix] = []
    var senders: [(allowed: Prefix, parts: [Prefix])] = []
    var notes: [String] = []
    for allowed in peer.allowedIPs.sorted() where !known.contains(where: { Prefix($0) == allowed }) {
      if prefixes.contains(where: { $0 == allowed }) {
        notes.append("\(allowed): the tunnel itself, so the peer's own address is not known")
      } else if prefixes.contains(where: { $0.contains(allowed) }) {
        notes.append("\(allowed): a part of the tunnel")
      } else if networks.contains(where: { $0.contains(allowed) }) {
        notes.append("\(allowed): also a network of this host (see wgfence doctor)")
      } else {
        // Narrower AllowedIPs are routed first. Networks of this host are reached without the tunnel.
        let narrower = others.filter { $0 != allowed && allowed.contains($0) }
        let outside = Self.outside(basis) + shared.tunnels + networks + shared.subnets + narrower
        let rest = Prefix.subtract(outside.filter { $0.overlaps(allowed) }, from: [allowed])
        if rest.isEmpty {
          notes.append("\(allowed): behind another machine, or not unicast")
          continue
        }
        if rest != [allowed] {
          notes.append("\(allowed): written without the tunnels, this host's and other machines' networks")
        }
        if allowed.length >= Self.leastNetwork, rest.count <= Self.mostParts {
          senders.append((allowed, rest.sorted()))
        }
        subnets += rest
      }
    }
    shared.subnets += subnets
    let suffix = known.first.map { "\($0)" } ?? String(peer.publicKey.description.prefix(8))
    let earlier = basis.known.first { machine in
      machine.key == peer.publicKey || machine.addresses.contains { known.contains($0) }
    }
    let given = basis.peerNames[peer.publicKey]
    let name =
      shared.machines[peer.publicKey]
      ?? shared.names.take(given ?? earlier?.name ?? "peer-\(suffix)", or: "peer")
    shared.machines[peer.publicKey] = name
    let certainty: PeerDraft.Certainty = known.isEmpty ? subnets.isEmpty ? .suggested : .assumed : .known
    var addresses = known
    if addresses.isEmpty {
      addresses = prefixes.compactMap { Self.free($0, shared.addresses) }
      shared.addresses.formUnion(addresses)
    }
    return PeerDraft(
      name: name,
      origin: given != nil
        ? "named by a comment in WireGuard's configuration"
        : earlier != nil ? "as in the policy in force" : "guess: rename it",
      key: peer.publicKey, addresses: [(tunnel, addresses)], subnets: subnets.sorted(), networks: senders,
      notes: notes, endpoint: Self.endpoint(peer, subnets, basis, shared), certainty: certainty)
  }

  /// What is never reached through a peer although its AllowedIPs contain it: addresses that are not unicast, and the
  /// client of the caller's own session, if it does not come through a tunnel.
  private static func outside(_ basis: FirstPolicy.Basis) -> [Prefix] {
    let special = [
      "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/3", "4000::/2", "8000::/2", "c000::/3",
      "e000::/4", "f000::/5", "f800::/6", "fe00::/7",
    ].compactMap { Prefix($0) }
    guard let session = basis.session, !basis.devices.contains(where: { $0.name == session.interface }) else {
      return special
    }
    return special + [Prefix(session.client)]
  }

  /// The peer's public address, if it is known to stay: it is in WireGuard's configuration, and is a public one. Also
  /// if a subnet contains it, since WireGuard's own packets go there.
  private static func endpoint(
    _ peer: WireGuardPeer, _ subnets: [Prefix], _ basis: FirstPolicy.Basis, _ shared: Shared
  ) -> [IPAddress] {
    guard let address = peer.endpoint?.address, !address.isLinkLocal,
      !shared.tunnels.contains(where: { $0.contains(address) })
    else { return [] }
    let isInside = subnets.contains { $0.contains(address) }
    let isFixed = basis.fixedEndpoints.contains(peer.publicKey) && !address.isPrivate
    return isInside || isFixed ? [address] : []
  }

  /// The first address of a prefix that no machine has.
  private static func free(_ prefix: Prefix, _ taken: Set<IPAddress>) -> IPAddress? {
    var address = prefix.address
    while address < prefix.last {
      address = IPAddress(family: prefix.family, bits: address.bits + 1)
      if !taken.contains(address) { return address }
    }
    return nil
  }

  /// The tunnel's line below `tunnels`.
  func tunnelLines(_ own: String) -> String {
    var parts = ["prefixes: \(FirstPolicy.list(prefixes))"]
    if let listen { parts.append("listen: \(listen)") }
    if isHub { parts.append("hub: \(own)") }
    var notes: [String] = []
    if listen == nil { notes.append("guess: no 'listen', since WireGuard chooses its port itself") }
    if isHub { notes.append("guess: a hub, since it forwards packets and has several peers") }
    let note = notes.isEmpty ? "" : "  # \(notes.joined(separator: "; "))"
    return "  \(name): { \(parts.joined(separator: ", ")) }\(note)\n"
  }
}

/// The UDP port of a WireGuard interface, and whether it stays the same.
struct ListenPort {
  /// The port; nil if WireGuard chooses another one at each start.
  let fixed: UInt16?

  /// The usual ports of WireGuard, which lie among the ephemeral ones: 51820 and the ports that follow it on hosts
  /// with several tunnels.
  private static let usual: ClosedRange<UInt16> = 51820...51899

  /// What the configuration file says is certain. Without a file, an ephemeral port is a chosen one if the host calls
  /// its peers, and they do not call it.
  init(_ device: WireGuardDevice, _ basis: FirstPolicy.Basis) {
    switch basis.writtenPorts[device.name] {
    case .fixed: fixed = device.listenPort
    case .absent: fixed = nil
    case nil:
      let isEphemeral = device.listenPort.map {
        basis.ephemeralPorts.contains($0) && !Self.usual.contains($0)
      }
      let isClient =
        !device.peers.isEmpty && device.peers.allSatisfy { $0.endpoint != nil }
        && (device.peers.count == 1 || device.peers.allSatisfy { $0.persistentKeepalive > 0 })
      fixed = isEphemeral == true && isClient ? nil : device.listenPort
    }
  }
}

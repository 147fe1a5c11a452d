// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// Checks of the peers' AllowedIPs.
extension DoctorSubject {
  /// A network of this host that may overlap with a prefix of a tunnel.
  private struct OwnNetwork: Hashable {
    let prefix: Prefix
    /// What it is, as in `the network of the bridge docker0`.
    let what: String
    /// The interface that has it; nil for a network that only Docker knows.
    let interface: InterfaceName?
  }

  /// Checks that no prefix of a tunnel overlaps with a network of this host. Default routes (full tunnels) are no
  /// overlap.
  func allowedIPsOverlap() -> CheckResult {
    guard !tunnels.isEmpty else { return .notMade(.allowedIPsOverlap, Self.noTunnel) }
    let own = ownNetworks
    var result = CheckResult(
      .allowedIPsOverlap,
      lookedAt: "the prefixes of \(names) and \(counted(own.count, "network")) of this host")
    var seen: Set<[String]> = []
    for tunnel in tunnels {
      if tunnel.device == nil, tunnel.interface != nil { result.miss(tunnel.whyUnread) }
      for (prefix, whose) in prefixes(of: tunnel) where !prefix.isEverything {
        for network in own where network.interface != tunnel.name && network.prefix.overlaps(prefix) {
          guard seen.insert([prefix.description, network.what, network.prefix.description]).inserted else {
            continue
          }
          let (found, fix) = Self.overlap(prefix, whose, network)
          result.find(.warning, found, fix: fix)
        }
      }
    }
    addSharedPrefixes(&result)
    return result
  }

  private static func overlap(_ prefix: Prefix, _ whose: String, _ network: OwnNetwork) -> (String, String) {
    let change = "renumber one of the two networks, or remove the part that is not intended from AllowedIPs"
    if prefix == network.prefix {
      return ("\(prefix) is \(whose) and also \(network.what): only one of them is reached", change)
    }
    if prefix.contains(network.prefix) {
      return (
        "\(prefix), \(whose), contains \(network.prefix), which is \(network.what): that part is not "
          + "reached through the tunnel",
        change
      )
    }
    return (
      "\(prefix), \(whose), is inside \(network.prefix), which is \(network.what): packets to that part go "
        + "into the tunnel",
      change
    )
  }

  /// Adds prefixes that are in the AllowedIPs of two tunnels: only one of the two routes is used.
  private func addSharedPrefixes(_ result: inout CheckResult) {
    var owner: [Prefix: InterfaceName] = [:]
    for tunnel in tunnels {
      for prefix in Set(tunnel.device?.peers.flatMap(\.allowedIPs) ?? []).sorted() {
        if let other = owner[prefix], other != tunnel.name {
          result.find(
            .warning,
            "\(prefix) is in the AllowedIPs of \(other) and of \(tunnel.name): only one of them gets its "
              + "packets",
            fix: "remove it from one of them")
        } else {
          owner[prefix] = tunnel.name
        }
      }
    }
  }

  /// A tunnel's prefixes, each with its owner in words.
  private func prefixes(of tunnel: DoctorTunnel) -> [(Prefix, String)] {
    let inside =
      tunnel.policy?.prefixes ?? tunnel.interface?.addresses.filter { !$0.address.isLinkLocal }.map(\.network)
      ?? []
    let peers = tunnel.device?.peers ?? []
    return inside.map { ($0, "a prefix of \(tunnel.name)") }
      + peers.flatMap { peer -> [(Prefix, String)] in
        let whose = "an AllowedIP of \(name(of: peer, in: tunnel)) in \(tunnel.name)"
        return peer.allowedIPs.filter { !inside.contains($0) }.map { ($0, whose) }
      }
  }

  /// The networks of the interfaces, including other tunnels, and those that only Docker knows.
  private var ownNetworks: [OwnNetwork] {
    var networks: [OwnNetwork] = []
    for interface in facts.host.interfaces where !interface.isLoopback && interface.state == .up {
      for address in interface.addresses where !address.address.isLinkLocal && address.network.length > 1 {
        // A single host address is not a network.
        if address.prefixLength == address.address.family.bitWidth { continue }
        let kind = interface.kind == "bridge" ? "the network of the bridge" : "the network of"
        networks.append(
          OwnNetwork(prefix: address.network, what: "\(kind) \(interface.name)", interface: interface.name))
      }
    }
    for network in facts.docker.value?.networks ?? [] {
      for subnet in network.subnets where !networks.contains(where: { $0.prefix == subnet }) {
        networks.append(
          OwnNetwork(prefix: subnet, what: "Docker's network \(network.name)", interface: nil))
      }
    }
    return networks
  }

  // MARK: Comparison with the policy

  /// Checks that every peer's AllowedIPs are what the policy gives its machine, and no more.
  func allowedIPsPolicy() -> CheckResult {
    guard role != nil else { return .notMade(.allowedIPsPolicy, Self.noPolicy) }
    let planned = tunnels.filter { $0.policy != nil }
    guard !planned.isEmpty else {
      return .notMade(.allowedIPsPolicy, "the policy gives this machine no tunnel address")
    }
    let names = planned.map(\.name.description).joined(separator: ", ")
    var result = CheckResult(.allowedIPsPolicy, lookedAt: "the peers of \(names) and the policy's machines")
    for tunnel in planned {
      guard let device = tunnel.device else {
        result.miss(tunnel.whyUnread)
        continue
      }
      for peer in device.peers { judge(peer, in: tunnel, &result) }
      addUnreached(tunnel, device, &result)
    }
    return result
  }

  private func judge(_ peer: WireGuardPeer, in tunnel: DoctorTunnel, _ result: inout CheckResult) {
    guard let role, let planned = tunnel.policy else { return }
    let key = peer.publicKey.description
    guard let machine = machine(of: peer, in: tunnel) else {
      result.find(
        .warning,
        "\(tunnel.name) has a peer that is not a machine of the policy: \(key)"
          + (peer.allowedIPs.isEmpty ? "" : " with \(enumerated(peer.allowedIPs.map(\.description)))"),
        fix: "add it to the policy's machines, or remove it: wg set \(tunnel.name) peer \(key) remove")
      return
    }
    if let known = machine.key, known != key {
      result.find(
        .error,
        "the peer of \(tunnel.name) with \(machine.name)'s addresses has a key that differs from the "
          + "policy's: \(key)",
        fix: "correct the key in the policy or in WireGuard's configuration")
    }
    var expected = machine.addresses(in: tunnel.name).map { Prefix($0) } + machine.subnets
    expected += machine.zones.flatMap(\.prefixes)
    if planned.hub == machine.name {
      let others = role.others(in: tunnel.name)
      expected += planned.prefixes + others.flatMap(\.subnets) + others.flatMap(\.zones).flatMap(\.prefixes)
    }
    let wider = peer.allowedIPs.filter { prefix in !expected.contains { $0.contains(prefix) } }
    let everything = wider.filter(\.isEverything)
    if !everything.isEmpty {
      result.find(
        .information,
        "all traffic is routed to \(machine.name) (\(enumerated(everything.map(\.description)))), and "
          + "WireGuard accepts any source address from it",
        fix: "nothing, if this machine is meant to reach the internet through \(machine.name)")
    }
    let beyond = wider.filter { !$0.isEverything }
    if !beyond.isEmpty {
      result.find(
        .warning,
        "\(machine.name)'s AllowedIPs in \(tunnel.name) are wider than the policy's addresses and subnets: "
          + enumerated(beyond.map(\.description)),
        fix: "remove them from WireGuard's configuration, or give \(machine.name) these subnets in the policy"
      )
    }
    // A hub must have a route to the subnets behind each machine.
    if planned.hub == role.machine.name {
      let missing = machine.subnets.filter { subnet in
        tunnel.carries(subnet.family) && !peer.allowedIPs.contains { $0.contains(subnet) }
      }
      if !missing.isEmpty {
        result.find(
          .warning,
          "\(machine.name)'s AllowedIPs lack subnets that it has in the policy: "
            + "\(enumerated(missing.map(\.description)))",
          fix: "add them to the AllowedIPs of \(machine.name) on this host")
      }
    }
  }

  /// Adds machines of the policy whose addresses no peer has: WireGuard sends nothing to them, and accepts nothing
  /// from them.
  private func addUnreached(_ tunnel: DoctorTunnel, _ device: WireGuardDevice, _ result: inout CheckResult) {
    guard let role else { return }
    let allowed = CoveredAddresses(device.peers.lazy.flatMap(\.allowedIPs))
    for machine in role.partners(in: tunnel.name) {
      let missing = machine.addresses(in: tunnel.name).filter { address in
        tunnel.addresses.contains { $0.family == address.family }
          && !allowed.contains(address)
      }
      guard !missing.isEmpty else { continue }
      let via = role.policy.tunnel(named: tunnel.name.description)?.hub
      let peer = via == nil || via == role.machine.name ? machine.name : via ?? machine.name
      result.find(
        .warning,
        "no peer of \(tunnel.name) has \(machine.name)'s address in its AllowedIPs: "
          + "\(enumerated(missing.map(\.description)))",
        fix: "add it to the AllowedIPs of the peer \(peer)")
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// The prefixes of zones with `prefixes: live`: the networks of their interfaces' own addresses.
///
/// A live network never takes an address that the policy places elsewhere: what is in a tunnel, in another zone, behind
/// another machine or an endpoint stays there, whatever address a network hands out. Where no network is known (in a
/// file, on other machines, on an interface without an address), a reserved prefix stands for them, which contains no
/// address of a packet and overlaps nothing of the policy.
struct LiveNetworks {
  private let tunnels: [Prefix]
  /// What the policy places elsewhere on any machine.
  private let taken: [Prefix]

  init(tunnels: [Tunnel], machines: [Machine]) {
    self.tunnels = tunnels.flatMap(\.prefixes)
    taken = machines.flatMap { machine in
      machine.endpoint.prefixes + machine.zones.filter { $0.prefixOrigin == .written }.flatMap(\.prefixes)
    }
  }

  /// The zones of a machine with the networks of its interfaces.
  func zones(
    of machine: Machine, behind subnets: [Prefix], networks: [InterfaceName: [Prefix]]
  ) -> [Zone] {
    var given: [Prefix] = []
    return machine.zones.enumerated().map { place, zone in
      guard zone.prefixOrigin == .live else { return zone }
      let own = networks.filter { interface, _ in zone.interfaces.contains { $0.matches(interface) } }
        .flatMap(\.value).filter { $0.length > 0 }
      let elsewhere =
        tunnels + machine.zones.filter { $0.prefixOrigin == .written }.flatMap(\.prefixes) + subnets
      let known = Prefix.subtract(elsewhere + given, from: Prefix.outermost(own))
      var result = zone
      result.prefixes = known.isEmpty ? placeholders(place, besides: given) : known.sorted()
      given += result.prefixes
      return result
    }
  }

  /// The prefixes that stand for unknown networks: of 240.0.0.0/4, which is reserved (RFC 1112 section 4), and of
  /// e000::/4, which is not assigned (RFC 4291 section 2.4). `place` is the zone's number on its machine.
  private func placeholders(_ place: Int, besides given: [Prefix]) -> [Prefix] {
    AddressFamily.allCases.map { family in
      func network(_ number: Int) -> Prefix {
        let (base, shift, length): (UInt128, UInt128, Int) =
          family == .ipv4 ? (0xf000_0000, 8, 24) : (UInt128(0xe000) << 112, 64, 64)
        return Prefix(
          containing: IPAddress(family: family, bits: base | UInt128(number) << shift), length: length)
      }
      // There is always one, since a zone without prefixes would have every source: even if the policy uses all of
      // them, no packet has such an address.
      let free = (place + 1...place + 1024).first { number in
        !(taken + tunnels + given).contains { $0.overlaps(network(number)) }
      }
      return network(free ?? place + 1)
    }
  }
}

extension Array<Machine> {
  /// The machines with the networks of their zones with `prefixes: live`; `networks` are known by machine.
  func withLiveNetworks(
    _ networks: [String: [InterfaceName: [Prefix]]], tunnels: [Tunnel]
  ) -> [Machine] {
    guard contains(where: { $0.zones.contains { $0.prefixOrigin == .live } }) else { return self }
    let resolver = LiveNetworks(tunnels: tunnels, machines: self)
    return map { machine in
      guard machine.zones.contains(where: { $0.prefixOrigin == .live }) else { return machine }
      let behind = filter { $0.name != machine.name }.flatMap(\.subnets)
      var result = machine
      result.zones = resolver.zones(of: machine, behind: behind, networks: networks[machine.name] ?? [:])
      return result
    }
  }
}

extension Policy {
  /// Whether a zone of the machine has `prefixes: live`.
  public func followsNetworks(of machine: String) -> Bool {
    self.machine(named: machine)?.zones.contains { $0.prefixOrigin == .live } ?? false
  }

  /// Whether the ruleset of the machine depends on the state of its WireGuard: on the endpoints of machines with
  /// `endpoint: live`, or on a port that the policy does not fix.
  public func followsWireGuard(of machine: String?) -> Bool {
    let own = machine.flatMap { self.machine(named: $0) }
    return machines.contains { $0.endpoint == .live }
      || tunnels.contains { own?.choosesPort(of: $0) == true }
  }

  /// The policy with what is known now of its machines: the networks of zones with `prefixes: live`, and WireGuard's
  /// ports. The result does not depend on what was known before.
  public func following(_ live: LiveFacts) -> Policy {
    let isFollowing = machines.contains { machine in
      !machine.livePorts.isEmpty || machine.zones.contains { $0.prefixOrigin == .live }
    }
    guard isFollowing || !live.ports.isEmpty else { return self }
    let now = machines.withLiveNetworks(live.networks, tunnels: tunnels).map { machine in
      var machine = machine
      machine.livePorts = live.ports[machine.name] ?? [:]
      return machine
    }
    return Policy(
      path: path, tunnels: tunnels, machines: now, groups: groups, services: services, lists: lists,
      block: block, grants: grants,
      encryptions: encryptions, translations: translations,
      failsafe: failsafe, tests: tests, observed: observed,
      confinements: confinements, refused: refused)
  }
}

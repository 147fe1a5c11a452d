// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// The zones of a first policy: guests of the host, and networks that are probably local.
struct ZoneDrafts {
  /// A local network, by the prefixes of its interfaces.
  struct Network {
    let name: String
    var interfaces: [InterfaceName]
    var prefixes: [Prefix]
  }

  private(set) var networks: [Network] = []
  /// Bridges of guests that have other names than those of the zone `containers`.
  let bridges: [InterfaceName]
  private var notes: [String] = []
  private let interfaces: [InterfaceName]

  init(_ basis: FirstPolicy.Basis, _ tunnels: [TunnelDraft], _ names: inout FirstPolicyNames) {
    let shared = SharedBridges(basis.interfaces, outward: basis.uplinks).reasons
    let bridges = UncoveredBridges.bridges(among: basis.interfaces, sharedBridges: Set(shared.keys)) {
      Self.isDefault($0)
    }
    self.bridges = bridges
    interfaces = basis.interfaces.map(\.name)
    for interface in basis.interfaces
    where !interface.isLoopback && interface.master == nil
      && !tunnels.contains(where: { $0.interface == interface.name })
    {
      let prefixes = interface.addresses.filter { !$0.address.isLinkLocal && $0.prefixLength > 0 }.map(
        \.network
      )
      .filter { network in !tunnels.flatMap(\.prefixes).contains { $0.contains(network) } }
      if prefixes.isEmpty || Self.isDefault(interface.name) || bridges.contains(interface.name) { continue }
      let isLocal =
        prefixes.allSatisfy { $0.address.isPrivate } && !basis.uplinks.contains(interface.name)
      guard isLocal else {
        notes.append(
          "    # \(interface.name) is part of the zone 'internet': "
            + (basis.uplinks.contains(interface.name)
              ? "it has the default route" : "its addresses are public") + "\n")
        continue
      }
      add(interface.name, Set(prefixes).sorted(), &names)
    }
  }

  /// Adds an interface; networks that overlap are one zone.
  private mutating func add(
    _ interface: InterfaceName, _ prefixes: [Prefix], _ names: inout FirstPolicyNames
  ) {
    let place = networks.firstIndex { $0.prefixes.contains { one in prefixes.contains { $0.overlaps(one) } } }
    if let place {
      networks[place].interfaces.append(interface)
      networks[place].prefixes = Prefix.outermost(networks[place].prefixes + prefixes)
      return
    }
    let name = names.take(networks.isEmpty ? "lan" : "lan-\(interface)", or: "lan-\(networks.count + 1)")
    networks.append(Network(name: name, interfaces: [interface], prefixes: prefixes))
  }

  private static func isDefault(_ interface: InterfaceName) -> Bool {
    DefaultContainers.interfaces.contains { $0.matches(interface) }
  }

  /// Whether the zone `containers` has the interface.
  func isContainers(_ interface: InterfaceName) -> Bool {
    bridges.contains(interface) || Self.isDefault(interface)
  }

  /// The zone of packets from an address that arrive on an interface.
  func zone(of address: IPAddress, on interface: InterfaceName?) -> String {
    if let interface, isContainers(interface) { return Zone.containers }
    let zone = networks.first { network in
      (interface.map { network.interfaces.contains($0) } ?? true)
        && (address.isLinkLocal || network.prefixes.contains { $0.contains(address) })
    }
    return zone?.name ?? Zone.internet
  }

  /// The lines below the machine; `isEmpty` is whether the machine has no other line.
  func lines(_ isEmpty: Bool) -> String {
    var lines: [String] = []
    if !bridges.isEmpty {
      let all = UncoveredBridges.interfaces(of: DefaultContainers.interfaces, with: bridges)
      lines.append(
        "      containers: { interfaces: \(FirstPolicy.list(all)) }  # guess: "
          + "\(bridges.map(\.description).joined(separator: ", ")), without a port or route of a network\n")
    }
    for network in networks {
      lines.append(
        "      \(network.name): { interfaces: \(FirstPolicy.list(network.interfaces)), prefixes: "
          + "\(FirstPolicy.list(network.prefixes)) }  # guess: a LAN, by its private addresses\n")
    }
    if lines.isEmpty { return notes.joined() + (isEmpty ? "    zones: {}\n" : "") }
    return notes.joined() + "    zones:\n" + lines.joined()
  }
}

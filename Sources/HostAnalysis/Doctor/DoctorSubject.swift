// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PolicyAnalysis
public import PolicyLanguage

/// The input of the checks: a host and, if there is one, its policy. Each check is a function of this value alone.
public struct DoctorSubject: Sendable {
  /// The host.
  public let facts: HostFacts
  /// The policy and the host's machine in it; nil without a policy.
  public let role: Role?
  /// The tunnels to check: the policy's for this machine, then others that WireGuard has, by name.
  public let tunnels: [DoctorTunnel]
  /// The machines of the peers of the policy's tunnels.
  private let peerMachines: [InterfaceName: PeerMachines]

  /// A machine of a policy.
  public struct Role: Sendable {
    /// The policy.
    public let policy: Policy
    /// The host's machine in it.
    public let machine: Machine

    /// Creates a role from its parts.
    public init(policy: Policy, machine: Machine) {
      self.policy = policy
      self.machine = machine
    }

    /// The other machines in a tunnel.
    func others(in tunnel: InterfaceName) -> [Machine] {
      policy.machines.filter { $0.name != machine.name && !$0.addresses(in: tunnel).isEmpty }
    }

    /// The other machines that exchange packets with this one by some line of the policy; for a hub, all of them.
    func partners(in tunnel: InterfaceName) -> [Machine] {
      let others = others(in: tunnel)
      if policy.tunnel(named: tunnel.description)?.hub == machine.name { return others }
      var names: Set<String> = []
      for encryption in policy.encryptions where encryption.machines.contains(machine.name) {
        names.formUnion(encryption.machines)
      }
      for grant in policy.grants + policy.failsafe {
        let targets = Set(grant.to.map(\.machine))
        let sources = Set(grant.from.compactMap(\.machine))
        if targets.contains(machine.name) { names.formUnion(sources) }
        let isAny = grant.from.contains { if case .tunnel(tunnel) = $0 { true } else { false } }
        if sources.contains(machine.name) || isAny { names.formUnion(targets) }
      }
      return others.filter { names.contains($0.name) }
    }
  }

  /// Creates the input for a host, as a machine of a policy or without one.
  public init(_ facts: HostFacts, as role: Role? = nil) {
    self.facts = facts
    self.role = role
    var named: [DoctorTunnel] = []
    var peerMachines: [InterfaceName: PeerMachines] = [:]
    if let role {
      for tunnel in role.policy.tunnels where !role.machine.addresses(in: tunnel.name).isEmpty {
        named.append(
          DoctorTunnel(
            tunnel.name, facts, policy: tunnel, addresses: role.machine.addresses(in: tunnel.name)))
        peerMachines[tunnel.name] = PeerMachines(tunnel, of: role.machine, in: role.policy)
      }
    }
    let live =
      facts.wireGuard.devices.map(\.name) + facts.wireGuard.unread.keys
      + facts.host.interfaces.filter { $0.kind == "wireguard" }.map(\.name)
    let others = Set(live).subtracting(named.map(\.name)).sorted()
    self.peerMachines = peerMachines
    tunnels = named + others.map { DoctorTunnel($0, facts, policy: nil, addresses: []) }
  }

  /// The tunnels whose devices could be read. For the others, the reason is added to `result` as a gap.
  func devices(_ result: inout CheckResult) -> [(tunnel: DoctorTunnel, device: WireGuardDevice)] {
    if tunnels.isEmpty { result.miss(Self.noTunnel) }
    return tunnels.compactMap { tunnel in
      if let device = tunnel.device { return (tunnel, device) }
      result.miss(tunnel.whyUnread)
      return nil
    }
  }

  /// The route that the kernel reported for a destination; `.unknown` if it was not read.
  func routeFact(to destination: IPAddress, mark: UInt32 = 0) -> RouteFact {
    facts.routes[RouteAsk(destination, mark: mark)] ?? .unknown("the route to \(destination) was not read")
  }

  /// The value of a setting; nil if it could not be read, which is added to `result` as a gap.
  func setting(_ setting: NetworkSetting, _ result: inout CheckResult) -> Int? {
    if let value = facts.settings[setting] { return value }
    result.miss("/proc/sys/net/\(setting.path) cannot be read")
    return nil
  }

  /// The name of a peer: the machine whose key or addresses it has, else the beginning of its key.
  package func name(of peer: WireGuardPeer, in tunnel: DoctorTunnel) -> String {
    machine(of: peer, in: tunnel).map(\.name) ?? "peer \(peer.publicKey.description.prefix(8))…"
  }

  /// The machine of a peer: by its key, else by one of the machine's addresses as a host prefix in its AllowedIPs.
  func machine(of peer: WireGuardPeer, in tunnel: DoctorTunnel) -> Machine? {
    peerMachines[tunnel.name]?.machine(of: peer)
  }

  static let noTunnel = "this host has no WireGuard interface, and no policy names one for it"
  static let noPolicy = "there is no policy to compare with"

  /// Addresses that represent any host on the internet: those of a public resolver, one of each family.
  static let anyone = [
    IPAddress(family: .ipv4, bits: 0x0909_0909), IPAddress(family: .ipv6, bits: 0x2620_00fe << 96 | 9),
  ]
}

/// A tunnel: what the policy says of it, and what the host has.
public struct DoctorTunnel: Sendable {
  /// The name of its interface.
  public let name: InterfaceName
  /// The interface; nil if it does not exist.
  public let interface: NetworkInterface?
  /// The WireGuard device; nil if it does not exist or could not be read.
  public let device: WireGuardDevice?
  /// Why the device could not be read; nil if it was read, or does not exist.
  public let unread: String?
  /// The tunnel in the policy; nil if the policy does not have it.
  public let policy: Tunnel?
  /// The addresses that the policy gives this machine in it.
  public let addresses: [IPAddress]

  init(_ name: InterfaceName, _ facts: HostFacts, policy: Tunnel?, addresses: [IPAddress]) {
    self.name = name
    self.policy = policy
    self.addresses = addresses
    interface = facts.host.interface(named: name)
    device = facts.wireGuard.device(named: name)
    unread = facts.wireGuard.unread[name]
  }

  /// The reason why there is no device to check.
  var whyUnread: String {
    if let unread { return "the WireGuard device \(name) cannot be read: \(unread)" }
    if interface == nil { return "the interface \(name) does not exist" }
    return "\(name) is not a WireGuard device that can be read"
  }

  /// Whether the tunnel carries an address family.
  func carries(_ family: AddressFamily) -> Bool {
    addresses.contains { $0.family == family }
      || (interface?.addresses.contains { $0.address.family == family && !$0.address.isLinkLocal } ?? false)
  }
}

extension Prefix {
  /// Whether it is a whole family, or one half of it (two halves replace `/0` without replacing the default route).
  var isEverything: Bool { length <= 1 }

  /// An address that represents the prefix: the one after the network address, if the prefix has more than two.
  var someone: IPAddress {
    length >= family.bitWidth - 1 ? address : IPAddress(family: family, bits: address.bits + 1)
  }
}

extension IPAddress {
  /// Whether it is multicast (`224.0.0.0/4`, `ff00::/8`).
  var isMulticast: Bool { family == .ipv4 ? bits >> 28 == 0xe : bits >> 120 == 0xff }
  /// Whether it is a global unicast IPv6 address (`2000::/3`).
  var isGlobalIPv6: Bool { family == .ipv6 && bits >> 125 == 1 }
}

/// A list for a sentence: the first `most` items, and how many more there are.
package func enumerated(_ things: [String], most: Int = 4) -> String {
  let shown = things.prefix(most).joined(separator: ", ")
  return things.count > most ? "\(shown) and \(things.count - most) more" : shown
}

/// A number and its noun, as in `2 peers`.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

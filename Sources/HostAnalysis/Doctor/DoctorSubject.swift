// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PolicyAnalysis
public import PolicyLanguage

/// A host and, where there is one, the policy of which it is a machine: what the checks judge. Each check is a function of
/// this value alone.
public struct DoctorSubject: Sendable {
  /// The host.
  public let facts: HostFacts
  /// The policy and the machine as which the host is looked at; nil where it is looked at without one.
  public let role: Role?
  /// The tunnels that should be here: the policy's for this machine, then others that WireGuard has, by name.
  public let tunnels: [DoctorTunnel]
  /// The machines that the peers of the policy's tunnels are.
  private let peerMachines: [InterfaceName: PeerMachines]

  /// A machine of a policy.
  public struct Role: Sendable {
    /// The policy.
    public let policy: Policy
    /// The machine of it.
    public let machine: Machine

    /// A machine of a policy.
    public init(policy: Policy, machine: Machine) {
      self.policy = policy
      self.machine = machine
    }

    /// The other machines of a tunnel.
    func others(in tunnel: InterfaceName) -> [Machine] {
      policy.machines.filter { $0.name != machine.name && !$0.addresses(in: tunnel).isEmpty }
    }

    /// Those of them with which this machine has to do by some line of the policy; a hub has to do with all.
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

  /// A host, looked at as a machine of a policy or without one.
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
        peerMachines[tunnel.name] = PeerMachines(role, in: tunnel)
      }
    }
    let live =
      facts.wireGuard.devices.map(\.name) + facts.wireGuard.unread.keys
      + facts.host.interfaces.filter { $0.kind == "wireguard" }.map(\.name)
    let others = Set(live).subtracting(named.map(\.name)).sorted()
    self.peerMachines = peerMachines
    tunnels = named + others.map { DoctorTunnel($0, facts, policy: nil, addresses: []) }
  }

  /// The devices that can be judged, with their tunnels. What of the others could not be read goes to `result`.
  func devices(_ result: inout CheckResult) -> [(tunnel: DoctorTunnel, device: WireGuardDevice)] {
    if tunnels.isEmpty { result.miss(Self.noTunnel) }
    return tunnels.compactMap { tunnel in
      if let device = tunnel.device { return (tunnel, device) }
      result.miss(tunnel.whyUnread)
      return nil
    }
  }

  /// The answer of the kernel to a question; one that was not asked is unknown.
  func way(_ destination: IPAddress, mark: UInt32 = 0) -> RouteFact {
    facts.routes[RouteAsk(destination, mark: mark)] ?? .unknown("the way to \(destination) was not asked")
  }

  /// The value of a setting; one that could not be read goes to `result`.
  func setting(_ setting: NetworkSetting, _ result: inout CheckResult) -> Int? {
    if let value = facts.settings[setting] { return value }
    result.miss("/proc/sys/net/\(setting.path) could not be read")
    return nil
  }

  /// What a peer is called: the machine whose key or addresses it has, else the beginning of its key.
  package func name(of peer: WireGuardPeer, in tunnel: DoctorTunnel) -> String {
    machine(of: peer, in: tunnel).map(\.name) ?? "peer \(peer.publicKey.description.prefix(8))…"
  }

  /// The machine that a peer is: by its key, else by having one of its addresses, exactly, in its AllowedIPs.
  func machine(of peer: WireGuardPeer, in tunnel: DoctorTunnel) -> Machine? {
    peerMachines[tunnel.name]?.machine(of: peer)
  }

  static let noTunnel = "this host has no WireGuard interface, and no policy names one for it"
  static let noPolicy = "there is no policy to hold it against"

  /// Addresses that stand for anyone on the internet: a public resolver's, one of each family.
  static let anyone = [
    IPAddress(family: .ipv4, bits: 0x0909_0909), IPAddress(family: .ipv6, bits: 0x2620_00fe << 96 | 9),
  ]
}

/// A tunnel as it should be, and as it is.
public struct DoctorTunnel: Sendable {
  /// The name of its interface.
  public let name: InterfaceName
  /// The interface; nil where it is not there.
  public let interface: NetworkInterface?
  /// The device; nil where it is not there or could not be read.
  public let device: WireGuardDevice?
  /// Why the device could not be read.
  public let unread: String?
  /// What the policy says of it; nil where it says nothing.
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

  /// Why there is no device to judge.
  var whyUnread: String {
    if let unread { return "WireGuard does not tell of \(name): \(unread)" }
    if interface == nil { return "\(name) is not there" }
    return "\(name) has no WireGuard that can be asked"
  }

  /// Whether something of a family is to travel in it.
  func carries(_ family: AddressFamily) -> Bool {
    addresses.contains { $0.family == family }
      || (interface?.addresses.contains { $0.address.family == family && !$0.address.isLinkLocal } ?? false)
  }
}

extension Prefix {
  /// Whether it is a whole family, or one half of it, as those write who want to leave the default route alone.
  var isEverything: Bool { length <= 1 }

  /// An address in it that stands for all: not the network's own number, where it has others.
  var someone: IPAddress {
    length >= family.bitWidth - 1 ? address : IPAddress(family: family, bits: address.bits + 1)
  }
}

extension IPAddress {
  /// Whether it goes to many (`224.0.0.0/4`, `ff00::/8`).
  var isMulticast: Bool { family == .ipv4 ? bits >> 28 == 0xe : bits >> 120 == 0xff }
  /// Whether it is IPv6 and unique in the world (`2000::/3`).
  var isGlobalIPv6: Bool { family == .ipv6 && bits >> 125 == 1 }
}

/// A list of things as a sentence has it, the first few of many.
func enumerated(_ things: [String], most: Int = 4) -> String {
  let shown = things.prefix(most).joined(separator: ", ")
  return things.count > most ? "\(shown) and \(things.count - most) more" : shown
}

/// A number and its noun.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

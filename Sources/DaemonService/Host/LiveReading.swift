// SPDX-License-Identifier: GPL-3.0-or-later

internal import Netlink
internal import LinuxHost
internal import NetworkModel
internal import PolicyAnalysis
internal import HostAnalysis
package import PolicyLanguage
internal import Ruleset

/// Whether a host is compared with its policy when live facts are read.
package enum HostChecks {
  case made
  /// The caller makes them itself.
  case left
}

/// The live facts of this host for a policy, as they were read at one moment.
package struct LiveReading {
  /// The facts. Those of a source in `unread` are missing.
  package private(set) var facts = LiveFacts()
  /// Sentences about what is not known, or about how the host differs from the policy.
  package private(set) var gaps: [String] = []
  /// The sources that could not be read.
  private(set) var unread: Set<LiveFacts.Source> = []

  /// A reading of nothing yet.
  init() {}

  /// Reads the addresses from which this host's WireGuard last received packets of the machines with `endpoint: live`,
  /// by their keys, the bridges with ports that are not guests', and the networks, bridges and ports of this host.
  /// `machine` is this host's machine; without it, nothing is known of its networks, bridges and ports. `checks` says
  /// whether `gaps` has what differs from the policy on this host.
  package init(for policy: Policy, on machine: String? = nil, _ checks: HostChecks = .made) {
    do throws(HostReadError) {
      try readLinks(policy, machine, checks)
    } catch {
      unread.insert(.links)
      gaps.append("the interfaces and routes of this host are not known: \(error)")
    }
    do throws(HostReadError) {
      try readWireGuard(policy, machine)
    } catch {
      unread.insert(.wireGuard)
      gaps.append("WireGuard's live endpoints and ports are not known: \(error)")
    }
  }

  private mutating func readLinks(_ policy: Policy, _ machine: String?, _ checks: HostChecks)
    throws(HostReadError)
  {
    let interfaces = try LinkTable.read().interfaces
    let shared = try SharedBridges.read().reasons
    let bridges = Set(shared.keys)
    facts.sharedBridges = bridges
    if checks == .made { gaps += Self.sharedBridges(shared, policy) + Self.wrongLinks(interfaces, policy) }
    guard let machine, let own = policy.machine(named: machine) else { return }
    if policy.followsNetworks(of: machine) { facts.networks[machine] = Self.networks(interfaces) }
    facts.bridges = Self.bridges(interfaces, on: own, of: policy, shared: bridges)
    let policy = policy.following(facts)
    guard checks == .made, let own = policy.machine(named: machine) else { return }
    gaps += MisplacedAddresses(interfaces, on: own, of: policy, sharedBridges: bridges).findings.map {
      "\($0.found). To fix it, \($0.fix)"
    }
    gaps += UncoveredBridges(interfaces, on: own, of: policy, sharedBridges: bridges).findings.map {
      "\($0.found). To fix it, \($0.fix)"
    }
  }

  private mutating func readWireGuard(_ policy: Policy, _ machine: String?) throws(HostReadError) {
    guard policy.followsWireGuard(of: machine) else { return }
    take(try WireGuardDevices.read(), policy, machine)
  }

  /// The facts of WireGuard's devices. What a peer has not sent is only a gap if every device answered.
  mutating func take(_ found: WireGuardDevices, _ policy: Policy, _ machine: String?) {
    for case (let name, .unreadable(let error)) in found.failures.map({ ($0.name, $0.reason) })
    where policy.tunnels.contains(where: { $0.name == name }) {
      unread.insert(.device(name))
      gaps.append("WireGuard's live endpoints and port of \(name) are not known: \(error)")
    }
    let own = machine.flatMap { policy.machine(named: $0) }
    for tunnel in policy.tunnels where own?.choosesPort(of: tunnel) == true {
      guard let own, let device = found.devices.first(where: { $0.name == tunnel.name }),
        let port = device.listenPort, port != 0, port != tunnel.listen
      else { continue }
      facts.ports[own.name, default: [:]][tunnel.name] = LivePort(
        port: port, peers: device.peers.compactMap(\.endpoint?.address))
    }
    for machine in policy.machines where machine.endpoint == .live {
      let key = machine.key.flatMap { WireGuardKey(base64: $0) }
      let peers = found.devices.flatMap(\.peers).filter { $0.publicKey == key }
      let addresses = Set(peers.compactMap(\.endpoint?.address)).sorted()
      if addresses.isEmpty, unread.isEmpty {
        gaps.append("WireGuard has not received a packet of \(machine.name) yet: its endpoint is not known")
      }
      facts.addresses[machine.name] = addresses
    }
  }

  /// Warnings about shared bridges that a zone `containers` of the policy names.
  private static func sharedBridges(
    _ shared: [InterfaceName: SharedBridges.Reason], _ policy: Policy
  ) -> [String] {
    let patterns = policy.machines.flatMap(\.zones).filter { $0.name == Zone.containers }.flatMap(
      \.interfaces)
    return shared.sorted { $0.key < $1.key }.compactMap { bridge, reason in
      guard patterns.contains(where: { $0.matches(bridge) }) else { return nil }
      return "the bridge \(bridge) \(reason.words): its packets are treated as internet, not as containers. "
        + "Define a separate zone for it: zones: { lan: { interfaces: [\(bridge)] } }, and list the other bridges in 'containers'"
    }
  }

  /// Warnings about interfaces that have a tunnel's name but are not tunnels.
  private static func wrongLinks(_ interfaces: [NetworkInterface], _ policy: Policy) -> [String] {
    policy.tunnels.compactMap { tunnel in
      guard let interface = interfaces.first(where: { $0.name == tunnel.name }),
        interface.linkType != LinkType.linkless.rawValue
      else { return nil }
      return
        "the interface \(tunnel.name) is not a tunnel (\(interface.kind ?? "hardware"), link type "
        + "\(interface.linkType)): every packet from it is dropped. Find out what created it, and delete it: "
        + "ip link delete \(tunnel.name)"
    }
  }

  /// The bridges that are in a zone that is neither a tunnel nor `containers`.
  private static func bridges(
    _ interfaces: [NetworkInterface], on machine: Machine, of policy: Policy, shared: Set<InterfaceName>
  ) -> Set<InterfaceName> {
    let zones = SiteZone.zones(of: machine, in: policy)
    return Set(
      interfaces.filter { $0.kind == "bridge" }.map(\.name).filter { bridge in
        let kind = zones.zone(of: bridge, sharedBridges: shared)?.kind
        return kind == .network || kind == .internet
      })
  }

  /// The networks of the interfaces, without those of links.
  private static func networks(_ interfaces: [NetworkInterface]) -> [InterfaceName: [Prefix]] {
    Dictionary(
      interfaces.filter { !$0.isLoopback }.map { interface in
        (interface.name, interface.addresses.filter { !$0.address.isLinkLocal }.map(\.network))
      }, uniquingKeysWith: +
    ).filter { !$0.value.isEmpty }
  }
}

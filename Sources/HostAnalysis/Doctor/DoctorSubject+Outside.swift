// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// Checks of traffic outside the tunnel.
extension DoctorSubject {
  /// Checks that `endpoint` of a machine in `encrypt` has all of its public addresses.
  func endpointLeftOut() -> CheckResult {
    guard let role else { return .notMade(.endpointLeftOut, "there is no policy to compare with") }
    var result = CheckResult(
      .endpointLeftOut, lookedAt: "public addresses of this host, and 'endpoint' of \(role.machine.name)")
    let isEncrypted = role.policy.encryptions.contains { $0.machines.contains(role.machine.name) }
    guard isEncrypted, case .addresses(let named) = role.machine.endpoint else { return result }
    let inside = role.policy.tunnels.flatMap(\.prefixes)
    for address in facts.host.interfaces.flatMap(\.addresses).map(\.address)
    where address.isPublic && !named.contains(address) && !inside.contains(where: { $0.contains(address) }) {
      result.find(
        .warning,
        "this host has the public address \(address), which is not in 'endpoint' of \(role.machine.name): "
          + "'encrypt' does not stop other machines from sending to it in the clear",
        fix: "add \(address) to 'endpoint' of \(role.machine.name), or remove the address from the host")
    }
    return result
  }

  /// Checks that the networks of this host's interfaces are where the policy places them.
  func misplacedAddress() -> CheckResult {
    guard let role else { return .notMade(.misplacedAddress, "there is no policy to compare with") }
    var result = CheckResult(
      .misplacedAddress,
      lookedAt: "addresses of this host, and where \(role.machine.name) has them in the policy")
    let misplaced = MisplacedAddresses(
      facts.host.interfaces, on: role.machine, of: role.policy, sharedBridges: Set(sharedBridges.keys))
    for finding in misplaced.findings {
      result.find(.warning, finding.found, fix: finding.fix)
    }
    return result
  }

  /// Checks that a zone has every bridge of guests.
  func uncoveredBridge() -> CheckResult {
    guard let role else { return .notMade(.uncoveredBridge, "there is no policy to compare with") }
    var result = CheckResult(
      .uncoveredBridge, lookedAt: "bridges of this host, and the zones of \(role.machine.name)")
    let uncovered = UncoveredBridges(
      facts.host.interfaces, on: role.machine, of: role.policy, sharedBridges: Set(sharedBridges.keys))
    for finding in uncovered.findings {
      result.find(.warning, finding.found, fix: finding.fix)
    }
    return result
  }

  /// The bridges that have other ports than guests' or carry the default route, with the reason.
  private var sharedBridges: [InterfaceName: SharedBridges.Reason] {
    var outward: Set<InterfaceName> = []
    for address in Self.anyone {
      if case .leaves(let interface, _) = routeFact(to: address) { outward.insert(interface) }
    }
    return SharedBridges(facts.host.interfaces, outward: outward).reasons
  }

  /// Checks that the bridges of the zone `containers` have only guests' ports.
  func sharedBridge() -> CheckResult {
    var result = CheckResult(
      .sharedBridge, lookedAt: "ports of the bridges that 'containers' names, and the default route")
    let zones = role?.machine.zones ?? []
    let patterns = zones.filter { $0.name == Zone.containers }.flatMap(\.interfaces)
    for (bridge, reason) in sharedBridges.sorted(by: { $0.key < $1.key })
    where patterns.contains(where: { $0.matches(bridge) }) {
      result.find(
        .warning,
        "the bridge \(bridge) \(reason.words), but is in the zone 'containers': its packets are treated as "
          + "internet",
        fix:
          "give it its own zone, and list the other bridges in 'containers' of "
          + "\(role?.machine.name ?? "the machine")"
      )
    }
    return result
  }

  /// Checks that the host does not answer ARP requests for a tunnel's address on other links.
  func arpForTunnel() -> CheckResult {
    guard !tunnels.isEmpty else { return .notMade(.arpForTunnel, Self.noTunnel) }
    var result = CheckResult(.arpForTunnel, lookedAt: NetworkSetting.arpIgnore.name)
    let addresses = tunnels.flatMap(\.addresses).filter { $0.family == .ipv4 }
    guard let first = addresses.first, let value = setting(.arpIgnore, &result), value == 0 else {
      return result
    }
    result.find(
      .information,
      "this host answers ARP requests for \(first) on every link: neighbours learn that it has the tunnel's "
        + "address, although their packets to it are dropped",
      fix: "sysctl -w \(NetworkSetting.arpIgnore.name)=1, and set it in /etc/sysctl.d for the next boot")
    return result
  }
}

extension IPAddress {
  /// Whether it is a public address: not private (RFC 1918, RFC 6598, RFC 4193), link-local, loopback, multicast or
  /// unspecified.
  fileprivate var isPublic: Bool {
    if family == .ipv6 { return isGlobalIPv6 }
    let others = [
      "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
      "192.168.0.0/16", "224.0.0.0/3",
    ]
    return !others.compactMap { Prefix($0) }.contains { $0.contains(self) }
  }
}

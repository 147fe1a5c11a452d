// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// Checks that the tunnels exist on this host and are complete.
extension DoctorSubject {
  /// Checks that no tunnel ends in another network namespace. Such a tunnel answers pings, but the host's services
  /// are not reachable through it.
  func tunnelInContainer() -> CheckResult {
    let namespaces = facts.elsewhere.namespaces
    var result = CheckResult(
      .tunnelInContainer,
      lookedAt: "this host and its \(counted(namespaces.count, "other network namespace"))")
    let hasOwn = !tunnels.allSatisfy { $0.interface == nil }
    for namespace in namespaces {
      var isReported = false
      for tunnel in tunnels {
        let there = tunnel.addresses.filter {
          facts.host.interface(owning: $0) == nil && namespace.interface(owning: $0) != nil
        }
        guard let interface = there.first.flatMap({ namespace.interface(owning: $0) }) else { continue }
        let addresses = there.map(\.description).joined(separator: ", ")
        isReported = true
        result.find(
          .error,
          "the tunnel ends in \(namespace), not on this host: \(addresses) is on \(interface.name) there, "
            + "so pings are answered there and this host's services are not reachable through the tunnel",
          fix:
            "run WireGuard on the host: stop it there, move its configuration to "
            + "/etc/wireguard/\(tunnel.name).conf and start wg-quick@\(tunnel.name)")
      }
      guard !isReported, let name = namespace.wireGuard.first else { continue }
      let addresses =
        namespace.interfaces.first { $0.name == name }?.addresses.map(\.address).filter { !$0.isLinkLocal }
        .map(\.description) ?? []
      let whose = addresses.isEmpty ? "\(name)" : "\(name) with \(addresses.joined(separator: " and "))"
      if hasOwn {
        result.find(
          .information, "a WireGuard interface is in \(namespace), not on this host: \(whose)",
          fix: "nothing, if that tunnel is only for processes in that namespace")
      } else {
        result.find(
          .error,
          "the tunnel ends in \(namespace), not on this host: \(whose), so pings are answered there and "
            + "this host's services are not reachable through the tunnel",
          fix:
            "run WireGuard on the host: stop it there, move its configuration to "
            + "/etc/wireguard/\(name).conf and start wg-quick@\(name)")
      }
    }
    for name in facts.wireGuard.orphanSockets
    where !namespaces.contains(where: { $0.wireGuard.contains(name) }) {
      result.find(
        .information,
        "a userspace WireGuard has a socket for \(name), but this network namespace has no such interface",
        fix: "find out where that WireGuard runs, or remove the socket if it no longer runs")
    }
    for gap in facts.elsewhere.gaps { result.miss(gap) }
    return result
  }

  /// Checks that the interface of every tunnel exists and is a WireGuard interface.
  func tunnelMissing() -> CheckResult {
    guard !tunnels.isEmpty else { return .notMade(.tunnelMissing, Self.noTunnel) }
    var result = CheckResult(.tunnelMissing, lookedAt: names)
    for tunnel in tunnels {
      guard let interface = tunnel.interface else {
        result.find(
          .error, "there is no interface \(tunnel.name) on this host",
          fix: "start the tunnel now and at every boot: systemctl enable --now wg-quick@\(tunnel.name)")
        continue
      }
      if tunnel.device != nil || tunnel.unread != nil || interface.kind == "wireguard" { continue }
      if interface.kind == "tun" {
        result.miss(
          "\(tunnel.name) is a tun device without a socket in /run/wireguard: it is not known whether a "
            + "userspace WireGuard uses it"
        )
      } else {
        result.find(
          .error, "\(tunnel.name) is not a WireGuard interface: its kind is \(interface.kind ?? "physical")",
          fix: "rename or remove it, and start the tunnel: systemctl enable --now wg-quick@\(tunnel.name)")
      }
    }
    return result
  }

  /// Checks that the interface of every tunnel is up.
  func tunnelDown() -> CheckResult {
    let present = tunnels.filter { $0.interface != nil }
    guard !present.isEmpty else { return .notMade(.tunnelDown, "this host has no tunnel interface") }
    var result = CheckResult(.tunnelDown, lookedAt: names)
    for tunnel in present where tunnel.interface?.state == .down {
      result.find(
        .error, "\(tunnel.name) exists but is down", fix: "bring it up: ip link set \(tunnel.name) up")
    }
    return result
  }

  /// Checks that the interface of every tunnel has the addresses that the policy gives it; without a policy, at least
  /// one.
  func tunnelWithoutAddress() -> CheckResult {
    let present = tunnels.compactMap { tunnel in tunnel.interface.map { (tunnel, $0) } }
    guard !present.isEmpty else {
      return .notMade(.tunnelWithoutAddress, "this host has no tunnel interface")
    }
    var result = CheckResult(.tunnelWithoutAddress, lookedAt: names)
    for (tunnel, interface) in present {
      for address in tunnel.addresses where !interface.owns(address) {
        let elsewhere = facts.host.interface(owning: address).map { ": \($0.name) has it" } ?? ""
        let whole = tunnel.policy?.prefixes.first { $0.contains(address) }.map(\.length)
        result.find(
          .error, "\(tunnel.name) lacks \(address), which the policy gives it\(elsewhere)",
          fix: "add it, also in /etc/wireguard/\(tunnel.name).conf: ip address add "
            + "\(address)/\(whole ?? address.family.bitWidth) dev \(tunnel.name)")
      }
      if tunnel.addresses.isEmpty, interface.addresses.allSatisfy(\.address.isLinkLocal) {
        result.find(
          .warning, "\(tunnel.name) has no address",
          fix: "add one with Address in /etc/wireguard/\(tunnel.name).conf")
      }
    }
    return result
  }

  /// Checks that the tunnels have IPv6 if the host has it.
  func ipv6LeftOut() -> CheckResult {
    guard !tunnels.isEmpty else { return .notMade(.ipv6LeftOut, Self.noTunnel) }
    let inside = Set(tunnels.map(\.name))
    let outer = facts.host.interfaces.filter { !inside.contains($0.name) }
    var result = CheckResult(.ipv6LeftOut, lookedAt: "addresses of \(names) and of the other interfaces")
    guard let global = outer.flatMap(\.addresses).map(\.address).first(where: \.isGlobalIPv6) else {
      return result
    }
    for tunnel in tunnels where tunnel.interface != nil || tunnel.policy != nil {
      let planned =
        tunnel.policy == nil ? tunnel.carries(.ipv6) : tunnel.addresses.contains { $0.family == .ipv6 }
      if planned { continue }
      result.find(
        .information,
        "this host has IPv6 (\(global)), but \(tunnel.name) carries only IPv4: IPv6 traffic bypasses it",
        fix: "give the tunnel an IPv6 prefix too, such as your own fd00::/64"
          + (tunnel.policy == nil ? "" : ", in the policy and in /etc/wireguard/\(tunnel.name).conf"))
    }
    return result
  }

  /// Checks that WireGuard is the kernel's.
  func userspace() -> CheckResult {
    guard !tunnels.isEmpty else { return .notMade(.userspace, Self.noTunnel) }
    var result = CheckResult(.userspace, lookedAt: names)
    for tunnel in tunnels {
      guard let interface = tunnel.interface else {
        result.miss("the interface \(tunnel.name) does not exist")
        continue
      }
      if interface.kind == "wireguard" || tunnel.device == nil && tunnel.unread == nil { continue }
      result.find(
        .information,
        "the WireGuard of \(tunnel.name) runs in userspace, not in the kernel: it is slower, and stops if "
          + "its process stops",
        fix:
          "use the kernel's WireGuard (Linux 5.6 and later): modprobe wireguard, then restart "
          + "wg-quick@\(tunnel.name)"
      )
    }
    return result
  }

  /// The names of the tunnels, in one string.
  var names: String { tunnels.map(\.name.description).joined(separator: ", ") }
}

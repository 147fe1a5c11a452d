// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// Whether the tunnels are here, and whole.
extension DoctorSubject {
  /// A tunnel that ends in a container answers pings to its address; what runs on the host does not.
  func tunnelInContainer() -> CheckResult {
    let namespaces = facts.elsewhere.namespaces
    var result = CheckResult(
      .tunnelInContainer,
      lookedAt: "this host and \(counted(namespaces.count, "other network namespace")) on it")
    let hasOwn = !tunnels.allSatisfy { $0.interface == nil }
    for namespace in namespaces {
      var isTold = false
      for tunnel in tunnels {
        let there = tunnel.addresses.filter {
          facts.host.interface(owning: $0) == nil && namespace.interface(owning: $0) != nil
        }
        guard let interface = there.first.flatMap({ namespace.interface(owning: $0) }) else { continue }
        let addresses = there.map(\.description).joined(separator: ", ")
        isTold = true
        result.find(
          .error,
          "the tunnel ends in \(namespace) and not on this host: \(addresses) is on \(interface.name) there, "
            + "so a ping to it answers and what this host serves does not",
          fix:
            "run WireGuard on the host: stop it there, put its configuration into /etc/wireguard/\(tunnel.name).conf "
            + "and start wg-quick@\(tunnel.name)")
      }
      guard !isTold, let name = namespace.wireGuard.first else { continue }
      let addresses =
        namespace.interfaces.first { $0.name == name }?.addresses.map(\.address).filter { !$0.isLinkLocal }
        .map(\.description) ?? []
      let whose = addresses.isEmpty ? "\(name)" : "\(name) with \(addresses.joined(separator: " and "))"
      if hasOwn {
        result.find(
          .information, "a WireGuard interface is in \(namespace), not on this host: \(whose)",
          fix: "nothing, if that tunnel is for what runs there alone")
      } else {
        result.find(
          .error,
          "the tunnel ends in \(namespace) and not on this host: \(whose), so a ping to it answers and what "
            + "this host serves does not",
          fix:
            "run WireGuard on the host: stop it there, put its configuration into /etc/wireguard/\(name).conf and "
            + "start wg-quick@\(name)")
      }
    }
    for name in facts.wireGuard.orphanSockets
    where !namespaces.contains(where: { $0.wireGuard.contains(name) }) {
      result.find(
        .information,
        "there is a socket of a userspace WireGuard for \(name), and no such interface in this network namespace",
        fix: "find out where that WireGuard runs, or remove the socket if it runs no more")
    }
    for gap in facts.elsewhere.gaps { result.miss(gap) }
    return result
  }

  /// An interface that a tunnel of the policy needs is there, and is WireGuard's.
  func tunnelMissing() -> CheckResult {
    guard !tunnels.isEmpty else { return .notMade(.tunnelMissing, Self.noTunnel) }
    var result = CheckResult(.tunnelMissing, lookedAt: names)
    for tunnel in tunnels {
      guard let interface = tunnel.interface else {
        result.find(
          .error, "there is no interface \(tunnel.name) on this host",
          fix: "start the tunnel here, and at every boot: systemctl enable --now wg-quick@\(tunnel.name)")
        continue
      }
      if tunnel.device != nil || tunnel.unread != nil || interface.kind == "wireguard" { continue }
      if interface.kind == "tun" {
        result.miss(
          "\(tunnel.name) is a tun device without a socket in /run/wireguard: whether WireGuard is behind it is not known"
        )
      } else {
        result.find(
          .error, "\(tunnel.name) is no WireGuard interface but \(interface.kind ?? "a device of its own")",
          fix: "rename or remove it, and start the tunnel: systemctl enable --now wg-quick@\(tunnel.name)")
      }
    }
    return result
  }

  /// The interface is up.
  func tunnelDown() -> CheckResult {
    let present = tunnels.filter { $0.interface != nil }
    guard !present.isEmpty else { return .notMade(.tunnelDown, "there is no tunnel here to look at") }
    var result = CheckResult(.tunnelDown, lookedAt: names)
    for tunnel in present where tunnel.interface?.state == .down {
      result.find(
        .error, "\(tunnel.name) is there and down", fix: "bring it up: ip link set \(tunnel.name) up")
    }
    return result
  }

  /// The interface has the addresses that the policy gives it; without a policy, any.
  func tunnelWithoutAddress() -> CheckResult {
    let present = tunnels.compactMap { tunnel in tunnel.interface.map { (tunnel, $0) } }
    guard !present.isEmpty else {
      return .notMade(.tunnelWithoutAddress, "there is no tunnel here to look at")
    }
    var result = CheckResult(.tunnelWithoutAddress, lookedAt: names)
    for (tunnel, interface) in present {
      for address in tunnel.addresses where !interface.owns(address) {
        let elsewhere = facts.host.interface(owning: address).map { ": \($0.name) has it" } ?? ""
        let whole = tunnel.policy?.prefixes.first { $0.contains(address) }.map(\.length)
        result.find(
          .error, "\(tunnel.name) lacks \(address), which the policy gives it\(elsewhere)",
          fix: "add it, in /etc/wireguard/\(tunnel.name).conf too: ip address add "
            + "\(address)/\(whole ?? address.family.bitWidth) dev \(tunnel.name)")
      }
      if tunnel.addresses.isEmpty, interface.addresses.allSatisfy(\.address.isLinkLocal) {
        result.find(
          .warning, "\(tunnel.name) has no address",
          fix: "give it one, with Address in /etc/wireguard/\(tunnel.name).conf")
      }
    }
    return result
  }

  /// What IPv6 the host speaks, the tunnel speaks too.
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
        "this host has IPv6 (\(global)), and \(tunnel.name) carries IPv4 alone: what goes by IPv6 goes past it",
        fix: "give the tunnel an IPv6 prefix too, such as fd00::/64 of your own"
          + (tunnel.policy == nil ? "" : ", in the policy and in /etc/wireguard/\(tunnel.name).conf"))
    }
    return result
  }

  /// WireGuard is the kernel's.
  func userspace() -> CheckResult {
    guard !tunnels.isEmpty else { return .notMade(.userspace, Self.noTunnel) }
    var result = CheckResult(.userspace, lookedAt: names)
    for tunnel in tunnels {
      guard let interface = tunnel.interface else {
        result.miss("\(tunnel.name) is not there")
        continue
      }
      if interface.kind == "wireguard" || tunnel.device == nil && tunnel.unread == nil { continue }
      result.find(
        .information,
        "the WireGuard of \(tunnel.name) is a process and not the kernel's: it is slower, and ends with it",
        fix:
          "use the kernel's own where it has one (Linux 5.6 and later): modprobe wireguard, and wg-quick takes it"
      )
    }
    return result
  }

  /// The tunnels by name.
  var names: String { tunnels.map(\.name.description).joined(separator: ", ") }
}

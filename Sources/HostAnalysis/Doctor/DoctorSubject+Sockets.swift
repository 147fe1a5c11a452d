// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// Whether what listens here listens where it is reached.
extension DoctorSubject {
  /// Docker Swarm's ports: management, gossip, and the data path. Source: Docker, "Use overlay networks", prerequisites.
  private static let swarmPorts: [(transport: IPProtocol, port: UInt16)] = [
    (.tcp, 2377), (.tcp, 7946), (.udp, 7946), (.udp, 4789),
  ]

  /// A Swarm talks by the tunnel's address.
  func swarmAddress() -> CheckResult {
    var result = CheckResult(.swarmAddress, lookedAt: "Docker's Swarm and the tunnel's addresses")
    let inside = tunnels.flatMap { tunnel in
      tunnel.addresses.isEmpty ? tunnel.interface?.addresses.map(\.address) ?? [] : tunnel.addresses
    }
    guard !inside.isEmpty else {
      result.miss("no tunnel here has an address that a Swarm could use")
      return result
    }
    let isEncrypted = role.map { role in
      role.policy.encryptions.contains { $0.machines.contains(role.machine.name) }
    }
    let severity: FindingSeverity = isEncrypted ?? false ? .error : .warning
    let join =
      "leave the Swarm and join it again with --advertise-addr \(inside[0]) --data-path-addr \(inside[0])"
    switch facts.docker {
    case .known(let docker):
      guard let swarm = docker.swarm else { return result }
      if let address = swarm.nodeAddress, !inside.contains(address) {
        result.find(
          severity,
          "this node's Swarm address is \(address), which is not the tunnel's (\(enumerated(inside.map(\.description))))",
          fix: join)
      }
      let prefixes = tunnels.flatMap { tunnel in
        tunnel.policy?.prefixes ?? tunnel.interface?.addresses.map(\.network) ?? []
      }
      let astray = swarm.managers.filter { manager in !prefixes.contains { $0.contains(manager) } }
      if !astray.isEmpty {
        result.find(
          severity,
          "the Swarm's managers are reached past the tunnel: \(enumerated(astray.map(\.description)))",
          fix:
            "have each manager join with --advertise-addr and --data-path-addr set to its own tunnel address")
      }
    case .unknown(let why):
      // What is bound to every address does not tell which one others are told.
      let bound = facts.host.listeners.filter { listener in
        !listener.isWildcard && !listener.isLoopbackOnly && !inside.contains(listener.address)
          && Self.swarmPorts.contains { $0.transport == listener.protocol && $0.port == listener.port }
      }
      for listener in bound {
        result.find(
          severity,
          "a socket on Swarm's port \(listener.port)/\(listener.protocol) is bound to \(listener.address), which is not the tunnel's",
          fix: join)
      }
      result.miss("Docker did not tell: \(why)")
    }
    return result
  }

  /// Every socket is bound to an address that is here; those on the tunnel's address wait for it at boot.
  func boundAddress() -> CheckResult {
    let specific = facts.host.listeners.filter { !$0.isWildcard && !$0.isLoopbackOnly }
    var result = CheckResult(
      .boundAddress, lookedAt: "\(counted(specific.count, "socket")) bound to one address each")
    for listener in oddlyBound {
      switch way(listener.address) {
      case .local: continue
      case .unknown(let why): result.miss(why)
      case .leaves, .nowhere:
        let tunnel = tunnels.first { $0.addresses.contains(listener.address) }
        result.find(
          tunnel == nil ? .warning : .error,
          "\(Self.name(listener)) is bound to \(listener.address), which no interface of this host has: nobody reaches it",
          fix: tunnel.map { "bring \($0.name) up with that address, then it is reached" }
            ?? "bind it to an address of this host, or to all of them, and restart it")
      }
    }
    addUnordered(&result)
    return result
  }

  /// Services that are bound to the tunnel's own address and may start before it.
  private func addUnordered(_ result: inout CheckResult) {
    for tunnel in tunnels {
      let own = Set(tunnel.addresses + (tunnel.interface?.addresses.map(\.address) ?? []))
      var units: [String: Listener] = [:]
      for listener in facts.host.listeners where own.contains(listener.address) {
        guard let unit = listener.process?.unit, unit.hasSuffix(".service"),
          listener.process?.container == nil,
          facts.settings[.nonLocalBind(listener.address.family)] != 1
        else { continue }
        units[unit] = units[unit] ?? listener
      }
      for (unit, listener) in units.sorted(by: { $0.key < $1.key }) {
        // Units whose files were not found say nothing of their order.
        guard let after = facts.unitOrder[unit], after.isDisjoint(with: Self.waits(for: tunnel.name)) else {
          continue
        }
        result.find(
          .information,
          "\(unit) binds to \(listener.address) of \(tunnel.name) and is not ordered after it: at boot it may fail to start",
          fix: "systemctl edit \(unit): [Unit] After=wg-quick@\(tunnel.name).service and "
            + "Wants=wg-quick@\(tunnel.name).service; or sysctl -w "
            + "\(NetworkSetting.nonLocalBind(listener.address.family).name)=1")
      }
    }
  }

  /// The units that stand for a tunnel's being there.
  static func waits(for tunnel: InterfaceName) -> Set<String> {
    [
      "wg-quick@\(tunnel).service", "wg-quick.target", "sys-subsystem-net-devices-\(tunnel).device",
      "systemd-networkd-wait-online.service", "network-online.target",
    ]
  }

  private static func name(_ listener: Listener) -> String {
    let port = "\(listener.port)/\(listener.protocol)"
    guard let process = listener.process else { return "the socket on port \(port)" }
    return "\(process.name)[\(process.pid)] on port \(port)"
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// Checks that sockets listen on addresses at which they are reachable.
extension DoctorSubject {
  /// Docker Swarm's ports: management, gossip, and the data path. Source: Docker, "Use overlay networks",
  /// prerequisites.
  private static let swarmPorts: [(transport: IPProtocol, port: UInt16)] = [
    (.tcp, 2377), (.tcp, 7946), (.udp, 7946), (.udp, 4789),
  ]

  /// Checks that a Docker Swarm uses the tunnel's addresses.
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
      "leave the Swarm, and join it again with --advertise-addr \(inside[0]) --data-path-addr \(inside[0])"
    switch facts.docker {
    case .known(let docker):
      guard let swarm = docker.swarm else { return result }
      if let address = swarm.nodeAddress, !inside.contains(address) {
        result.find(
          severity,
          "this node's Swarm address is \(address), not an address of the tunnel "
            + "(\(enumerated(inside.map(\.description))))",
          fix: join)
      }
      let prefixes = tunnels.flatMap { tunnel in
        tunnel.policy?.prefixes ?? tunnel.interface?.addresses.map(\.network) ?? []
      }
      let outside = swarm.managers.filter { manager in !prefixes.contains { $0.contains(manager) } }
      if !outside.isEmpty {
        result.find(
          severity,
          "the Swarm's managers are reached outside the tunnel: \(enumerated(outside.map(\.description)))",
          fix:
            "join each manager with --advertise-addr and --data-path-addr set to its own tunnel address")
      }
    case .unknown(let why):
      // A socket on every address does not show which address the Swarm advertises.
      let bound = facts.host.listeners.filter { listener in
        !listener.isWildcard && !listener.isLoopbackOnly && !inside.contains(listener.address)
          && Self.swarmPorts.contains { $0.transport == listener.protocol && $0.port == listener.port }
      }
      for listener in bound {
        result.find(
          severity,
          "a socket on Swarm's port \(listener.port)/\(listener.protocol) is bound to \(listener.address), "
            + "not to an address of the tunnel",
          fix: join)
      }
      result.miss("Docker could not be queried: \(why)")
    }
    return result
  }

  /// Checks that every socket is bound to an address that exists, and that units bound to a tunnel's address start
  /// after the tunnel.
  func boundAddress() -> CheckResult {
    let specific = facts.host.listeners.filter { !$0.isWildcard && !$0.isLoopbackOnly }
    var result = CheckResult(
      .boundAddress, lookedAt: "\(counted(specific.count, "socket")) bound to one address each")
    for listener in oddlyBound {
      switch routeFact(to: listener.address) {
      case .local: continue
      case .unknown(let why): result.miss(why)
      case .leaves, .nowhere:
        let tunnel = tunnels.first { $0.addresses.contains(listener.address) }
        result.find(
          tunnel == nil ? .warning : .error,
          "\(Self.name(listener)) is bound to \(listener.address), which no interface of this host has: it "
            + "is not reachable",
          fix: tunnel.map { "bring \($0.name) up with that address" }
            ?? "bind it to an address of this host, or to all of them, and restart it")
      }
    }
    addUnordered(&result)
    return result
  }

  /// Adds units that are bound to a tunnel's address and may start before the tunnel.
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
        // The order of a unit is not known if its file was not found.
        guard let after = facts.unitOrder[unit], after.isDisjoint(with: Self.waits(for: tunnel.name)) else {
          continue
        }
        result.find(
          .information,
          "\(unit) binds to \(listener.address) of \(tunnel.name) and is not ordered after it: it may fail "
            + "to start at boot",
          fix: "systemctl edit \(unit): [Unit] After=wg-quick@\(tunnel.name).service and "
            + "Wants=wg-quick@\(tunnel.name).service; or sysctl -w "
            + "\(NetworkSetting.nonLocalBind(listener.address.family).name)=1")
      }
    }
  }

  /// The units after which a tunnel's interface exists.
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

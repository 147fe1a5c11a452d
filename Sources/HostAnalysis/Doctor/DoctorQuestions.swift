// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PolicyLanguage

extension DoctorSubject {
  /// The routes that must be read from the kernel before the checks can run.
  public var routeQuestions: Set<RouteAsk> {
    var asks = Set(Self.anyone.map { RouteAsk($0) })
    for tunnel in tunnels {
      for target in insideTargets(of: tunnel) { asks.insert(RouteAsk(target.address)) }
      guard let device = tunnel.device else { continue }
      for address in Self.anyone { asks.insert(RouteAsk(address, mark: device.firewallMark)) }
      for peer in device.peers {
        for prefix in peer.allowedIPs where !prefix.isEverything { asks.insert(RouteAsk(prefix.someone)) }
        guard let endpoint = peer.endpoint?.address else { continue }
        asks.insert(RouteAsk(endpoint))
        asks.insert(RouteAsk(endpoint, mark: device.firewallMark))
      }
    }
    for listener in oddlyBound { asks.insert(RouteAsk(listener.address)) }
    return asks
  }

  /// What the policy reaches through a tunnel: the other machines' addresses, and the subnets of those machines with
  /// which traffic must be encrypted.
  func insideTargets(of tunnel: DoctorTunnel) -> [(address: IPAddress, what: String)] {
    guard let role, tunnel.policy != nil else { return [] }
    let encrypted = Set(
      role.policy.encryptions.filter {
        $0.tunnel == tunnel.name && $0.machines.contains(role.machine.name)
      }.flatMap(\.machines))
    var targets: [(IPAddress, String)] = []
    for machine in role.partners(in: tunnel.name) {
      for address in machine.addresses(in: tunnel.name)
      where tunnel.addresses.contains(where: { $0.family == address.family }) {
        targets.append((address, "\(machine.name) (\(address))"))
      }
      for prefix in encrypted.contains(machine.name) ? machine.subnets : [] {
        targets.append((prefix.someone, "\(prefix) behind \(machine.name)"))
      }
    }
    return targets.map { (address: $0.0, what: $0.1) }
  }

  /// The listening sockets that are bound to an address that no interface has.
  var oddlyBound: [Listener] {
    facts.host.listeners.filter { listener in
      !listener.isWildcard && !listener.address.isLoopback && !listener.address.isMulticast
        && !listener.address.isLinkLocal
        && facts.host.interface(owning: listener.address) == nil
        && !facts.host.interfaces.contains { interface in
          interface.addresses.contains { own in
            own.address.family == .ipv4 && own.network.last == listener.address
          }
        }
    }
  }
}

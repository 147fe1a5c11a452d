// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// The public addresses of machines that are reachable only through a tunnel, as far as one machine is
/// concerned. Addresses inside tunnels need no line of `encrypt`: see `TunnelDestinations`.
struct EncryptionPlan {
  /// The part for one tunnel.
  struct Part {
    let tunnel: Tunnel
    /// The public addresses of the other machines: only WireGuard's own UDP may pass.
    var endpoints: [Prefix]
    /// Public addresses that other hosts use too.
    var shared: [Shared]
    let lines: [Int]
  }

  /// The public address of a machine that other hosts use too: only the ports that are granted to the machine in a tunnel
  /// are closed there.
  struct Shared {
    let machine: String
    let endpoints: [Prefix]
    let ports: [ServicePort]
  }

  let parts: [Part]

  init(site: Site, live: LiveFacts) {
    parts = site.policy.tunnels.compactMap { tunnel in
      let lines = site.policy.encryptions.filter {
        $0.tunnel == tunnel.name && $0.machines.contains(site.machine.name)
      }
      if lines.isEmpty { return nil }
      func endpoints(_ name: String) -> [Prefix] {
        switch site.machine(named: name)?.endpoint {
        case .roaming, nil: []
        case .addresses(let addresses): addresses.map { Prefix($0) }
        case .live: (live.addresses[name] ?? []).map { Prefix($0) }
        }
      }
      let others = site.policy.encrypted(with: site.machine.name, in: tunnel.name)
      return Part(
        tunnel: tunnel, endpoints: others.whole.flatMap(endpoints),
        shared: others.shared.map {
          Shared(machine: $0, endpoints: endpoints($0), ports: site.policy.portsInTunnels(of: $0))
        }.filter { !$0.endpoints.isEmpty && !$0.ports.isEmpty },
        lines: lines.map(\.location.line))
    }
  }
}

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
    let lines: [Int]
  }

  let parts: [Part]

  init(site: Site, live: LiveFacts) {
    parts = site.policy.tunnels.compactMap { tunnel in
      let lines = site.policy.encryptions.filter {
        $0.tunnel == tunnel.name && $0.machines.contains(site.machine.name)
      }
      if lines.isEmpty { return nil }
      var part = Part(tunnel: tunnel, endpoints: [], lines: lines.map(\.location.line))
      for name in Set(lines.flatMap(\.machines)).sorted() where name != site.machine.name {
        guard let other = site.machine(named: name) else { continue }
        switch other.endpoint {
        case .roaming: break
        case .addresses(let addresses): part.endpoints += addresses.map { Prefix($0) }
        case .live: part.endpoints += (live.addresses[name] ?? []).map { Prefix($0) }
        }
      }
      return part
    }
  }
}

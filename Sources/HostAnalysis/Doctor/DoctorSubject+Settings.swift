// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// Checks that the kernel's settings accept and forward a tunnel's packets.
extension DoctorSubject {
  /// The effective `rp_filter` of an interface: the larger of its own value and that of `all`.
  private func reversePath(_ interface: InterfaceName, _ result: inout CheckResult) -> Int? {
    guard let all = setting(.reversePathFilter(nil), &result),
      let own = setting(.reversePathFilter(interface), &result)
    else { return nil }
    return max(all, own)
  }

  /// Checks that no strict reverse-path filter drops sources whose replies leave through another interface.
  func reversePathFilter() -> CheckResult {
    var result = CheckResult(
      .reversePathFilter, lookedAt: "rp_filter of \(names), and the routes back to their sources")
    for (tunnel, device) in devices(&result) where tunnel.interface?.state == .up {
      guard let strictness = reversePath(tunnel.name, &result), strictness == 1 else { continue }
      let prefixes = Set(device.peers.flatMap(\.allowedIPs)).filter { $0.family == .ipv4 }.sorted()
      var misrouted: [String] = []
      for prefix in prefixes {
        let someone = prefix.isEverything ? Self.anyone.first { $0.family == .ipv4 } : prefix.someone
        guard let someone else { continue }
        switch routeFact(to: someone) {
        case .leaves(tunnel.name, _), .local: break
        case .leaves, .nowhere: misrouted.append(prefix.description)
        case .unknown(let why): result.miss(why)
        }
      }
      if misrouted.isEmpty { continue }
      result.find(
        .error,
        "\(tunnel.name) has a strict reverse-path filter (rp_filter 1), and replies to "
          + "\(enumerated(misrouted)) are not routed through it: packets from there are dropped",
        fix: loosen(tunnel.name))
    }
    return result
  }

  /// The fix that makes an interface's reverse-path filter loose (2), also if the strict value is that of `all`.
  private func loosen(_ interface: InterfaceName) -> String {
    "sysctl -w \(NetworkSetting.reversePathFilter(interface).name)=2, and set it in /etc/sysctl.d for the next "
      + "boot, or route the replies through \(interface)"
  }

  /// Checks that a tunnel that routes by a mark receives its own packets in spite of a strict reverse-path filter.
  func sourceValidMark() -> CheckResult {
    var result = CheckResult(
      .sourceValidMark,
      lookedAt: "the tunnels' marks, rp_filter, src_valid_mark and the routes to the endpoints")
    for (tunnel, device) in devices(&result) where device.firewallMark != 0 {
      for endpoint in Set(device.peers.compactMap(\.endpoint?.address)).sorted()
      where endpoint.family == .ipv4 {
        guard case .leaves(let outer, _) = routeFact(to: endpoint, mark: device.firewallMark) else {
          if case .unknown(let why) = routeFact(to: endpoint, mark: device.firewallMark) { result.miss(why) }
          continue
        }
        switch routeFact(to: endpoint) {
        case .leaves(outer, _), .local: continue
        case .unknown(let why):
          result.miss(why)
          continue
        case .leaves, .nowhere: break
        }
        guard let strictness = reversePath(outer, &result), let marked = setting(.sourceValidMark, &result)
        else { continue }
        guard strictness == 1, marked == 0 else { continue }
        result.find(
          .error,
          "\(outer) has a strict reverse-path filter (rp_filter 1), and without the mark of \(tunnel.name) "
            + "the route to \(endpoint) is another: packets from that peer are dropped",
          fix:
            "sysctl -w \(NetworkSetting.reversePathFilter(outer).name)=2, and set it in /etc/sysctl.d, or let "
            + "wg-quick create the routes: it sets \(NetworkSetting.sourceValidMark.name)=1 and marks the replies"
        )
      }
    }
    return result
  }

  /// Checks that forwarding is on if the policy or containers need it.
  func forwarding() -> CheckResult {
    var result = CheckResult(.forwarding, lookedAt: "forwarding, and what needs it on this host")
    for family in AddressFamily.allCases {
      let needs = forwardingNeeds(family)
      guard let first = needs.first else { continue }
      guard let value = setting(.forwarding(family), &result), value == 0 else { continue }
      result.find(
        first.severity,
        "\(family == .ipv4 ? "IPv4" : "IPv6") forwarding is off, but is needed: "
          + enumerated(needs.map(\.why)),
        fix:
          "sysctl -w \(NetworkSetting.forwarding(family).name)=1, and set it in /etc/sysctl.d for the next "
          + "boot")
    }
    return result
  }

  /// What needs forwarding of an address family, the most severe first.
  private func forwardingNeeds(_ family: AddressFamily) -> [(severity: FindingSeverity, why: String)] {
    var needs: [(severity: FindingSeverity, why: String)] = []
    if let role {
      for tunnel in tunnels where tunnel.policy?.hub == role.machine.name {
        let others = role.others(in: tunnel.name).filter { machine in
          machine.addresses(in: tunnel.name).contains { $0.family == family }
        }
        if others.count > 1 {
          needs.append((.error, "this is the hub of \(tunnel.name) for \(counted(others.count, "machine"))"))
        }
      }
      for subnet in role.machine.subnets where subnet.family == family {
        needs.append((.error, "\(subnet) is behind this machine"))
      }
    }
    let bridges = facts.host.interfaces.filter { interface in
      interface.kind == "bridge" && interface.state == .up && Self.isContainers(interface.name, role?.machine)
        && interface.addresses.contains { $0.address.family == family && !$0.address.isLinkLocal }
    }
    if !bridges.isEmpty {
      needs.append((.warning, "containers are behind \(enumerated(bridges.map(\.name.description)))"))
    }
    return needs
  }

  /// Whether containers are behind an interface: by the machine's zone `containers`, else by Docker's interface
  /// names.
  private static func isContainers(_ name: InterfaceName, _ machine: Machine?) -> Bool {
    if let zone = machine?.zone(named: Zone.containers) {
      return zone.interfaces.contains { $0.matches(name) }
    }
    return name.description.hasPrefix("docker") || name.description.hasPrefix("br-")
  }
}

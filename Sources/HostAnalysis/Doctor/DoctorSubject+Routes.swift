// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// Checks of routes and packet sizes.
extension DoctorSubject {
  /// Checks that packets for a tunnel are routed into it, and that the tunnel's own packets are not.
  func route() -> CheckResult {
    guard !tunnels.isEmpty else { return .notMade(.route, Self.noTunnel) }
    var result = CheckResult(.route, lookedAt: "the kernel's routes to the networks behind \(names)")
    for tunnel in tunnels {
      guard let interface = tunnel.interface else {
        result.miss("the interface \(tunnel.name) does not exist")
        continue
      }
      // An interface that is down has no routes; another check reports that.
      guard interface.state == .up else {
        result.miss("\(tunnel.name) is down")
        continue
      }
      let planned = insideTargets(of: tunnel).filter { target in
        interface.addresses.contains {
          $0.address.family == target.address.family && !$0.address.isLinkLocal
        }
      }
      judge(planned, .error, tunnel, &result)
      guard let device = tunnel.device else {
        result.miss(tunnel.whyUnread)
        continue
      }
      if tunnel.policy == nil {
        let prefixes = device.peers.flatMap(\.allowedIPs).filter {
          !$0.isEverything && tunnel.carries($0.family)
        }
        judge(prefixes.map { (address: $0.someone, what: $0.description) }, .warning, tunnel, &result)
      }
      judgeWhole(tunnel, device, &result)
      judgeOuter(tunnel, device, &result)
    }
    return result
  }

  /// Adds targets that are not routed into the tunnel, grouped by where they are routed.
  private func judge(
    _ targets: [(address: IPAddress, what: String)], _ severity: FindingSeverity, _ tunnel: DoctorTunnel,
    _ result: inout CheckResult
  ) {
    var misrouted: [String: [(address: IPAddress, what: String)]] = [:]
    for target in targets {
      switch routeFact(to: target.address) {
      case .leaves(tunnel.name, _): break
      case .leaves(let other, _): misrouted["through \(other)", default: []].append(target)
      case .local: misrouted["to this host itself", default: []].append(target)
      case .nowhere: misrouted["nowhere (no route)", default: []].append(target)
      case .unknown(let why): result.miss(why)
      }
    }
    for (route, targets) in misrouted.sorted(by: { $0.key < $1.key }) {
      let example = targets.first?.address.description ?? ""
      result.find(
        severity,
        "packets for \(tunnel.name) are routed \(route): \(enumerated(targets.map(\.what)))",
        fix:
          "add them to the peer's AllowedIPs and restart wg-quick@\(tunnel.name), which creates the routes; "
          + "ip route get \(example) shows the present route")
    }
  }

  /// Adds a finding if a peer has a default route in its AllowedIPs, but the host's default route is elsewhere.
  private func judgeWhole(_ tunnel: DoctorTunnel, _ device: WireGuardDevice, _ result: inout CheckResult) {
    for family in AddressFamily.allCases where isWhole(device, family) && tunnel.carries(family) {
      guard let anyone = Self.anyone.first(where: { $0.family == family }) else { continue }
      switch routeFact(to: anyone) {
      case .leaves(tunnel.name, _): break
      case .leaves(let other, _):
        result.find(
          .warning,
          "the AllowedIPs of a peer of \(tunnel.name) cover \(family == .ipv4 ? "0.0.0.0/0" : "::/0"), but "
            + "the default route is through \(other)",
          fix: "let wg-quick create the routes (no Table = off), or narrow AllowedIPs to what you need")
      case .local, .nowhere:
        result.find(
          .warning,
          "the AllowedIPs of a peer of \(tunnel.name) cover \(family == .ipv4 ? "0.0.0.0/0" : "::/0"), but "
            + "the host has no default route of that family",
          fix: "let wg-quick create the routes (no Table = off), or narrow AllowedIPs to what you need")
      case .unknown(let why): result.miss(why)
      }
    }
  }

  /// Adds a finding if the tunnel's own packets are routed into the tunnel, or have no route.
  private func judgeOuter(_ tunnel: DoctorTunnel, _ device: WireGuardDevice, _ result: inout CheckResult) {
    for endpoint in Set(device.peers.compactMap(\.endpoint?.address)).sorted() {
      switch routeFact(to: endpoint, mark: device.firewallMark) {
      case .leaves(tunnel.name, _):
        result.find(
          .error,
          "\(tunnel.name)'s own packets to \(endpoint) are routed into \(tunnel.name): a routing loop",
          fix: device.firewallMark == 0
            ? "set FwMark in its configuration and route by it, as wg-quick does, or route \(endpoint) elsewhere"
            : "route packets with the mark \(device.firewallMark) outside the tunnel: ip rule add not fwmark "
              + "\(device.firewallMark) table \(device.firewallMark)")
      case .nowhere:
        result.find(
          .error, "there is no route to \(endpoint), the endpoint of a peer of \(tunnel.name)",
          fix: "check this host's default route")
      case .leaves, .local: break
      case .unknown(let why): result.miss(why)
      }
    }
  }

  /// Whether a peer of a device has a whole address family in its AllowedIPs: as `/0`, or as two halves.
  func isWhole(_ device: WireGuardDevice, _ family: AddressFamily) -> Bool {
    device.peers.contains { peer in
      let wide = peer.allowedIPs.filter { $0.family == family && $0.isEverything }
      return wide.contains { $0.length == 0 } || wide.count == 2
    }
  }

  /// Checks that WireGuard's packets, including its overhead, fit into the MTU on the path to each endpoint.
  func mtu() -> CheckResult {
    let present = tunnels.filter { $0.interface != nil }
    guard !present.isEmpty else { return .notMade(.mtu, "this host has no tunnel interface") }
    var result = CheckResult(
      .mtu,
      lookedAt: present.map { "MTU \($0.interface?.mtu ?? 0) of \($0.name)" }.joined(separator: ", ")
        + ", and the paths to their endpoints")
    for tunnel in present {
      guard let interface = tunnel.interface, let device = tunnel.device else {
        result.miss(tunnel.whyUnread)
        continue
      }
      for endpoint in Set(device.peers.compactMap(\.endpoint?.address)).sorted() {
        // The outer header, UDP's 8 bytes, and WireGuard's 32: 16 of header and 16 of authentication.
        let overhead: UInt32 = endpoint.family == .ipv4 ? 60 : 80
        switch routeFact(to: endpoint, mark: device.firewallMark) {
        case .leaves(let outer, let known):
          let link = facts.host.interface(named: outer)?.mtu
          guard outer != tunnel.name, let room = [known, link].compactMap({ $0 }).min() else { continue }
          guard interface.mtu > room || interface.mtu + overhead > room else { continue }
          let best = room > overhead ? room - overhead : 0
          let why =
            known == room && link != room
            ? "the path to \(endpoint) has MTU \(room)" : "\(outer) has MTU \(room)"
          result.find(
            .warning,
            "\(tunnel.name) has MTU \(interface.mtu), which with \(overhead) bytes of overhead is too "
              + "large: \(why), so large packets are lost or fragmented",
            fix:
              "ip link set \(tunnel.name) mtu \(best), and set MTU = \(best) in "
              + "/etc/wireguard/\(tunnel.name).conf"
          )
        case .local, .nowhere: break
        case .unknown(let why): result.miss(why)
        }
      }
      addBridges(wider: interface, &result)
    }
    return result
  }

  /// Adds bridges of containers that have a larger MTU than the tunnel.
  private func addBridges(wider tunnel: NetworkInterface, _ result: inout CheckResult) {
    let bridges = facts.host.interfaces.filter {
      $0.kind == "bridge" && $0.state == .up && !$0.addresses.isEmpty && $0.mtu > tunnel.mtu
    }
    guard !bridges.isEmpty else { return }
    result.find(
      .information,
      "the MTU of container bridges (\(enumerated(bridges.map { "\($0.name) \($0.mtu)" }))) is larger than "
        + "that of \(tunnel.name) (\(tunnel.mtu)): containers rely on ICMP errors to find the path MTU",
      fix:
        "set \"mtu\": \(tunnel.mtu) in Docker's daemon.json or for that network, if containers use the tunnel"
    )
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// Whether packets take the way that they should, and fit it.
extension DoctorSubject {
  /// What is to be reached through a tunnel is routed into it, and the tunnel's own packets are not.
  func route() -> CheckResult {
    guard !tunnels.isEmpty else { return .notMade(.route, Self.noTunnel) }
    var result = CheckResult(.route, lookedAt: "the kernel's routes to what lies behind \(names)")
    for tunnel in tunnels {
      guard let interface = tunnel.interface else {
        result.miss("\(tunnel.name) is not there")
        continue
      }
      // Without its addresses, or down, it has no routes, and that is told already.
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

  /// Targets that leave by another way than the tunnel, by that way.
  private func judge(
    _ targets: [(address: IPAddress, what: String)], _ severity: FindingSeverity, _ tunnel: DoctorTunnel,
    _ result: inout CheckResult
  ) {
    var astray: [String: [(address: IPAddress, what: String)]] = [:]
    for target in targets {
      switch way(target.address) {
      case .leaves(tunnel.name, _): break
      case .leaves(let other, _): astray["by \(other)", default: []].append(target)
      case .local: astray["to this host itself", default: []].append(target)
      case .nowhere: astray["nowhere", default: []].append(target)
      case .unknown(let why): result.miss(why)
      }
    }
    for (way, strays) in astray.sorted(by: { $0.key < $1.key }) {
      let example = strays.first?.address.description ?? ""
      result.find(
        severity, "what is to go through \(tunnel.name) goes \(way): \(enumerated(strays.map(\.what)))",
        fix: "put it into the peer's AllowedIPs and restart wg-quick@\(tunnel.name), which makes the routes; "
          + "ip route get \(example) shows the route that is in the way")
    }
  }

  /// Where a peer has everything in its AllowedIPs, everything is routed to it.
  private func judgeWhole(_ tunnel: DoctorTunnel, _ device: WireGuardDevice, _ result: inout CheckResult) {
    for family in AddressFamily.allCases where isWhole(device, family) && tunnel.carries(family) {
      guard let anyone = Self.anyone.first(where: { $0.family == family }) else { continue }
      switch way(anyone) {
      case .leaves(tunnel.name, _): break
      case .leaves(let other, _):
        result.find(
          .warning,
          "a peer of \(tunnel.name) is to get everything (\(family == .ipv4 ? "0.0.0.0/0" : "::/0")), and the default route is by \(other)",
          fix: "let wg-quick make the routes (no Table = off), or narrow AllowedIPs to what is to go there")
      case .local, .nowhere:
        result.find(
          .warning,
          "a peer of \(tunnel.name) is to get everything, and there is no default route of that family",
          fix: "let wg-quick make the routes (no Table = off), or narrow AllowedIPs to what is to go there")
      case .unknown(let why): result.miss(why)
      }
    }
  }

  /// The tunnel's own packets do not go into the tunnel.
  private func judgeOuter(_ tunnel: DoctorTunnel, _ device: WireGuardDevice, _ result: inout CheckResult) {
    for endpoint in Set(device.peers.compactMap(\.endpoint?.address)).sorted() {
      switch way(endpoint, mark: device.firewallMark) {
      case .leaves(tunnel.name, _):
        result.find(
          .error, "\(tunnel.name)'s own packets to \(endpoint) go into \(tunnel.name): it swallows itself",
          fix: device.firewallMark == 0
            ? "set FwMark in its configuration and route by it, as wg-quick does, or route \(endpoint) past the tunnel"
            : "route packets with the mark \(device.firewallMark) past the tunnel: ip rule add not fwmark "
              + "\(device.firewallMark) table \(device.firewallMark)")
      case .nowhere:
        result.find(
          .error, "there is no route to \(endpoint), the endpoint of a peer of \(tunnel.name)",
          fix: "see to this host's default route")
      case .leaves, .local: break
      case .unknown(let why): result.miss(why)
      }
    }
  }

  /// Whether some peer of a device is to get a whole family: by `/0`, or by two halves.
  func isWhole(_ device: WireGuardDevice, _ family: AddressFamily) -> Bool {
    device.peers.contains { peer in
      let wide = peer.allowedIPs.filter { $0.family == family && $0.isEverything }
      return wide.contains { $0.length == 0 } || wide.count == 2
    }
  }

  /// WireGuard's packets, with what it puts around them, fit the way to each endpoint.
  func mtu() -> CheckResult {
    let present = tunnels.filter { $0.interface != nil }
    guard !present.isEmpty else { return .notMade(.mtu, "there is no tunnel here to look at") }
    var result = CheckResult(
      .mtu,
      lookedAt: present.map { "\($0.name) of \($0.interface?.mtu ?? 0) bytes" }.joined(separator: ", ")
        + " and the ways to their endpoints")
    for tunnel in present {
      guard let interface = tunnel.interface, let device = tunnel.device else {
        result.miss(tunnel.whyUnread)
        continue
      }
      for endpoint in Set(device.peers.compactMap(\.endpoint?.address)).sorted() {
        // The outer header, UDP's 8 bytes, and WireGuard's 32: 16 of header and 16 of authentication.
        let overhead: UInt32 = endpoint.family == .ipv4 ? 60 : 80
        switch way(endpoint, mark: device.firewallMark) {
        case .leaves(let outer, let known):
          let link = facts.host.interface(named: outer)?.mtu
          guard outer != tunnel.name, let room = [known, link].compactMap({ $0 }).min() else { continue }
          guard interface.mtu > room || interface.mtu + overhead > room else { continue }
          let best = room > overhead ? room - overhead : 0
          let why =
            known == room && link != room ? "the path to \(endpoint) takes \(room)" : "\(outer) takes \(room)"
          result.find(
            .warning,
            "\(tunnel.name) takes packets of \(interface.mtu) bytes, which with \(overhead) more are too large: \(why), so "
              + "small packets pass and large ones are lost or broken up",
            fix:
              "ip link set \(tunnel.name) mtu \(best), and MTU = \(best) in /etc/wireguard/\(tunnel.name).conf"
          )
        case .local, .nowhere: break
        case .unknown(let why): result.miss(why)
        }
      }
      addBridges(wider: interface, &result)
    }
    return result
  }

  /// Containers whose bridge takes larger packets than the tunnel.
  private func addBridges(wider tunnel: NetworkInterface, _ result: inout CheckResult) {
    let bridges = facts.host.interfaces.filter {
      $0.kind == "bridge" && $0.state == .up && !$0.addresses.isEmpty && $0.mtu > tunnel.mtu
    }
    guard !bridges.isEmpty else { return }
    result.find(
      .information,
      "packets of containers may be larger (\(enumerated(bridges.map { "\($0.name) \($0.mtu)" }))) than \(tunnel.name) takes "
        + "(\(tunnel.mtu)): they rely on ICMP to learn it",
      fix:
        "set \"mtu\": \(tunnel.mtu) in Docker's daemon.json or for that network, if containers talk through the tunnel"
    )
  }
}

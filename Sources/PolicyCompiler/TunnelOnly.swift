// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// Destinations that are reachable only through a tunnel: the addresses inside every tunnel, and the subnets
/// of machines behind it.
struct TunnelDestinations {
  /// Destinations that are reachable through the same tunnels.
  struct Group {
    let tunnels: [Tunnel]
    let prefixes: [Prefix]
    /// The policy line that says so.
    let line: Int?

    /// As part of a chain's or a set's name.
    var identifier: String { tunnels.map { Identifier.clean($0.name.description) }.joined(separator: ".") }
  }

  let groups: [Group]

  init(site: Site) {
    groups = site.homes.homes.filter { $0.kind != .zone }.map { home in
      Group(
        tunnels: home.zones.compactMap { site.policy.tunnel(named: $0) }, prefixes: home.prefixes,
        line: home.line)
    }
  }
}

/// How a packet is refused.
enum Refusal: String {
  /// With an answer to the sender: a reset for the first packet of a TCP connection, because the kernel
  /// limits the rate of ICMP errors to one sender; an ICMP error for others, which does not end a connection.
  case rejected
  /// Without an answer: after routing the kernel cannot send one.
  case dropped
  /// As `rejected`, at a limited rate; without an answer above it, and to broadcast, anycast and multicast addresses.
  case answered
  /// As `rejected`, and also a connection that exists is reset: TCP takes an ICMP error for a passing fault.
  case aborted
}

extension RulesetBuilder {
  /// The rules for packets to tunnel destinations. They also apply while a tunnel's interface is down or does
  /// not exist, and to packets of the kernel itself: errors and resets to an address that was this host's.
  mutating func tunnelOnlyRules(_ refusal: Refusal) -> [Rule] {
    var rules: [Rule] = []
    for group in TunnelDestinations(site: site).groups {
      let chain = "tunnel-only-\(group.identifier)-\(refusal.rawValue)"
      let names = group.tunnels.map(\.name.description).joined(separator: " or ")
      let origin = site.origin(group.line, "only through \(names)")
      var permitted = group.tunnels.map { tunnel in
        Rule(
          [.interface(.output, .equal, .exact(tunnel.name)), .interfaceType(.output, .equal, .linkless)],
          action: .return, origin: site.origin(tunnel.location.line, "tunnel \(tunnel.name)"))
      }
      permitted.append(
        Rule(
          [.interface(.output, .equal, .exact(.loopback))], action: .return,
          origin: Origin(reason: "this host's own address")))
      // Forwarded packets and packets of this host use the same chain.
      if !hasChain(chain) {
        let rules = permitted + refuse(DropCause(.clearTextOut), origin, refusal)
        add(RuleChain(name: chain, rules: rules))
      }
      let set = "home-\(group.identifier)\(group.prefixes == group.tunnels.first?.prefixes ? "" : "-behind")"
      for match in memberships(of: group.prefixes, .destination, set: set) {
        rules.append(Rule([match], action: .jump(chain), origin: origin))
      }
    }
    return rules
  }

  /// How many packets of one cause are answered with `refuse`.
  static let answerRate = PacketRate(perSecond: 100)

  /// The rules that refuse every packet.
  mutating func refuse(_ cause: DropCause, _ origin: Origin, _ refusal: Refusal) -> [Rule] {
    switch refusal {
    case .dropped: [drop([], cause, origin)]
    case .aborted:
      [
        drop([.transport(.equal, .tcp)], cause, origin, by: .reset), drop([], cause, origin, by: .reject),
      ]
    case .rejected: answers(cause, origin, at: nil)
    case .answered:
      // Before routing the kernel does not check it.
      [drop([.destinationTypeSet(.equal, set: unansweredTypes())], cause, origin)]
        + answers(cause, origin, at: Self.answerRate)
    }
  }

  /// The rules that answer every packet.
  private mutating func answers(_ cause: DropCause, _ origin: Origin, at rate: PacketRate?) -> [Rule] {
    [
      drop([.tcpFlags(mask: [.fin, .syn, .rst, .ack], .equal, .syn)], cause, origin, by: .reset, at: rate),
      drop([], cause, origin, by: .reject, at: rate),
    ]
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

package import Ruleset

/// The cause of a drop, in words.
package struct DropWords {
  /// The cause, in one clause.
  package let meaning: String
  /// Why no line of `allow` can let such a packet in; nil if a grant can.
  package let final: String?

  /// The words for a cause.
  package init(_ cause: DropCause) {
    guard let reason = cause.reason else {
      (meaning, final) = (cause.subject, "no line of 'allow' changes this")
      return
    }
    let (meaning, final) = Self.words(reason)
    self.meaning = cause.subject.isEmpty ? meaning : "\(meaning) \(cause.subject)"
    self.final = final
  }

  /// A meaning is followed by the name of a zone or list if the reason has one.
  private static func words(_ reason: DropReason) -> (meaning: String, final: String?) {
    switch reason {
    case .notGranted: ("no grant lets it in from zone", nil)
    case .aboveLimit:
      (
        "its source opened more connections than the 'limit' of the grant allows:",
        "the grant lets the source in again when its budget is refilled; raise 'limit' or 'burst' if it is too low"
      )
    case .confined: ("'confine' lets out only what a grant allows, and no grant allows it for the", nil)
    case .notForwarded: ("no grant forwards it through this machine", nil)
    case .spoofedSource:
      (
        "it arrived on the wrong interface: its source belongs to",
        "an address is accepted as a source only on the interfaces of its home"
      )
    case .impossibleSource:
      (
        "its source is not a valid address on a network",
        "loopback, IPv4-mapped and multicast addresses are never accepted as sources"
      )
    case .impossibleDestination:
      (
        "its destination is not a valid address on a network",
        "loopback and IPv4-mapped addresses are never reachable from outside"
      )
    case .ipOptions:
      (
        "it has IPv4 options of more than 4 bytes",
        "one of them may be a source route: no grant was evaluated for the packet's final destination"
      )
    case .sourceRoute:
      (
        "it has a source route",
        "source-routed packets are never accepted: no grant was evaluated for their final destination"
      )
    case .linkType:
      (
        "the interface has a tunnel's name but not a tunnel's link type:",
        "find out which program created the interface (ip -d link), and delete it"
      )
    case .redirect:
      (
        "it is an ICMP redirect, which would change this machine's routes",
        "ICMP redirects are never accepted: configure the route"
      )
    case .routerAdvertisement:
      (
        "it would make its sender a router of this machine",
        "router advertisements are accepted on networks, but not from tunnels and containers"
      )
    case .hostService:
      (
        "it came from a container, for a service that only hosts use",
        "WireGuard and docker-swarm are services between hosts: containers cannot use them"
      )
    case .tunnelAddress:
      (
        "it is for this machine's tunnel address, but arrived on another interface",
        "a tunnel address is reachable only through the tunnel"
      )
    case .zoneSource:
      (
        "its source is not in the prefixes of zone",
        "the zone accepts only sources in its prefixes: add the source to them"
      )
    case .blocked:
      (
        "its source is in the blocked list",
        "the list is evaluated before every grant: remove the source from the list"
      )
    case .clearTextIn:
      (
        "it came in the clear from a machine that must use the tunnel",
        "'encrypt' accepts it only through the tunnel"
      )
    case .clearTextOut:
      (
        "it would leave in the clear, but its destination must be reached through the tunnel",
        "it may leave only through the tunnel"
      )
    case .invalid:
      (
        "it neither belongs to a connection nor begins one",
        "only packets that begin or continue a connection can be granted"
      )
    case .unjudged:
      (
        "another table's NAT redirected it to a destination that no grant covers",
        "grant the port that its sender uses, on the machine that translates it"
      )
    case .midstream:
      (
        "it continues a TCP connection that is not in this machine's conntrack table",
        "its program must open a new connection"
      )
    case .lockDownOut:
      (
        "in a lock-down this machine forwards no traffic of containers",
        "the lock-down ends when a policy is accepted"
      )
    case .panicOut:
      (
        "in a panic this machine opens no connections, for itself or for containers",
        "the panic ends with: wgfence panic --end"
      )
    }
  }
}

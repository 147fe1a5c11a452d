// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// Why a packet was dropped: the name of the drop counter, in words.
struct DropReason {
  /// The reason, in one clause.
  let meaning: String
  /// Why no line of `allow` can let such a packet in; nil if a grant can.
  let final: String?

  /// The reason that a counter's name stands for.
  init(counter: String) {
    let name = String(NamedCounter.Purpose.subject(ofCounterNamed: counter))
    for (beginning, meaning, final) in Self.known where name.hasPrefix(beginning) {
      let rest = name.dropFirst(beginning.count)
      self.meaning = rest.isEmpty ? meaning : "\(meaning) \(rest)"
      self.final = final
      return
    }
    (meaning, final) = (name, "no line of 'allow' changes this")
  }

  /// A name that ends in `-` is followed by the name of a zone or list.
  private static let known: [(name: String, meaning: String, final: String?)] = [
    ("not-granted-", "no grant lets it in from zone", nil),
    ("not-forwarded", "no grant forwards it through this machine", nil),
    (
      "spoofed-source-", "it arrived on the wrong interface: its source belongs to",
      "an address is accepted as a source only on the interfaces of its home"
    ),
    (
      "impossible-source", "its source is not a valid address on a network",
      "loopback, IPv4-mapped and multicast addresses are never accepted as sources"
    ),
    (
      "impossible-destination", "its destination is not a valid address on a network",
      "loopback and IPv4-mapped addresses are never reachable from outside"
    ),
    (
      "source-route", "it has a source route",
      "source-routed packets are never accepted: no grant was evaluated for their final destination"
    ),
    (
      "link-type-", "the interface has a tunnel's name but not a tunnel's link type:",
      "find out which program created the interface (ip -d link), and delete it"
    ),
    (
      "redirect", "it is an ICMP redirect, which would change this machine's routes",
      "ICMP redirects are never accepted: configure the route"
    ),
    (
      "router-advertisement", "it would make its sender a router of this machine",
      "router advertisements are accepted on networks, but not from tunnels and containers"
    ),
    (
      "host-service", "it came from a container, for a service that only hosts use",
      "WireGuard and docker-swarm are services between hosts: containers cannot use them"
    ),
    (
      "tunnel-address", "it is for this machine's tunnel address, but arrived on another interface",
      "a tunnel address is reachable only through the tunnel"
    ),
    (
      "zone-source-", "its source is not in the prefixes of zone",
      "the zone accepts only sources in its prefixes: add the source to them"
    ),
    (
      "blocked-", "its source is in the blocked list",
      "the list is evaluated before every grant: remove the source from the list"
    ),
    (
      "clear-text-in", "it came in the clear from a machine that must use the tunnel",
      "'encrypt' accepts it only through the tunnel"
    ),
    (
      "clear-text-out", "it would leave in the clear, but its destination must be reached through the tunnel",
      "it may leave only through the tunnel"
    ),
    (
      "invalid", "it neither belongs to a connection nor begins one",
      "only packets that begin or continue a connection can be granted"
    ),
    (
      "unjudged", "another table's NAT redirected it to a destination that no grant covers",
      "grant the port that its sender uses, on the machine that translates it"
    ),
    (
      "midstream", "it continues a TCP connection that is not in this machine's conntrack table",
      "its program must open a new connection"
    ),
  ]
}

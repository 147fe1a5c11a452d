// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// Why a packet was dropped: the name of the counter, in words.
struct DropReason {
  /// What it means, in one clause.
  let meaning: String
  /// Why nothing under `allow` lets such a packet in; nil where a grant may.
  let final: String?

  /// The meaning of a counter's name.
  init(counter: String) {
    let name = String(NamedCounter.Purpose.subject(ofCounterNamed: counter))
    for (beginning, meaning, final) in Self.known where name.hasPrefix(beginning) {
      let rest = name.dropFirst(beginning.count)
      self.meaning = rest.isEmpty ? meaning : "\(meaning) \(rest)"
      self.final = final
      return
    }
    (meaning, final) = (name, "no line of 'allow' is about this")
  }

  /// Names that end in `-` are followed by that of a zone or list.
  private static let known: [(name: String, meaning: String, final: String?)] = [
    ("not-granted-", "no grant lets it in from zone", nil),
    ("not-forwarded", "no grant routes it through this machine", nil),
    (
      "spoofed-source-", "it came by another interface, and its source belongs to",
      "an address is accepted as a source on the interfaces where it belongs alone"
    ),
    (
      "impossible-source", "no packet on a wire has its source",
      "loopback, IPv4-mapped and multicast addresses are never accepted as sources"
    ),
    (
      "impossible-destination", "no packet on a wire has its destination",
      "loopback and IPv4-mapped addresses are never reached from outside"
    ),
    (
      "source-route", "its sender wrote the way into it",
      "source routes are never followed: they lead to destinations that no grant was asked for"
    ),
    (
      "link-type-", "the interface has the name of a tunnel and is none:",
      "find out who made the interface (ip -d link), and delete it"
    ),
    (
      "redirect", "it would change this machine's routes", "redirects are never accepted: set the route"
    ),
    (
      "router-advertisement", "it would make its sender this machine's router",
      "router advertisements are accepted on networks, not from tunnels and containers"
    ),
    (
      "host-service", "it came from a container, and is for a service that only hosts use",
      "WireGuard and docker-swarm are between hosts"
    ),
    (
      "tunnel-address", "it is for this machine's address in a tunnel, and came by another interface",
      "a tunnel's addresses are reached by the tunnel alone"
    ),
    (
      "zone-source-", "its source is none that the policy has in zone",
      "the zone's prefixes would have to hold its source"
    ),
    (
      "blocked-", "its source is in the blocked list", "the list would have to leave its source out"
    ),
    (
      "clear-text-in", "it came in the clear from a machine that is to be heard through the tunnel",
      "'encrypt' lets it come by the tunnel or not at all"
    ),
    (
      "clear-text-out", "it would leave in the clear for what is to be reached through the tunnel",
      "it leaves by the tunnel or not at all"
    ),
    (
      "invalid", "it belongs to no connection and begins none",
      "only packets that begin or continue a connection can be granted"
    ),
    (
      "unjudged", "another table translated it to a destination that no grant was asked for",
      "grant the port that its sender uses, on the machine that translates it"
    ),
    (
      "midstream", "it is the middle of a TCP connection that this machine does not know",
      "its program has to connect anew"
    ),
  ]
}

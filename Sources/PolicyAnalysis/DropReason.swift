// SPDX-License-Identifier: GPL-3.0-or-later

/// Why a packet was dropped: the name of the counter, in words.
struct DropReason {
  /// What it means, in one clause.
  let meaning: String
  /// Why nothing under `allow` lets such a packet in; nil where a grant may.
  let final: String?

  /// The meaning of a counter's name.
  init(counter: String) {
    let name = counter.hasPrefix("drop-") ? String(counter.dropFirst("drop-".count)) : counter
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
      "spoofed-source", "its source belongs to a tunnel, and it came by another interface",
      "a tunnel's addresses are believed on the tunnel alone"
    ),
    (
      "tunnel-address", "it is for this machine's address in a tunnel, and came by another way",
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
      "clear-text-out", "it would leave in the clear for a machine that is to be reached through the tunnel",
      "'encrypt' lets it leave by the tunnel or not at all"
    ),
    (
      "invalid", "it belongs to no connection and begins none",
      "only packets that begin or continue a connection can be granted"
    ),
    (
      "unjudged", "another table turned it to this machine behind the judgement",
      "whoever translates it must do so behind a grant of its own port"
    ),
    (
      "midstream", "it is the middle of a TCP connection that this machine does not know",
      "its program has to connect anew"
    ),
  ]
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// A machine of a first policy, at the other end of one or more tunnels.
struct PeerDraft {
  let name: String
  /// Where its name comes from.
  let origin: String
  /// Its public key; nil for a machine that is reached through another peer.
  let key: WireGuardKey?
  /// Its addresses, by tunnel. Known from AllowedIPs, or assumed.
  var addresses: [(tunnel: String, addresses: [IPAddress])]
  /// Networks behind it.
  var subnets: [Prefix]
  /// The AllowedIPs whose hosts are senders, with their parts in `subnets`: without those that stand for a default
  /// route.
  var networks: [(allowed: Prefix, parts: [Prefix])]
  /// AllowedIPs that a policy does not express, and why.
  var notes: [String]
  /// Its public addresses.
  var endpoint: [IPAddress]
  /// How sure its addresses are.
  var certainty: Certainty

  enum Certainty {
    /// AllowedIPs name its addresses.
    case known
    /// Its addresses are assumed, and it is needed: networks are reached through it.
    case assumed
    /// Its addresses are assumed, and it is written as a comment.
    case suggested
  }

  /// Whether it is a machine of the policy, and not a comment.
  var isWritten: Bool { certainty != .suggested }

  /// Its line below `machines`, and the lines about what it does not express.
  var lines: String {
    let places = addresses.map { "\($0.tunnel): \(FirstPolicy.list($0.addresses))" }
    var parts = ["addresses: { \(places.joined(separator: ", ")) }"]
    if !endpoint.isEmpty { parts.append("endpoint: \(FirstPolicy.list(endpoint))") }
    if !subnets.isEmpty { parts.append("subnets: \(FirstPolicy.list(subnets))") }
    if let key { parts.append("key: \"\(key)\"") }
    let doubt =
      switch certainty {
      case .known: ""
      case .assumed: "; guess: its address in the tunnel, which AllowedIPs do not say"
      case .suggested: "; correct its address, which AllowedIPs do not say"
      }
    var text =
      "  \(isWritten ? "" : "# ")\(name): { \(parts.joined(separator: ", ")) }  # \(origin)\(doubt)\n"
    for note in notes { text += "  #   AllowedIPs \(note)\n" }
    return text
  }
}

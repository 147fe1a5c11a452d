// SPDX-License-Identifier: GPL-3.0-or-later

/// The maps of the language that have fixed keys, and these keys. The decoder has no other list of them, and
/// the schema for editors is generated from this one.
package enum LanguageMap: String, CaseIterable, Sendable {
  /// The whole file.
  case policy
  /// A tunnel.
  case tunnel
  /// A machine.
  case machine
  /// A zone of a machine.
  case zone
  /// A list in a file of its own.
  case listFile
  /// A line of `allow`.
  case grant
  /// A line of `failsafe`.
  case failsafe
  /// A line of `encrypt`.
  case encryption
  /// A line of `translate`.
  case translation
  /// An entry of `confine` with keys.
  case confinement
  /// A line of `tests`.
  case test

  /// The allowed keys, in the order in which messages list them.
  package var keys: [String] {
    switch self {
    case .policy:
      [
        "version", "tunnels", "machines", "groups", "services", "lists", "block", "allow", "encrypt",
        "confine", "translate", "refuse", "failsafe", "observe", "tests",
      ]
    case .tunnel: ["prefixes", "listen", "hub"]
    case .machine: ["addresses", "endpoint", "key", "subnets", "zones"]
    case .zone: ["interfaces", "prefixes"]
    case .listFile: ["file"]
    case .grant: ["to", "services", "from", "limit", "burst", "because", "until"]
    case .failsafe: ["to", "services", "from", "limit", "burst", "because"]
    case .encryption: ["between", "tunnel", "shared"]
    case .translation: ["at", "masquerade", "forward", "to", "port", "map", "as", "over"]
    case .confinement: ["from", "to"]
    case .test: ["from", "to", "over", "allow", "deny"]
    }
  }

  /// The required keys. A test also needs `allow` or `deny`.
  package var required: [String] {
    switch self {
    case .policy: ["version", "machines"]
    case .tunnel: ["prefixes"]
    case .machine: []
    case .zone: ["interfaces"]
    case .listFile: ["file"]
    case .grant, .failsafe: ["to", "services", "from"]
    case .encryption: ["between", "tunnel"]
    case .translation: ["at", "over"]
    case .confinement, .test: ["from", "to"]
    }
  }
}

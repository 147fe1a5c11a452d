// SPDX-License-Identifier: GPL-3.0-or-later

/// The maps of the language whose keys are its own words, and those words. The decoder knows no other list of them, and
/// the schema for editors is made from this one.
package enum LanguageMap: String, CaseIterable, Sendable {
  /// The whole file.
  case policy
  /// A tunnel.
  case tunnel
  /// A machine.
  case machine
  /// A zone of a machine.
  case zone
  /// A list that stands in a file of its own.
  case listFile
  /// A line of `allow`.
  case grant
  /// A line of `failsafe`.
  case failsafe
  /// A line of `encrypt`.
  case encryption
  /// A line of `tests`.
  case test

  /// The keys that it may have, in the order in which they are told.
  package var keys: [String] {
    switch self {
    case .policy:
      [
        "version", "tunnels", "machines", "groups", "services", "lists", "block", "allow", "encrypt",
        "failsafe", "tests",
      ]
    case .tunnel: ["prefixes", "listen", "hub"]
    case .machine: ["addresses", "endpoint", "key", "subnets", "zones"]
    case .zone: ["interfaces", "prefixes"]
    case .listFile: ["file"]
    case .grant: ["to", "services", "from", "because", "until"]
    case .failsafe: ["to", "services", "from", "because"]
    case .encryption: ["between", "tunnel"]
    case .test: ["from", "to", "over", "allow", "deny"]
    }
  }

  /// The keys that it must have. A test needs `allow` or `deny` besides.
  package var required: [String] {
    switch self {
    case .policy: ["version", "machines"]
    case .tunnel: ["prefixes"]
    case .machine: []
    case .zone: ["interfaces"]
    case .listFile: ["file"]
    case .grant, .failsafe: ["to", "services", "from"]
    case .encryption: ["between", "tunnel"]
    case .test: ["from", "to"]
    }
  }
}

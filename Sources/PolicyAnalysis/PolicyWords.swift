// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import PolicyLanguage

/// Parts of a policy, in the syntax of the policy language.
package enum PolicyWords {
  package static func text(_ source: GrantSource) -> String {
    switch source {
    case .machine(let name), .zone(let name), .list(let name): name
    case .tunnel(let name): name.description
    case .machineZone(let machine, let zone): "\(machine).\(zone)"
    case .prefix(let prefix): prefix.description
    case .anywhere: "anywhere"
    }
  }

  package static func text(_ target: GrantTarget) -> String {
    switch target {
    case .machine(let name): name
    case .zone(let machine, let zone): "\(machine).\(zone)"
    case .subnet(_, let prefix): prefix.description
    }
  }

  /// A translation, as a clause about its machine.
  package static func text(_ translation: Translation) -> String {
    switch translation.kind {
    case .masquerade(let sources):
      "masquerades \(sources.joined(separator: ", ")) over \(translation.over)"
    case .forward(let services, let to, let port):
      "forwards \(services.map(\.name).joined(separator: ", ")) from \(translation.over) to \(to)"
        + (port.map { " port \($0)" } ?? "")
    case .map(let inside, let outside): "shows \(inside) as \(outside) over \(translation.over)"
    }
  }

  /// An entry of `confine`, as the traffic of its machine.
  package static func text(_ confinement: Confinement) -> String {
    let sender =
      switch confinement.sender {
      case .host: "what it sends itself"
      case .containers: "what its containers send"
      }
    return sender
      + (confinement.destinations.map { " to \($0.map(\.description).joined(separator: ", "))" } ?? "")
  }

  /// A limit, as the connections that are limited.
  package static func text(_ limit: ConnectionLimit, of grant: Grant) -> String {
    "\(grant.services.map(\.name).joined(separator: ", ")) from \(grant.wordsFrom.joined(separator: ", ")): "
      + "\(limit.text) of each source"
  }

  /// An entry of `refuse`, as the traffic that is answered.
  package static func refusal(of zone: String) -> String { "what no grant allows from \(zone)" }

  /// A target as part of a sentence: a prefix with the machine that it is behind.
  package static func sentence(_ target: GrantTarget) -> String {
    if case .subnet(let machine, let prefix) = target { "\(prefix) behind \(machine)" } else { text(target) }
  }

  /// A line of `allow`.
  static func grant(to: String, services: String, from: String) -> String {
    "- { to: \(scalar(to)), services: [\(scalar(services))], from: \(scalar(from)) }"
  }

  /// A line of `tests`.
  static func test(from: String, to: String, allow: String) -> String {
    "- { from: \(scalar(from)), to: \(scalar(to)), allow: [\(scalar(allow))] }"
  }

  /// A word in a YAML flow mapping, quoted if it contains a colon.
  static func scalar(_ word: String) -> String {
    word.utf8.contains(UInt8(ascii: ":")) ? "\"\(word)\"" : word
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import PacketSets

/// The part of an `allow` that does not hold, in a line.
struct MissingSources {
  /// Prefixes, ports and the like that are named before the rest is counted.
  private static let mostNamed = 3

  /// The fields that the text is about.
  static let fields: [PacketSpace.Field] = [.source, .destination, .service]

  /// What the test claims and what of it does not pass, in one family.
  struct Part {
    /// Where the packets come to the target's machine.
    let zone: String
    let family: AddressFamily
    /// Every source that the test names, also those that the policy excludes.
    var whole: IntervalSet
    var claimed: PacketSpace
    var missing: [PacketSpace]
  }

  /// One part for each zone and family: packets that come over a hub and the hub's own are one source's.
  private static func merged(_ parts: [Part]) -> [Part] {
    parts.reduce(into: []) { merged, part in
      guard let place = merged.firstIndex(where: { $0.zone == part.zone && $0.family == part.family }) else {
        return merged.append(part)
      }
      merged[place].whole = merged[place].whole.union(part.whole)
      merged[place].claimed[.source] = merged[place].claimed[.source].union(part.claimed[.source])
      merged[place].missing += part.missing
    }
  }

  /// What does not pass, where that is not everything; nil where it is.
  package static func text(_ parts: [Part], _ source: GrantSource) -> String? {
    let parts = merged(parts)
    let isWhole = parts.allSatisfy { part in
      part.missing.reduce([part.claimed]) { rest, one in rest.flatMap { $0.subtracting(one) } }.isEmpty
    }
    if isWhole { return nil }
    // Where neither family of the source is let in, the text does not distinguish them.
    let families =
      parts.allSatisfy { part in
        IntervalSet.union(part.missing.map { $0[.source] }).isSuperset(of: part.claimed[.source])
      } ? 1 : Set(parts.map(\.family)).count
    var words: [String] = []
    for part in parts where !part.missing.isEmpty {
      let sources = IntervalSet.union(part.missing.map { $0[.source] })
      let ports = IntervalSet.union(part.missing.map { $0[.service] })
      let destinations = IntervalSet.union(part.missing.map { $0[.destination] })
      var text = self.sources(sources, part, source, families)
      if !ports.isSuperset(of: part.claimed[.service]) {
        text += " to \(list(PortWords.names(ports)))"
      }
      if !destinations.isSuperset(of: part.claimed[.destination]) {
        text += " at \(list(ReachNames.prefixes(destinations, part.family).map(\.description)))"
      }
      words.append(text)
    }
    // A source that comes by several zones lacks the same in each.
    return words.unique.joined(separator: "; ")
  }

  private static func sources(
    _ missing: IntervalSet, _ part: Part, _ source: GrantSource, _ families: Int
  ) -> String {
    let claimed = part.claimed[.source]
    if missing.isSuperset(of: claimed) {
      let prefixes = ReachNames.prefixes(part.whole, part.family)
      if prefixes.count == 1, case .prefix = source { return "\(prefixes[0]) is not let in" }
      let family = part.family == .ipv4 ? "IPv4" : "IPv6"
      return families > 1
        ? "no \(family) address of \(PolicyWords.text(source)) is let in"
        : "no address of \(PolicyWords.text(source)) is let in"
    }
    // What the policy excludes does not pass either: named along, it makes for fewer prefixes.
    let all = ReachNames.prefixes(
      missing.union(part.whole.subtracting(claimed)), part.family)
    let exact = ReachNames.prefixes(missing, part.family)
    let passing = ReachNames.prefixes(claimed.subtracting(missing), part.family)
    let shorter = all.count < exact.count ? all : exact
    if passing.count < shorter.count, passing.count <= mostNamed {
      let verb = passing.count == 1 ? "is" : "are"
      return "only \(list(passing.map(\.description))) \(verb) let in"
    }
    let verb = shorter.count == 1 ? "is" : "are"
    return "\(list(shorter.map(\.description))) \(verb) not let in"
  }

  private static func list(_ words: [String]) -> String {
    if words.count > mostNamed {
      return "\(words.prefix(mostNamed).joined(separator: ", ")) and \(words.count - mostNamed) more"
    }
    guard words.count > 1, let last = words.last else { return words.first ?? "" }
    return "\(words.dropLast().joined(separator: ", ")) and \(last)"
  }
}

/// Services as ports, whatever the policy calls them.
enum PortWords {
  static func names(_ numbers: IntervalSet) -> [String] {
    numbers.intervals.flatMap { interval -> [String] in
      var words: [String] = []
      var lower = interval.lower
      while lower <= interval.upper {
        let upper = min(interval.upper, lower | 0xffff)
        let transport = IPProtocol(number: UInt8(truncatingIfNeeded: lower >> 16))
        let (from, to) = (UInt16(truncatingIfNeeded: lower), UInt16(truncatingIfNeeded: upper))
        if transport == .icmp || transport == .icmpv6 {
          words.append("ping")
        } else if transport.hasPorts {
          words.append(from == to ? "\(from)/\(transport)" : "\(from)-\(to)/\(transport)")
        } else {
          words.append("ip/\(transport.number)")
        }
        lower = upper + 1
      }
      return words
    }
  }
}

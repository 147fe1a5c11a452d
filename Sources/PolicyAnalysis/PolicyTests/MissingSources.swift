// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import PacketSets

/// The part of an `allow` test that does not pass, as one line of text.
struct MissingSources {
  /// The number of prefixes, ports and the like that are named; of the others only the number is printed.
  private static let mostNamed = 3

  /// The fields that the text describes.
  static let fields: [PacketSpace.Field] = [.source, .destination, .service]

  /// The packets that the test is about and those of them that do not pass, in one family.
  struct Part {
    /// The zone from which the packets arrive at the target's machine.
    let zone: String
    let family: AddressFamily
    /// All sources that the test names, including those that the policy excludes.
    var whole: IntervalSet
    var claimed: PacketSpace
    var missing: [PacketSpace]
  }

  /// Merges the parts to one for each zone and family: packets over a hub and packets of the hub itself have
  /// one source.
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

  /// What does not pass; nil if nothing passes.
  package static func text(_ parts: [Part], _ source: GrantSource) -> String? {
    let parts = merged(parts)
    let isWhole = parts.allSatisfy { part in
      part.missing.reduce([part.claimed]) { rest, one in rest.flatMap { $0.subtracting(one) } }.isEmpty
    }
    if isWhole { return nil }
    // If neither family of the source is let in, the text does not distinguish them.
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
    // For a source that arrives from several zones, the text is the same for each.
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
    // Addresses that the policy excludes do not pass either. To include them can give fewer prefixes.
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

/// Services as ports, without the policy's names for them.
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

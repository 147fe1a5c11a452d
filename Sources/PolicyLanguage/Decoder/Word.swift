// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The meaning of a word of `to`, `from` or `between`.
enum Word {
  case machine(String)
  /// A group and its machines.
  case group([String])
  case tunnel(InterfaceName)
  case zone(String)
  case machineZone(machine: String, zone: String)
  case list(String)
  case prefix(Prefix)
  case anywhere
}

/// A word of `from` and a word of `to` that have been checked against each other.
struct WordPair: Hashable {
  let from: String
  let to: String
}

extension PolicyDecoder {
  /// The key that a word belongs to. It determines which names are allowed, and what messages call them.
  enum Role {
    case to, from, between

    var kind: String {
      switch self {
      case .to: "machine or group"
      case .from: "source"
      case .between: "machine or group"
      }
    }
  }

  /// The word for every source.
  static let anywhere = "anywhere"

  /// The meaning of a word; reported if it has none here.
  mutating func resolve(_ word: YamlText, _ role: Role) -> Word? {
    if let known = words[word.text] { return known }
    guard let meaning = meaning(word, role) else { return nil }
    markUsed(word.text, meaning)
    words[word.text] = meaning
    return meaning
  }

  private mutating func meaning(_ word: YamlText, _ role: Role) -> Word? {
    let text = word.text
    if names.ambiguous.contains(text) { return nil }
    switch names[text] {
    case .machine: return .machine(text)
    case .group: return groups[text].map { .group($0.machines) }
    case .tunnel: return InterfaceName(text).map { .tunnel($0) }
    case .list: return .list(text)
    case .zone: return .zone(text)
    case nil: break
    }
    if text == Self.anywhere {
      if role == .from { return .anywhere }
      log.error(word.mark, "'anywhere' is a source: it is not allowed here", help: "name a \(role.kind)")
      return nil
    }
    let isNameLike =
      text.utf8.first.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20) } ?? false
    if text == "*" {
      log.error(word.mark, "'*' is not a \(role.kind)", help: Self.everything(role))
      return nil
    }
    if !isNameLike || text.utf8.contains(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") }) {
      return prefix(word).map { .prefix($0) }
    }
    if let dot = text.firstIndex(of: ".") {
      return machineZone(word, String(text[..<dot]), String(text[text.index(after: dot)...]))
    }
    let candidates =
      role == .from
      ? names.kinds.keys + [Self.anywhere] : names.names(.machine, .group)
    log.error(
      word.mark, "unknown \(role.kind) '\(text.shortened)'",
      help: Self.wordsForEverything.contains(text)
        ? Self.everything(role) : suggestion(for: text, among: candidates))
    return nil
  }

  /// Words of other programs for every source or target.
  private static let wordsForEverything: Set<String> = [
    "any", "all", "everyone", "everybody", "everything", "world",
  ]

  private static func everything(_ role: Role) -> String {
    switch role {
    case .from: "write 'anywhere' for every source, or 'internet' for those outside tunnels and zones"
    case .to, .between: "name the machines, or define a group of them under 'groups'"
    }
  }

  private mutating func machineZone(_ word: YamlText, _ machine: String, _ zone: String) -> Word? {
    guard let index = machineIndex[machine] else {
      if zone.utf8.contains(UInt8(ascii: ".")) {
        log.error(
          word.mark, "'\(word.text.shortened)' looks like a host name, which is never resolved",
          help: "write its addresses, or put them into a list under 'lists'")
        return nil
      }
      log.error(
        word.mark, "unknown machine '\(machine.shortened)' in '\(word.text.shortened)'",
        help: suggestion(for: machine, among: machineIndex.keys)
          ?? "write MACHINE.ZONE; host names are never resolved")
      return nil
    }
    if zone == Zone.internet || machines[index].zone(named: zone) != nil {
      return .machineZone(machine: machine, zone: zone)
    }
    if broken.contains(machine) { return nil }
    let zones = machines[index].zones.map(\.name) + [Zone.internet]
    log.error(
      word.mark, "'\(machine)' has no zone '\(zone.shortened)'",
      help: suggestion(for: zone, among: zones) ?? "its zones: \(zones.sorted().joined(separator: ", "))")
    return nil
  }

  private mutating func markUsed(_ text: String, _ word: Word) {
    used.insert(text)
    switch word {
    case .machine, .list, .zone, .anywhere: break
    case .group(let members): used.formUnion(members)
    case .machineZone(let machine, _): used.insert(machine)
    case .tunnel(let name):
      for machine in machines where !machine.addresses(in: name).isEmpty { used.insert(machine.name) }
    case .prefix(let prefix):
      for machine in machines where machine.subnets.contains(where: { $0.contains(prefix) }) {
        used.insert(machine.name)
      }
    }
  }

  /// The targets of a word of `to`; none, and reported, if the word is not allowed there.
  mutating func targets(_ word: YamlText) -> [GrantTarget] {
    guard let meaning = resolve(word, .to) else { return [] }
    switch meaning {
    case .machine(let name): return [.machine(name)]
    case .group(let members): return members.map { .machine($0) }
    case .machineZone(let machine, let zone):
      guard let index = machineIndex[machine], !broken.contains(machine) else { return [] }
      guard checkPrefixes(word, index, zone) else { return [] }
      return [.zone(machine: machine, zone: zone)]
    case .prefix(let prefix):
      if let owner = machines.first(where: { $0.subnets.contains { $0.contains(prefix) } }) {
        return [.subnet(machine: owner.name, prefix: prefix)]
      }
      if broken.isEmpty { reportStrayTarget(word, prefix) }
      return []
    case .tunnel, .zone, .list, .anywhere:
      log.error(
        word.mark, "'\(word.text)' is a \(names[word.text]?.rawValue ?? "zone"): it is not allowed in 'to'",
        help: word.text == Zone.internet
          ? "for what a machine forwards to the internet, write 'MACHINE.internet'; what it sends itself needs a grant only "
            + "with 'confine'"
          : zoneHelp(word.text) ?? "name a machine, a group, MACHINE.ZONE, or a prefix of 'subnets'")
      return []
    }
  }

  /// The advice to write `MACHINE.ZONE`, if exactly one machine has a zone of this name.
  private func zoneHelp(_ zone: String) -> String? {
    let owners = machines.filter { $0.zone(named: zone)?.location != nil }
    return owners.count == 1
      ? owners.first.map { "for hosts in this zone of \($0.name), write '\($0.name).\(zone)'" } : nil
  }

  private mutating func reportStrayTarget(_ word: YamlText, _ prefix: Prefix) {
    let inside = machines.first {
      $0.addresses.contains { $0.addresses.contains { prefix.contains(Prefix($0)) } }
    }
    log.error(
      word.mark, "\(prefix) is not in the 'subnets' of any machine",
      help: inside.map { "it contains an address of \($0.name): write '\($0.name)'" }
        ?? "name a machine, a group, MACHINE.ZONE, or a prefix of 'subnets'; other prefixes are for what 'confine' names"
    )
  }

  /// Whether the hosts of a zone that is used as `MACHINE.ZONE` are known: it has prefixes, and every machine knows
  /// them. Reported if not.
  mutating func checkPrefixes(_ word: YamlText, _ index: Int, _ name: String) -> Bool {
    let (machine, zone) = (machines[index].name, machines[index].zone(named: name))
    // Every address that the machine does not have elsewhere.
    if name == Zone.internet || name == Zone.containers { return true }
    if zone?.prefixOrigin == .live {
      log.error(
        word.mark, "the zone '\(name)' of '\(machine)' has 'prefixes: live', which only \(machine) knows",
        help: "write its prefixes, so that other machines know its hosts too")
      return false
    }
    if zone?.prefixes.isEmpty == false { return true }
    reportZoneWithoutPrefixes(word, machine, name)
    return false
  }

  private mutating func reportZoneWithoutPrefixes(_ word: YamlText, _ machine: String, _ zone: String) {
    log.error(
      word.mark, "the zone '\(zone)' of '\(machine)' has no 'prefixes'",
      help: "add 'prefixes': they identify the hosts that \(machine) routes to and from")
  }
}

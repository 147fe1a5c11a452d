// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The zones of a machine.
extension PolicyDecoder {
  /// Reads the zones of a machine, and adds `containers` if it is not among them.
  mutating func zones(_ node: YamlNode) -> [Zone] {
    let entries = entries(node, "'zones'", of: "names", at: nil)
    var result: [Zone] = []
    var interfaces: [(pattern: InterfacePattern, zone: String)] = []
    var prefixes: [(prefix: Prefix, zone: String)] = []
    let hasOwnContainers = entries.contains { $0.key.text == Zone.containers }
    if !hasOwnContainers { interfaces = DefaultContainers.docker.map { ($0, Zone.containers) } }
    for entry in entries {
      let name = entry.key
      if name.text == Zone.internet {
        log.error(
          name.mark, "the zone 'internet' cannot be defined",
          help: "it is every interface that no other zone claims")
        continue
      }
      guard checkName(name, "a zone"), let fields = fields(entry.value, "a zone", of: .zone) else {
        continue
      }
      var own: [InterfacePattern] = []
      if let node = required(fields, "interfaces") {
        for word in texts(node, "'interfaces'", of: "an interface") {
          guard let pattern = interface(word, known: interfaces) else { continue }
          interfaces.append((pattern, name.text))
          own.append(pattern)
        }
      }
      var sources: [Prefix] = []
      var origin = Zone.PrefixOrigin.written
      if let node = fields["prefixes"], case .text("live") = node.content {
        origin = .live
        if name.text == Zone.containers {
          log.error(
            node.mark, "the zone 'containers' cannot have 'prefixes: live'",
            help: "write the prefixes, or leave 'prefixes' out")
        }
      } else if let node = fields["prefixes"] {
        for word in texts(node, "'prefixes'", of: "a prefix") {
          guard let prefix = prefix(word), checkZonePrefix(prefix, word, known: prefixes) else { continue }
          prefixes.append((prefix, name.text))
          sources.append(prefix)
        }
      }
      result.append(
        Zone(
          name: name.text, interfaces: own.sorted(), prefixes: sources.sorted(), prefixOrigin: origin,
          location: location(name.mark)))
    }
    if !hasOwnContainers { result.append(DefaultContainers.zone(beside: result)) }
    return result.sorted { $0.name < $1.name }
  }

  private mutating func interface(
    _ word: YamlText, known: [(pattern: InterfacePattern, zone: String)]
  ) -> InterfacePattern? {
    guard let pattern = InterfacePattern(word.text) else {
      let star = word.text.firstIndex(of: "*")
      log.error(
        word.mark, "'\(word.text.shortened)' is not a valid interface name",
        help: star != nil
          ? "'*' is allowed only at the end, after at least one character"
          : "use 1 to 15 characters, without '/', ':' and spaces")
      return nil
    }
    if pattern.matches(.loopback) {
      log.error(
        word.mark, "'\(word.text)' matches the loopback interface",
        help: "'lo' cannot be in a zone: its traffic is always allowed")
      return nil
    }
    if let tunnel = tunnels.first(where: { pattern.matches($0.name) }) {
      log.error(
        word.mark, "'\(word.text)' matches the tunnel \(tunnel.name)",
        help: "a tunnel is a zone of its own")
      return nil
    }
    if let other = known.first(where: { $0.pattern.overlaps(pattern) }) {
      log.error(
        word.mark, "'\(word.text)' overlaps '\(other.pattern)' of the zone '\(other.zone)'",
        help: other.zone == Zone.containers
          ? "to use such an interface here, redefine the zone 'containers'" : nil)
      return nil
    }
    return pattern
  }

  private mutating func checkZonePrefix(
    _ prefix: Prefix, _ word: YamlText, known: [(prefix: Prefix, zone: String)]
  ) -> Bool {
    if let tunnel = tunnels.first(where: { $0.prefixes.contains { $0.contains(prefix) } }) {
      log.error(
        word.mark, "\(prefix) is inside the tunnel \(tunnel.name)",
        help: "the addresses of a tunnel are accepted on the tunnel only")
      return false
    }
    if let other = known.first(where: { $0.prefix.overlaps(prefix) }) {
      log.error(word.mark, "\(prefix) overlaps \(other.prefix) of the zone '\(other.zone)'")
      return false
    }
    return true
  }

  /// Removes the subnets of other machines from wider prefixes of zones: they are behind the tunnel to their
  /// machine.
  mutating func takeSubnetsOutOfZones() {
    guard log.errorCount == 0 else { return }
    let subnets = machines.indices.flatMap { owner in
      machines[owner].subnets.map { (prefix: $0, owner: owner) }
    }
    let endpoints = machines.flatMap(\.endpoint.prefixes)
    for index in machines.indices {
      for place in machines[index].zones.indices {
        let zone = machines[index].zones[place]
        let inside = subnets.filter { subnet in
          zone.prefixes.contains { $0 != subnet.prefix && $0.contains(subnet.prefix) }
            && subnet.owner != index && shareTunnel(subnet.owner, index)
        }.map(\.prefix)
        if inside.isEmpty { continue }
        let rest = Prefix.subtract(Prefix.subtract(endpoints, from: inside), from: zone.prefixes).sorted()
        if rest.isEmpty, let location = zone.location {
          log.error(
            mark(location, zone.name),
            "the zone '\(zone.name)' of '\(machines[index].name)' has no address left: "
              + "subnets of other machines cover its prefixes",
            help: "remove 'prefixes' to accept any source there, or correct the subnets")
        }
        machines[index].zones[place].prefixes = rest
      }
    }
  }

  private func shareTunnel(_ one: Int, _ other: Int) -> Bool {
    machineTunnels[one].contains { machineTunnels[other].contains($0) }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The section `translate`.
extension PolicyDecoder {
  /// Reads the lines of `translate`.
  mutating func decodeTranslations(_ top: Fields) -> [Translation] {
    var result: [Translation] = []
    for node in lines(top, "translate") {
      guard let fields = fields(node, "a translation", of: .translation) else { continue }
      let kinds = ["masquerade", "forward", "map"].filter { fields[$0] != nil }
      guard kinds.count == 1, let kind = kinds.first else {
        log.error(
          fields.mark,
          kinds.isEmpty
            ? "a translation needs 'masquerade', 'forward' or 'map'"
            : "a translation has one of 'masquerade', 'forward' and 'map', not \(kinds.joined(separator: " and "))",
          help: kinds.isEmpty ? "for example: masquerade: [wg0]" : "write a line for each")
        continue
      }
      reportStrayKeys(fields, kind)
      guard let index = translatingMachine(fields), let over = way(required(fields, "over"), "'over'", index)
      else { continue }
      let found: Translation.Kind? =
        switch kind {
        case "masquerade": fields[kind].flatMap { masquerade($0, index, over) }
        case "forward": fields[kind].flatMap { forward($0, fields, index) }
        default: fields[kind].flatMap { map($0, fields, index) }
        }
      guard let found else { continue }
      lineMarks["translate", default: []].append(node.mark)
      result.append(
        Translation(machine: machines[index].name, over: over, kind: found, location: location(node.mark)))
    }
    return result
  }

  /// Keys that belong to another kind of translation.
  private mutating func reportStrayKeys(_ fields: Fields, _ kind: String) {
    for (key, owner) in [("to", "forward"), ("port", "forward"), ("as", "map")] where owner != kind {
      guard let node = fields[key] else { continue }
      log.error(node.mark, "'\(key)' belongs to '\(owner)', not to '\(kind)'", help: "remove it")
    }
  }

  private mutating func translatingMachine(_ fields: Fields) -> Int? {
    guard let node = required(fields, "at"), let word = text(node, "'at'", is: "a machine") else {
      return nil
    }
    guard let index = machineIndex[word.text] else {
      log.error(
        word.mark, unknown(word.text, "machine"), help: suggestion(for: word.text, among: machineIndex.keys))
      return nil
    }
    used.insert(word.text)
    return broken.contains(word.text) ? nil : index
  }

  /// A zone or tunnel of a machine.
  private mutating func way(_ node: YamlNode?, _ what: String, _ index: Int) -> String? {
    guard let node, let word = text(node, what, is: "a zone or tunnel") else { return nil }
    return way(word, index)
  }

  private mutating func way(_ word: YamlText, _ index: Int) -> String? {
    let machine = machines[index]
    if word.text == Zone.internet || machine.zone(named: word.text) != nil { return word.text }
    if let tunnel = tunnelIndex[word.text] {
      if machineTunnels[index].contains(tunnel) { return word.text }
      log.error(
        word.mark, "'\(machine.name)' has no address in \(word.text)", help: "add one to its 'addresses'")
      return nil
    }
    let known = machine.zones.map(\.name) + [Zone.internet] + tunnels.map(\.name.description)
    log.error(
      word.mark, "'\(machine.name)' has no zone or tunnel '\(word.text.shortened)'",
      help: suggestion(for: word.text, among: known) ?? "it has \(known.sorted().joined(separator: ", "))")
    return nil
  }

  private mutating func masquerade(_ node: YamlNode, _ index: Int, _ over: String) -> Translation.Kind? {
    var sources: [String] = []
    for word in texts(node, "'masquerade'", of: "a zone or tunnel") {
      guard let name = way(word, index) else { return nil }
      if name == over {
        log.error(
          word.mark, "'\(name)' cannot be masqueraded over itself",
          help: "'over' is where the packets leave; 'masquerade' is where they come from")
        return nil
      }
      if sources.contains(name) { warnTwice(word) } else { sources.append(name) }
    }
    return sources.isEmpty ? nil : .masquerade(from: sources)
  }

  private mutating func forward(_ node: YamlNode, _ fields: Fields, _ index: Int) -> Translation.Kind? {
    let services = lineServices(node, "'forward'")
    guard let to = required(fields, "to"), let word = text(to, "'to'", is: "a machine") else { return nil }
    guard let target = machineIndex[word.text] else {
      log.error(
        word.mark, unknown(word.text, "machine"), help: suggestion(for: word.text, among: machineIndex.keys))
      return nil
    }
    used.insert(word.text)
    let (machine, receiver) = (machines[index], machines[target])
    guard target != index else {
      log.error(
        word.mark, "'\(machine.name)' needs no translation to itself", help: "name another machine")
      return nil
    }
    if !broken.contains(receiver.name),
      !machineTunnels[index].contains(where: machineTunnels[target].contains)
    {
      log.error(
        word.mark, "'\(machine.name)' and '\(receiver.name)' have no tunnel in common",
        help: "add an address in the same tunnel to both")
      return nil
    }
    for service in services {
      for port in service.ports {
        if case .ports = port { continue }
        log.error(
          node.mark, "'\(service.name)' has a protocol without ports, which cannot be forwarded",
          help: "name services with TCP, UDP or SCTP ports only")
        return nil
      }
    }
    var port: UInt16?
    if let node = fields["port"] {
      guard let word = text(node, "'port'", is: "a port") else { return nil }
      guard let number = UInt16(word.text), number > 0 else {
        log.error(
          word.mark, "'\(word.text.shortened)' is not a valid port", help: "write a number from 1 to 65535")
        return nil
      }
      port = number
    }
    return services.isEmpty ? nil : .forward(services, to: receiver.name, port: port)
  }

  private mutating func map(_ node: YamlNode, _ fields: Fields, _ index: Int) -> Translation.Kind? {
    guard
      let inside = text(node, "'map'", is: "a prefix").flatMap({ word in prefix(word).map { (word, $0) } }),
      let node = required(fields, "as"),
      let outside = text(node, "'as'", is: "a prefix").flatMap({ word in prefix(word).map { (word, $0) } })
    else { return nil }
    guard inside.1.family == outside.1.family, inside.1.length == outside.1.length else {
      log.error(
        outside.0.mark, "\(outside.1) is not as long as \(inside.1)",
        help: "each address of one stands for one of the other: both need the same family and length")
      return nil
    }
    let machine = machines[index]
    if !machine.subnets.contains(where: { $0.contains(outside.1) }) {
      log.error(
        outside.0.mark, "\(outside.1) is not in the 'subnets' of '\(machine.name)'",
        help: "add it: other machines reach the hosts by these addresses")
      return nil
    }
    return .map(inside: inside.1, outside: outside.1)
  }

  /// Warns about translations that no grant lets packets reach.
  mutating func warnOfClosedTranslations(_ policy: Policy) {
    let grants = policy.grants + policy.failsafe
    for (number, translation) in policy.translations.enumerated() {
      guard let mark = lineMarks["translate"]?[number] else { continue }
      switch translation.kind {
      case .masquerade(let sources):
        let target = GrantTarget.zone(machine: translation.machine, zone: translation.over)
        let isFree = sources.contains(Zone.containers)
        let isTunnel = policy.tunnel(named: translation.over) != nil
        if isFree || isTunnel || grants.contains(where: { $0.to.contains(target) }) { continue }
        log.warning(
          mark, "no grant lets anything be forwarded to \(translation.machine).\(translation.over)",
          help:
            "add to 'allow': - { to: \(translation.machine).\(translation.over), services: [any], from: \(sources.joined(separator: ", ")) }"
        )
      case .forward(let services, let to, let port):
        for service in services {
          /// Whether grants to a machine let every one of these ports in.
          func isGranted(_ machine: String, _ ports: [ServicePort]) -> Bool {
            let own = grants.filter { $0.to.contains(.machine(machine)) }.flatMap(\.services)
            return ports.allSatisfy { port in own.contains { $0.holds(port) } }
          }
          let reached = port.map { number in
            service.ports.compactMap { port in
              if case .ports(let transport, _) = port, let range = PortRange(number) {
                ServicePort.ports(transport, range)
              } else {
                nil
              }
            }
          }
          if !isGranted(translation.machine, service.ports) {
            log.warning(
              mark, "no grant lets anything reach \(service.name) of \(translation.machine)",
              help:
                "add to 'allow': - { to: \(translation.machine), services: [\(service.name)], from: \(translation.over) }"
            )
          }
          if !isGranted(to, reached ?? service.ports) {
            let port = port.map { number in
              service.ports.compactMap {
                if case .ports(let transport, _) = $0 { "\(number)/\(transport)" } else { nil }
              }
              .joined(separator: ", ")
            }
            log.warning(
              mark, "no grant lets \(to) receive \(service.name)",
              help:
                "add to 'allow': - { to: \(to), services: [\(port ?? service.name)], from: \(translation.machine).\(translation.over) }"
            )
          }
        }
      case .map(_, let outside):
        let isOpen = grants.contains { grant in
          grant.to.contains { target in
            if case .subnet(translation.machine, let prefix) = target {
              outside.overlaps(prefix)
            } else {
              false
            }
          }
            || grant.from.contains { source in
              if case .prefix(let prefix) = source { outside.overlaps(prefix) } else { false }
            }
        }
        if isOpen { continue }
        log.warning(
          mark, "no grant names an address of \(outside)",
          help: "add to 'allow': - { to: \"\(outside)\", services: [any], from: \(translation.over) }")
      }
    }
  }
}

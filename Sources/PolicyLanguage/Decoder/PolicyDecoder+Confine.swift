// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The sections `confine` and `refuse`, and the targets that only outbound traffic has.
extension PolicyDecoder {
  /// Reads the entries of `confine`: a machine, a group or MACHINE.containers, or such senders with destinations.
  mutating func decodeConfinements(_ top: Fields) -> [Confinement] {
    var result: [Confinement] = []
    for node in lines(top, "confine") {
      var destinations: [Prefix]?
      var senders = node
      if case .map = node.content {
        guard let fields = fields(node, "an entry of 'confine'", of: .confinement) else { continue }
        let to = required(fields, "to")
        guard let from = required(fields, "from") else { continue }
        senders = from
        if let to {
          destinations = texts(to, "'to'", of: "a prefix").compactMap { prefix($0) }
        } else {
          continue
        }
      }
      for word in texts(senders, "'confine'", of: "a machine or MACHINE.containers") {
        for (machine, sender) in confined(word) {
          let confinement = Confinement(
            machine: machine, sender: sender, destinations: destinations, location: location(word.mark))
          let isKnown = result.contains {
            $0.machine == machine && $0.sender == sender
              && ($0.destinations == nil || $0.destinations == destinations)
          }
          if isKnown {
            warnTwice(word)
          } else {
            result.append(confinement)
            lineMarks["confine", default: []].append(word.mark)
          }
        }
      }
    }
    return result
  }

  private mutating func confined(_ word: YamlText) -> [(String, Confinement.Sender)] {
    switch resolve(word, .from) {
    case .machine(let name): return [(name, .host)]
    case .group(let names): return names.map { ($0, .host) }
    case .machineZone(let machine, Zone.containers): return [(machine, .containers)]
    case .machineZone(let machine, let zone):
      log.error(
        word.mark,
        "'\(word.text)' needs no 'confine': \(machine) forwards nothing from '\(zone)' without a grant",
        help: "'confine' is for what a machine itself sends, and for MACHINE.containers")
      return []
    case .tunnel, .zone, .list, .prefix, .anywhere:
      log.error(
        word.mark, "'\(word.text)' cannot be confined",
        help: word.text == Zone.containers
          ? "write MACHINE.containers" : "name a machine, a group, or MACHINE.containers")
      return []
    case nil: return []
    }
  }

  /// Reads the names of `refuse`.
  mutating func decodeRefused(_ top: Fields) -> [RefusedZone] {
    guard let node = top["refuse"] else { return [] }
    var result: [RefusedZone] = []
    for word in texts(node, "'refuse'", of: "a zone or tunnel") {
      let isKnown =
        switch names[word.text] {
        case .tunnel, .zone: true
        default: false
        }
      guard isKnown else {
        log.error(
          word.mark, unknown(word.text, "zone or tunnel"),
          help: suggestion(for: word.text, among: names.names(.zone, .tunnel)))
        continue
      }
      if result.contains(where: { $0.name == word.text }) {
        warnTwice(word)
      } else {
        result.append(RefusedZone(name: word.text, location: location(word.mark)))
      }
    }
    return result
  }

  // MARK: Targets of outbound traffic

  /// A target that means something else on each machine that sends to it.
  enum OutboundTarget {
    /// What the sender's machine reaches outside.
    case internet
    case prefix(Prefix)

    /// The target for senders on a machine.
    func target(on machine: String) -> GrantTarget {
      switch self {
      case .internet: .zone(machine: machine, zone: Zone.internet)
      case .prefix(let prefix): .subnet(machine: machine, prefix: prefix)
      }
    }
  }

  /// The target of a word that is not behind any machine; nil if it is another one, or if the policy confines nothing.
  mutating func outboundTarget(_ word: YamlText) -> OutboundTarget? {
    guard confinesSomething else { return nil }
    if word.text == Zone.internet, names[word.text] == .zone { return .internet }
    guard names[word.text] == nil, let prefix = PrefixScanner.scan(word.text),
      !machines.contains(where: { $0.subnets.contains { $0.contains(prefix) } }),
      !tunnels.contains(where: { $0.prefixes.contains { $0.overlaps(prefix) } })
    else { return nil }
    return .prefix(prefix)
  }

  /// Whether a source of a line with such a target sends it from a confined machine; reported if not.
  mutating func checkSender(_ word: YamlText, _ sources: [GrantSource], towards target: YamlText) -> Bool {
    for source in sources {
      switch source {
      case .machine(let name):
        if broken.contains(name) || confinements.contains(where: { $0.machine == name && $0.sender == .host })
        {
          continue
        }
        reportFree(word, name, name)
        return false
      case .machineZone(let name, Zone.containers):
        let isConfined = confinements.contains { $0.machine == name && $0.sender == .containers }
        if broken.contains(name) || isConfined { continue }
        reportFree(word, name, "\(name).\(Zone.containers)")
        return false
      case .machineZone(let name, let zone):
        log.error(
          word.mark, "'\(word.text)' reaches '\(target.text)' through \(name)",
          help: "write \(name).\(Zone.internet) in 'to': what \(name) forwards from '\(zone)'")
        return false
      case .tunnel, .zone, .prefix, .list, .anywhere:
        log.error(
          word.mark, "'\(word.text)' does not name the machine that sends to '\(target.text)'",
          help: "name machines of 'confine', or MACHINE.containers")
        return false
      }
    }
    return true
  }

  private mutating func reportFree(_ word: YamlText, _ machine: String, _ sender: String) {
    log.error(
      word.mark, "nothing confines what '\(sender)' sends: this line would change nothing",
      help: "add '\(sender)' to 'confine', or remove it from the line")
  }

  /// The machine on which a source sends.
  static func senderMachine(_ source: GrantSource) -> String? {
    switch source {
    case .machine(let name), .machineZone(let name, _): name
    case .tunnel, .zone, .prefix, .list, .anywhere: nil
    }
  }

  // MARK: Warnings

  /// Warns about confined senders that no grant lets reach name servers or time servers.
  mutating func warnOfConfinedWithoutNames(_ policy: Policy) {
    let needs: [(ServicePort?, String, Confinement.Sender?)] = [
      (PortRange(53).map { .ports(.udp, $0) }, "dns", nil),
      (PortRange(123).map { .ports(.udp, $0) }, "ntp", .host),
    ]
    for (place, confinement) in policy.confinements.enumerated() where confinement.destinations == nil {
      guard let mark = lineMarks["confine"]?[place], let machine = policy.machine(named: confinement.machine)
      else { continue }
      let grants = (policy.grants + policy.failsafe).filter { grant in
        grant.to.contains { grant.senders(to: $0, on: machine).contains(confinement.sender) }
      }
      for (port, name, only) in needs where only == nil || only == confinement.sender {
        guard let port, !grants.contains(where: { $0.services.contains { $0.holds(port) } }) else { continue }
        let sender =
          confinement.sender == .host ? machine.name : "\(machine.name).\(Zone.containers)"
        let purpose = name == "dns" ? "a name server" : "a time server"
        log.warning(
          mark, "no grant lets '\(sender)' reach \(purpose)",
          help:
            "add to 'allow': - { to: \(Zone.internet), services: [\(name)], from: \(sender) }, or with the server's address in 'to'"
        )
      }
    }
  }
}

extension PolicyDecoder.Ends {
  /// Adds targets outside, for the sources of each machine.
  mutating func addOutbound(_ targets: [PolicyDecoder.OutboundTarget]) {
    if targets.isEmpty { return }
    var machines: [String] = []
    for name in from.compactMap(PolicyDecoder.senderMachine) where !machines.contains(name) {
      machines.append(name)
    }
    outbound = machines.map { name in
      (targets.map { $0.target(on: name) }, from.filter { PolicyDecoder.senderMachine($0) == name })
    }
  }
}

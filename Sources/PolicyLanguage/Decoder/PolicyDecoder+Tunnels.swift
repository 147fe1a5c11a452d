// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The section `tunnels`.
extension PolicyDecoder {
  /// Reads the tunnels. `finishTunnels` checks their hubs, when the machines are known.
  mutating func decodeTunnels(_ entries: [YamlEntry]) {
    var claimed: [(prefix: Prefix, tunnel: String, mark: Mark)] = []
    for entry in entries {
      guard let name = InterfaceName(entry.key.text) else { continue }
      let errors = log.errorCount
      var prefixes: [Prefix] = []
      var listen: UInt16?
      var hub: String?
      if let fields = fields(entry.value, "a tunnel", of: .tunnel) {
        if let node = required(fields, "prefixes") {
          for word in texts(node, "'prefixes'", of: "a prefix") {
            guard let prefix = prefix(word) else { continue }
            if let other = claimed.first(where: { $0.prefix.overlaps(prefix) }) {
              log.error(
                word.mark, "\(prefix) overlaps \(other.prefix) of \(other.tunnel)",
                help: "the other one is on line \(other.mark.line)")
              continue
            }
            claimed.append((prefix, entry.key.text, word.mark))
            prefixes.append(prefix)
          }
        }
        if let node = fields["listen"], let word = text(node, "'listen'", is: "a UDP port") {
          listen = port(word)
        }
        if let node = fields["hub"] { hub = text(node, "'hub'", is: "the name of a machine")?.text }
      }
      if log.errorCount > errors { broken.insert(entry.key.text) }
      tunnelIndex[entry.key.text] = tunnels.count
      tunnels.append(
        Tunnel(
          name: name, prefixes: prefixes.sorted(), listen: listen, hub: hub,
          location: location(entry.key.mark)))
    }
  }

  /// Checks the parts of a tunnel that depend on the machines.
  mutating func finishTunnels(_ entries: [YamlEntry]) {
    for entry in entries {
      guard case .map(let fields) = entry.value.content,
        let node = fields.first(where: { $0.key.text == "hub" })?.value, case .text(let hub) = node.content,
        !hub.isEmpty
      else { continue }
      guard let machine = machineIndex[hub] else {
        log.error(
          node.mark, "unknown machine '\(hub.shortened)'",
          help: suggestion(for: hub, among: machineIndex.keys))
        continue
      }
      used.insert(hub)
      guard let tunnel = tunnelIndex[entry.key.text], !broken.contains(hub) else { continue }
      if !machineTunnels[machine].contains(tunnel) {
        log.error(
          node.mark, "the hub '\(hub)' has no address in \(entry.key.text)",
          help: "add one to its 'addresses'")
      }
    }
    // A host cannot bind a UDP port twice.
    for (index, machine) in machines.enumerated() {
      var ports: [UInt16: Int] = [:]
      for tunnel in machineTunnels[index] {
        guard let listen = tunnels[tunnel].listen else { continue }
        if let other = ports[listen] {
          let later = max(tunnels[tunnel].location, tunnels[other].location)
          let mark = entries.first { location($0.key.mark) == later }?.key.mark ?? .start
          log.error(
            mark,
            "\(tunnels[tunnel].name) and \(tunnels[other].name) both listen on port \(listen) "
              + "on \(machine.name)",
            help: "give one of them another port")
        } else {
          ports[listen] = tunnel
        }
      }
    }
  }

  /// A prefix; anything else is reported.
  mutating func prefix(_ word: YamlText) -> Prefix? {
    if let prefix = PrefixScanner.scan(word.text) { return prefix }
    let problem = PrefixProblem.of(word.text)
    log.error(word.mark, problem.message, help: problem.help)
    return nil
  }

  /// A port, 1...65535; anything else is reported.
  private mutating func port(_ word: YamlText) -> UInt16? {
    if word.text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(word.text), port > 0 {
      return port
    }
    log.error(
      word.mark, "'\(word.text.shortened)' is not a valid port", help: "write a number from 1 to 65535")
    return nil
  }
}

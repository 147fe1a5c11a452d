// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The way that a test's packet takes to a machine.
enum Way {
  case zone(String)
  case tunnel(Int)
}

/// What two ends are written for.
enum Purpose {
  /// To be let in.
  case grant
  /// To be asked about.
  case test
}

/// Whether a source and a target go together.
extension PolicyDecoder {
  /// What a word of `from` lets in; nil where it cannot stand there, which is reported.
  mutating func sources(_ word: YamlText, _ meaning: Word, for purpose: Purpose) -> [GrantSource]? {
    switch meaning {
    case .machine(let name): return checkAddress([name], word) ? [.machine(name)] : nil
    case .group(let members): return checkAddress(members, word) ? members.map { .machine($0) } : nil
    case .tunnel(let name): return [.tunnel(name)]
    case .zone(let name): return [.zone(name)]
    case .machineZone(let machine, let zone): return [.machineZone(machine: machine, zone: zone)]
    case .list(let name): return [.list(name)]
    case .prefix(let prefix):
      // Tests ask just this: what befalls such a source that does not come over the tunnel.
      if purpose == .grant,
        let tunnel = tunnels.first(where: { $0.prefixes.contains { $0.contains(prefix) } })
      {
        let owner = machines.first { $0.addresses(in: tunnel.name).contains { Prefix($0) == prefix } }
        log.error(
          word.mark, "\(prefix) is inside the tunnel \(tunnel.name), where machines are known by name",
          help: owner.map { "write \($0.name)" } ?? "name a machine, or the tunnel")
        return nil
      }
      return [.prefix(prefix)]
    }
  }

  private mutating func checkAddress(_ members: [String], _ word: YamlText) -> Bool {
    guard
      let stranger = members.first(where: { name in
        machineIndex[name].map { machineTunnels[$0].isEmpty } == true && !broken.contains(name)
      })
    else { return true }
    log.error(
      word.mark,
      stranger == word.text
        ? "'\(stranger)' has no address in any tunnel"
        : "'\(stranger)' of '\(word.text)' has no address in any tunnel",
      help: "a machine is known by its tunnel address: give it 'addresses'")
    return false
  }

  /// Checks that what comes from a source can come to these targets; reports the first that it cannot come to.
  mutating func check(
    _ word: YamlText, _ meaning: Word, against targets: [GrantTarget], over: Way?, for purpose: Purpose
  ) -> Bool {
    for target in targets {
      let name = target.machine
      guard let index = machineIndex[name], !broken.contains(name) else { continue }
      switch meaning {
      case .list: continue
      case .prefix(let prefix):
        guard purpose == .test || checkHome(of: prefix, word, on: index) else { return false }
      case .zone(let zone): guard checkZone(word, zone, of: index) else { return false }
      case .tunnel(let tunnel):
        guard let own = tunnelIndex[tunnel.description], !broken.contains(word.text) else { continue }
        if machineTunnels[index].contains(own) { continue }
        log.error(
          word.mark, "'\(name)' has no address in \(tunnel)",
          help: "only a machine that is in the tunnel is reached over it")
        return false
      case .machine(let source): guard checkMeeting(word, [source], index, over) else { return false }
      case .group(let members): guard checkMeeting(word, members, index, over) else { return false }
      case .machineZone(let machine, let zone):
        if machine == name || broken.contains(machine) { continue }
        guard let router = machineIndex[machine] else { continue }
        if machines[router].zone(named: zone)?.prefixes.isEmpty != false {
          reportZoneWithoutPrefixes(word, machine, zone)
          return false
        }
        guard checkMeeting(word, [machine], index, over) else { return false }
      }
    }
    return true
  }

  /// A prefix in `from` means the interfaces where its addresses belong: all of them must belong to the same.
  private mutating func checkHome(of prefix: Prefix, _ word: YamlText, on index: Int) -> Bool {
    // What covers everything is `internet` by another name.
    if prefix.length == 0 { return true }
    let machine = machines[index]
    let homes = addressHomes(on: index)
    if let home = homes.home(of: prefix) {
      guard home.kind == .zone, home.zones == [Zone.containers] else { return true }
      log.error(
        word.mark,
        "\(prefix) is in the zone 'containers' of '\(machine.name)', where any source can be forged",
        help: "write 'containers'")
      return false
    }
    guard let (home, part) = homes.split(of: prefix) else { return true }
    let place = home.zones.joined(separator: " or ")
    let what =
      switch home.kind {
      case .tunnel: "the tunnel \(place)"
      case .zone: "the zone '\(place)' of '\(machine.name)'"
      case .remoteSubnets: "a subnet that '\(machine.name)' reaches over \(place)"
      }
    log.error(
      word.mark,
      "\(prefix) belongs to two places on '\(machine.name)': \(part) is in \(what), the rest is not",
      help: "write a prefix for each place" + (home.line.map { ": line \($0) has \(part)" } ?? ""))
    return false
  }

  /// Where source addresses belong on a machine, worked out once.
  private mutating func addressHomes(on index: Int) -> AddressHomes {
    if let known = homesOfMachines[index] { return known }
    let homes = AddressHomes(on: machines[index], tunnels: tunnels, machines: machines)
    homesOfMachines[index] = homes
    return homes
  }

  private mutating func checkZone(_ word: YamlText, _ zone: String, of index: Int) -> Bool {
    if zone == Zone.internet || machines[index].zone(named: zone) != nil { return true }
    let owners = machines.filter { $0.zone(named: zone) != nil }.map(\.name).sorted()
    log.error(
      word.mark, "'\(machines[index].name)' has no zone '\(zone)'",
      help: owners.count == 1
        ? "hosts that \(owners[0]) routes from there are '\(owners[0]).\(zone)'"
        : owners.isEmpty ? nil : "\(owners.joined(separator: ", ")) have it")
    return false
  }

  private mutating func checkMeeting(_ word: YamlText, _ members: [String], _ target: Int, _ over: Way?)
    -> Bool
  {
    if case .zone? = over { return true }
    for member in members {
      guard let index = machineIndex[member], index != target, !broken.contains(member) else { continue }
      if case .tunnel(let tunnel)? = over {
        guard let stranger = [index, target].first(where: { !machineTunnels[$0].contains(tunnel) }) else {
          continue
        }
        log.error(
          word.mark, "'\(machines[stranger].name)' has no address in \(tunnels[tunnel].name)",
          help: "the packet of this test cannot come over it")
        return false
      }
      if machineTunnels[index].contains(where: { machineTunnels[target].contains($0) }) { continue }
      log.error(
        word.mark, "'\(member)' shares no tunnel with '\(machines[target].name)'",
        help: "give both an address in one tunnel")
      return false
    }
    return true
  }

  /// The zone or tunnel that `over` names.
  mutating func way(_ node: YamlNode, to targets: YamlNode?) -> Way? {
    guard let word = text(node, "'over'", is: "a zone or tunnel") else { return nil }
    switch names[word.text] {
    case .tunnel: return tunnelIndex[word.text].map { .tunnel($0) }
    case .zone:
      // The targets' own mistakes are told where they are decoded.
      let errors = log.errorCount
      for target in targets.map({ Self.plainTexts($0) }) ?? [] {
        let members = groups[target]?.machines ?? [String(target.prefix { $0 != "." })]
        for member in members {
          guard let index = machineIndex[member], !broken.contains(member), log.errorCount == errors else {
            continue
          }
          _ = checkZone(word, word.text, of: index)
        }
      }
      return .zone(word.text)
    case .machine, .group, .list, nil:
      log.error(
        word.mark, unknown(word.text, "zone or tunnel"),
        help: suggestion(for: word.text, among: names.names(.zone, .tunnel)))
      return nil
    }
  }

  private static func plainTexts(_ node: YamlNode) -> [String] {
    switch node.content {
    case .text(let text): [text]
    case .list(let nodes): nodes.flatMap { plainTexts($0) }
    case .map, .refused: []
    }
  }
}

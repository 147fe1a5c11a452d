// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The path of a test's packet to a machine: the zone or the tunnel over which it arrives.
enum ArrivalZone {
  case zone(String)
  case tunnel(Int)
}

/// The kind of line to which a source and a target belong.
enum Purpose {
  /// A grant, which lets the source in.
  case grant
  /// A test.
  case test
}

/// Checks whether a source can reach a target at all.
extension PolicyDecoder {
  /// The sources of a word of `from`; nil, and reported, if the word is not allowed there.
  mutating func sources(_ word: YamlText, _ meaning: Word, for purpose: Purpose) -> [GrantSource]? {
    switch meaning {
    case .machine(let name): return checkAddress([name], word) ? [.machine(name)] : nil
    case .group(let members): return checkAddress(members, word) ? members.map { .machine($0) } : nil
    case .tunnel(let name): return [.tunnel(name)]
    case .zone(let name): return [.zone(name)]
    case .machineZone(let machine, let zone): return [.machineZone(machine: machine, zone: zone)]
    case .list(let name): return [.list(name)]
    case .anywhere: return [.anywhere]
    case .prefix(let prefix):
      // A test can use such a prefix: it asks what happens to packets of this source that arrive outside the
      // tunnel.
      if purpose == .grant,
        let tunnel = tunnels.first(where: { $0.prefixes.contains { $0.contains(prefix) } })
      {
        let owner = machines.first { $0.addresses(in: tunnel.name).contains { Prefix($0) == prefix } }
        log.error(
          word.mark,
          "\(prefix) is inside the tunnel \(tunnel.name): a grant must use names there, not addresses",
          help: owner.map { "write '\($0.name)'" } ?? "write the name of a machine, or of the tunnel")
        return nil
      }
      return [.prefix(prefix)]
    }
  }

  private mutating func checkAddress(_ members: [String], _ word: YamlText) -> Bool {
    guard
      let outsider = members.first(where: { name in
        machineIndex[name].map { machineTunnels[$0].isEmpty } == true && !broken.contains(name)
      })
    else { return true }
    log.error(
      word.mark,
      outsider == word.text
        ? "'\(outsider)' has no address in any tunnel"
        : "'\(outsider)' of '\(word.text)' has no address in any tunnel",
      help: "a machine is identified by its tunnel address: add 'addresses'")
    return false
  }

  /// Whether packets of a source can reach these targets; the first target that they cannot reach is
  /// reported.
  mutating func check(
    _ word: YamlText, _ meaning: Word, against targets: [GrantTarget], over: ArrivalZone?,
    for purpose: Purpose
  ) -> Bool {
    for target in targets {
      let name = target.machine
      guard let index = machineIndex[name], !broken.contains(name) else { continue }
      switch meaning {
      case .list, .anywhere: continue
      case .prefix(let prefix):
        guard purpose == .test || checkHome(of: prefix, word, on: index) else { return false }
      case .zone(let zone): guard checkZone(word, zone, of: index) else { return false }
      case .tunnel(let tunnel):
        guard let own = tunnelIndex[tunnel.description], !broken.contains(word.text) else { continue }
        if machineTunnels[index].contains(own) { continue }
        log.error(
          word.mark, "'\(name)' has no address in \(tunnel)",
          help: "a machine can be reached over a tunnel only if it has an address in it")
        return false
      case .machine(let source): guard checkMeeting(word, [source], index, over) else { return false }
      case .group(let members): guard checkMeeting(word, members, index, over) else { return false }
      case .machineZone(let machine, let zone):
        if machine == name || broken.contains(machine) { continue }
        guard let router = machineIndex[machine] else { continue }
        guard checkPrefixes(word, router, zone) else { return false }
        guard checkMeeting(word, [machine], index, over) else { return false }
      }
    }
    return true
  }

  /// Whether all addresses of a prefix in `from` have the same home, which gives the interfaces of the grant;
  /// reported if they do not.
  private mutating func checkHome(of prefix: Prefix, _ word: YamlText, on index: Int) -> Bool {
    // A prefix of every address means the same as `internet`.
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
      help: "write one prefix for each place" + (home.line.map { ": line \($0) has \(part)" } ?? ""))
    return false
  }

  /// The homes of source addresses on a machine, computed once.
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
        ? "for hosts in this zone of \(owners[0]), write '\(owners[0]).\(zone)'"
        : owners.isEmpty ? nil : "machines with this zone: \(owners.joined(separator: ", "))")
    return false
  }

  private mutating func checkMeeting(
    _ word: YamlText, _ members: [String], _ target: Int, _ over: ArrivalZone?
  )
    -> Bool
  {
    if case .zone? = over { return true }
    for member in members {
      guard let index = machineIndex[member], index != target, !broken.contains(member) else { continue }
      if case .tunnel(let tunnel)? = over {
        guard let outsider = [index, target].first(where: { !machineTunnels[$0].contains(tunnel) }) else {
          continue
        }
        log.error(
          word.mark, "'\(machines[outsider].name)' has no address in \(tunnels[tunnel].name)",
          help: "a packet of this test cannot arrive over this tunnel")
        return false
      }
      if machineTunnels[index].contains(where: { machineTunnels[target].contains($0) }) { continue }
      log.error(
        word.mark, "'\(member)' and '\(machines[target].name)' have no tunnel in common",
        help: "add an address in the same tunnel to both")
      return false
    }
    return true
  }

  /// The zone or tunnel that `over` names.
  mutating func arrivalZone(_ node: YamlNode, to targets: YamlNode?) -> ArrivalZone? {
    guard let word = text(node, "'over'", is: "a zone or tunnel") else { return nil }
    switch names[word.text] {
    case .tunnel: return tunnelIndex[word.text].map { .tunnel($0) }
    case .zone:
      // Errors in the targets are reported when the targets are decoded.
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

// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The test network and the traffic for a ruleset, from what its text mentions.
struct MentionedNetwork {
  let network: TestNetwork
  let traffic: Traffic

  /// More interfaces than these are not made.
  private static let most = 24

  init(_ mentions: RulesetMentions) {
    var names: [String] = []
    for name in mentions.interfaces.prefix(Self.most) {
      // One of the many that a wildcard stands for.
      let own = name.hasSuffix("*") ? "\(name.dropLast().prefix(13))7" : name
      if !names.contains(own) { names.append(own) }
    }
    if names.isEmpty { names.append("eth0") }
    // There is always one that the ruleset does not mention.
    for name in ["eth1", "lan9", "other0"] where !names.contains(name) {
      names.append(name)
      break
    }
    let uplink = Self.uplink(names, mentions)
    var plan = AddressPlan(names: names, uplink: uplink)
    for (interface, block) in mentions.places {
      for name in names where Self.matches(interface, name) { plan.assign(block, to: name) }
    }
    for block in mentions.blocks { plan.assign(block) }
    // The networks of single machines that are mentioned without one: those behind an interface, and those that a rule
    // translates to.
    let machines = { (block: Prefix) in
      block.length == block.family.bitWidth && !mentions.own.contains(block.address)
    }
    for (interface, block) in mentions.places where machines(block) {
      for name in names where Self.matches(interface, name) { plan.assign(Self.network(of: block), to: name) }
    }
    for block in mentions.blocks where machines(block) { plan.assign(Self.network(of: block)) }
    plan.assignRest()
    for address in mentions.own { plan.own(address) }
    let singles = mentions.blocks.filter { $0.length == $0.family.bitWidth }.map(\.address)
    network = plan.network(singles: singles)
    var ports = mentions.ports
    // Some that the ruleset does not mention, and those that programs use most.
    let others: [UInt16] = [22, 53, 80, 443, 8080, 12345, 40_000, 65_535, 1]
    let share = max(1, ports.count / 4 / others.count)
    ports += others.flatMap { [UInt16](repeating: $0, count: share) }
    var transports: [IPProtocol?] = [.tcp, .tcp, .tcp, .tcp, .tcp, .udp, .udp, .udp, .udp, nil, nil]
    transports += [.esp, IPProtocol(number: 253)] + mentions.protocols.sorted().map { $0 }
    traffic = Traffic(
      ports: ports, sourcePorts: mentions.ports, transports: transports, blocks: mentions.blocks,
      hints: mentions.hints,
      icmpTypes: Self.weighted(mentions.icmpTypes, usual: [8, 0, 13], excluded: [3, 4, 5, 11, 12]),
      icmpv6Types: Self.weighted(mentions.icmpv6Types, usual: [128, 129, 135], excluded: [137]),
      hopLimits: [1, 2, 63, 128, 255])
  }

  /// A network of usual size around a machine.
  private static func network(of machine: Prefix) -> Prefix {
    Prefix(containing: machine.address, length: machine.family == .ipv4 ? 24 : 64)
  }

  /// Errors of ICMP are about another packet, and a redirection changes the host's routes.
  private static func weighted(_ types: Set<UInt8>, usual: [UInt8], excluded: Set<UInt8>) -> [UInt8] {
    types.subtracting(excluded).filter { usual.contains(128) ? $0 >= 128 : true }.sorted() + usual
  }

  /// Whether a name of a rule, which may end in `+` or `*`, is that of an interface.
  private static func matches(_ pattern: String, _ name: String) -> Bool {
    pattern.hasSuffix("+") || pattern.hasSuffix("*") ? name.hasPrefix(pattern.dropLast()) : pattern == name
  }

  /// The interface that looks most like that of the default route: packets leave by it with another source, or its name says so.
  private static func uplink(_ names: [String], _ mentions: RulesetMentions) -> String {
    let usual = ["wan", "ppp", "eth0", "enp", "ens", "ext", "net", "uplink", "pppoe", "vmbr0"]
    func score(_ name: String) -> Int {
      var score = mentions.masquerading.contains { matches($0, name) } ? 4 : 0
      if usual.contains(where: { name.hasPrefix($0) }) { score += 2 }
      return score
    }
    return names.max { score($0) < score($1) } ?? names[0]
  }
}

/// Gives networks to interfaces, so that no two of them overlap.
private struct AddressPlan {
  private struct Home {
    var blocks: [AddressFamily: Prefix] = [:]
    /// Addresses of the host's own apart from its address in the block.
    var more: [IPAddress] = []
  }

  private let names: [String]
  private let uplink: String
  private var homes: [String: Home] = [:]
  private var taken: [Prefix] = []

  init(names: [String], uplink: String) {
    (self.names, self.uplink) = (names, uplink)
    for name in names { homes[name] = Home() }
  }

  /// Whether a block is one of a network of machines: private, and neither one address nor all of them.
  private static func isNetwork(_ block: Prefix) -> Bool {
    let ranges =
      block.family == .ipv4
      ? ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"] : ["fc00::/7"]
    let longest = block.family == .ipv4 ? 29 : 120
    return block.length <= longest && ranges.contains { Prefix($0)?.contains(block) == true }
  }

  mutating func assign(_ block: Prefix, to name: String) {
    guard Self.isNetwork(block), homes[name]?.blocks[block.family] == nil else { return }
    // Of a block of many networks the first one.
    let shortest = block.family == .ipv4 ? 16 : 48
    let own = block.length < shortest ? Prefix(containing: block.address, length: shortest) : block
    guard !taken.contains(where: { $0.overlaps(own) }) else { return }
    taken.append(own)
    homes[name]?.blocks[block.family] = own
  }

  /// Gives a block to the first interface without one of its family; the uplink has a public one.
  mutating func assign(_ block: Prefix) {
    guard let name = names.first(where: { $0 != uplink && homes[$0]?.blocks[block.family] == nil }) else {
      return
    }
    assign(block, to: name)
  }

  mutating func assignRest() {
    for (number, name) in names.enumerated() {
      let own =
        name == uplink
        ? ["203.0.113.0/24", "2001:db8:1::/64"]
        : [
          "10.201.\(number).0/24", "fd77:\(String(number + 1, radix: 16))::/64",
        ]
      for block in own.compactMap({ Prefix($0) }) where homes[name]?.blocks[block.family] == nil {
        homes[name]?.blocks[block.family] = block
        taken.append(block)
      }
    }
  }

  /// Makes an address the host's own, unless it is one of a machine behind an interface other than the uplink.
  mutating func own(_ address: IPAddress) {
    let isPublic = !["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/16", "fe80::/10", "ff00::/8"].contains {
      Prefix($0)?.contains(address) == true
    }
    // In the uplink's network, too, except the addresses that the plan itself gives.
    let isFree = taken.filter { $0.contains(address) }.allSatisfy { block in
      homes[uplink]?.blocks[block.family] == block && block.last != address
        && ![0, 1, 2, 10].contains(address.bits - block.address.bits)
    }
    guard isPublic, isFree,
      homes[uplink]?.more.contains(address) == false,
      (homes[uplink]?.more.count ?? 0) < 8
    else { return }
    homes[uplink]?.more.append(address)
  }

  private func address(_ block: Prefix, _ number: UInt128) -> IPAddress {
    IPAddress(family: block.family, bits: block.address.bits + number)
  }

  func network(singles: [IPAddress]) -> TestNetwork {
    var gateways: [String] = []
    let interfaces = names.map { name in
      let home = homes[name] ?? Home()
      var (addresses, neighbours): ([String], [String]) = ([], [])
      for (family, block) in home.blocks.sorted(by: { $0.key < $1.key }) {
        // The router of a network is usually its first address; that of the uplink's network is another machine.
        let own = address(block, name == uplink && block.length < block.family.bitWidth - 4 ? 10 : 1)
        addresses.append("\(own)/\(block.length)")
        if name == uplink {
          gateways.append(address(block, 1 + (own.bits == block.address.bits + 1 ? 1 : 0)).description)
        }
        let inside = singles.filter {
          block.contains($0) && $0 != own && $0 != block.address && $0 != block.last
            && !home.more.contains($0)
        }
        neighbours += inside.prefix(12).map(\.description)
        neighbours += [2, 5, 66].map { address(block, $0) }.filter {
          block.contains($0) && $0 < block.last && $0 != own && !home.more.contains($0)
        }
        .map(\.description)
        if name == uplink { neighbours += family == .ipv4 ? ["198.51.100.7"] : ["2001:db8:9::7"] }
      }
      addresses += home.more.map { "\($0)/\($0.family.bitWidth)" }
      return TestNetwork.Interface(name: name, addresses: addresses, neighbours: neighbours)
    }
    return TestNetwork(interfaces: interfaces, uplink: uplink, gateways: gateways)
  }
}

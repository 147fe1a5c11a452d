// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// What the text of a ruleset mentions: the interfaces, addresses, ports and protocols from which a test network and packets
/// for it are made. It need not be exact: a name or number too many only gives packets of which the ruleset says nothing.
struct RulesetMentions {
  /// Names of interfaces, without the loopback interface; one that ends in `*` stands for many.
  private(set) var interfaces: [String] = []
  /// Address blocks, in the order of the text.
  private(set) var blocks: [Prefix] = []
  private(set) var ports: [UInt16] = []
  private(set) var protocols: Set<IPProtocol> = []
  /// Types of ICMP and ICMPv6.
  private(set) var icmpTypes: Set<UInt8> = []
  private(set) var icmpv6Types: Set<UInt8> = []
  /// What is said to be behind an interface.
  private(set) var places: [(interface: String, block: Prefix)] = []
  /// Addresses that must be the host's own: it translates to them, or away from them.
  private(set) var own: [IPAddress] = []
  /// Interfaces by which packets are sent with another source.
  private(set) var masquerading: [String] = []

  /// What single lines say together.
  private(set) var hints: [Traffic.Hint] = []

  private var seenInterfaces: Set<String> = []
  private var seenBlocks: Set<Prefix> = []

  init(_ files: [RulesetFile]) {
    for file in files {
      for name in file.loader.isNft ? NftInterfaces.names(file.text) : Self.optionNames(file.text) {
        add(interface: name)
      }
      for line in file.text.split(separator: "\n") { read(line) }
    }
  }

  private mutating func add(interface: String) {
    let name = interface.hasSuffix("+") ? interface.dropLast() + "*" : interface[...]
    guard name != "lo", name != "*", !name.isEmpty, name.count <= 15,
      seenInterfaces.insert(String(name)).inserted
    else { return }
    interfaces.append(String(name))
  }

  /// The names after the options of iptables.
  private static func optionNames(_ text: String) -> [String] {
    let options: Set<Substring> = [
      "-i", "-o", "--in-interface", "--out-interface", "--physdev-in", "--physdev-out",
    ]
    let words = text.split { $0 == " " || $0 == "\n" || $0 == "\t" || $0 == "=" }
    return words.indices.dropLast().filter { options.contains(words[$0]) && words[$0 + 1] != "!" }.map {
      String(words[$0 + 1].filter { $0 != "\"" })
    }
  }

  // MARK: A line

  private static let protocolNames: [Substring: IPProtocol] = [
    "gre": .gre, "esp": .esp, "ospf": IPProtocol(number: 89), "ospfigp": IPProtocol(number: 89),
  ]

  private static let services: [Substring: UInt16] = [
    "ssh": 22, "http": 80, "https": 443, "domain": 53, "smtp": 25, "ntp": 123, "bootps": 67, "bootpc": 68,
    "dhcpv6-client": 546, "dhcpv6-server": 547, "mdns": 5353, "imap": 143, "imaps": 993, "pop3": 110,
    "submission": 587,
    "ftp": 21, "tftp": 69, "snmp": 161, "ldap": 389, "mysql": 3306, "postgresql": 5432, "telnet": 23,
    "sip": 5060,
    "isakmp": 500, "ipsec-nat-t": 4500, "microsoft-ds": 445, "netbios-ns": 137, "openvpn": 1194,
    "kerberos": 88, "nfs": 2049,
  ]

  private static let icmpNames: [Substring: UInt8] = [
    "echo-reply": 0, "timestamp-request": 13, "router-advertisement": 9, "router-solicitation": 10,
    "address-mask-request": 17, "info-request": 15, "timestamp-reply": 14,
  ]

  private static let icmpv6Names: [Substring: UInt8] = [
    "echo-reply": 129, "mld-listener-query": 130, "mld-listener-report": 131, "mld-listener-done": 132,
    "mld-listener-reduction": 132, "nd-router-solicit": 133, "router-solicitation": 133,
    "nd-router-advert": 134,
    "router-advertisement": 134, "nd-neighbor-solicit": 135, "neighbour-solicitation": 135,
    "neighbor-solicitation": 135, "nd-neighbor-advert": 136, "neighbour-advertisement": 136,
    "neighbor-advertisement": 136, "ind-neighbor-solicit": 141, "mld2-listener-report": 143,
  ]

  /// What a word before an address or a name says of it.
  private enum Role { case source, destination, none }

  private mutating func read(_ line: Substring) {
    if line.drop(while: { $0 == " " || $0 == "\t" }).hasPrefix("#") { return }
    let words = line.split { " \t,{}()[];\"'=".contains($0) }
    let isAboutPorts = line.contains("port")
    let translates = line.contains("dnat") || line.contains("DNAT")
    var role = Role.none
    var isInverted = false
    var (input, output): (Substring?, Substring?) = (nil, nil)
    var isOutputInverted = false
    var behind: [(Prefix, Role)] = []
    var hint = Traffic.Hint()
    var isSourcePort = false
    for (index, word) in words.enumerated() {
      let before = index > 0 ? words[index - 1] : ""
      switch word {
      case "-s", "--source", "--src", "saddr": role = .source
      case "-d", "--destination", "--dst", "daddr": role = .destination
      case "!", "!=": isInverted = true
      case "sport", "--sport", "--sports", "--source-port", "--source-ports": isSourcePort = true
      case "dport", "--dport", "--dports", "--destination-port", "--destination-ports", "--to-destination",
        "to":
        isSourcePort = false
      case "tcp": hint.transport = .tcp
      case "udp": hint.transport = .udp
      case "icmp", "icmpv6", "ipv6-icmp": hint.transport = .icmp
      default: break
      }
      switch before == "!=" && index > 1 ? words[index - 2] : before {
      case "-i", "iifname", "iif", "--in-interface": if !isInverted { input = word }
      case "-o", "oifname", "oif", "--out-interface": (output, isOutputInverted) = (word, isInverted)
      default: break
      }
      if let number = Self.protocolNames[word] {
        protocols.insert(number)
        hint.transport = number
      }
      if let type = Self.icmpNames[word] { icmpTypes.insert(type) }
      if let type = Self.icmpv6Names[word] { icmpv6Types.insert(type) }
      if before == "type" || before == "--icmp-type" || before == "--icmpv6-type", let type = UInt8(word) {
        if type < 19 { icmpTypes.insert(type) } else { icmpv6Types.insert(type) }
      }
      let found = Self.blocks(word)
      for block in found {
        add(block)
        if role == .source { hint.sources.append(block) } else { hint.destinations.append(block) }
        if !isInverted { behind.append((block, role)) }
        if before == "--to-source" || (line.contains("snat") && before == "to")
          || translates && role == .destination
        {
          if block.length == block.family.bitWidth, before != "--to-destination" { own.append(block.address) }
        }
      }
      if found.isEmpty || word.contains(":") {
        let before = ports.count
        readPorts(word, weight: isAboutPorts ? 3 : 1)
        if isSourcePort { hint.sourcePorts += ports[before...] } else { hint.ports += ports[before...] }
      }
      if !word.hasPrefix("-"), word != "!", word != "!=" {
        if !found.isEmpty { role = .none }
        isInverted = false
      }
    }
    hint.input = input.map(String.init)
    hint.output = isOutputInverted ? nil : output.map(String.init)
    if !hint.isEmpty { hints.append(hint) }
    for (block, role) in behind {
      if role == .source, let input { places.append((String(input), block)) }
      if role == .destination, let output, !isOutputInverted { places.append((String(output), block)) }
      // Packets of a network that leave by any other interface.
      if role == .source, let output, isOutputInverted { places.append((String(output), block)) }
    }
    let sends = ["MASQUERADE", "masquerade", "SNAT", "snat"].contains { line.contains($0) }
    if sends, let output, !isOutputInverted { masquerading.append(String(output)) }
  }

  private mutating func add(_ block: Prefix) {
    if seenBlocks.insert(block).inserted { blocks.append(block) }
  }

  /// The blocks of `ADDRESS`, `ADDRESS/LENGTH`, `ADDRESS/MASK`, `FIRST-LAST`, `ADDRESS:PORT`.
  private static func blocks(_ word: Substring) -> [Prefix] {
    if let one = prefix(word) { return [one] }
    let parts = word.split(separator: "-")
    if parts.count == 2 {
      let ends = parts.compactMap { prefix($0) ?? prefix($0.prefix { $0 != ":" }) }
      if ends.count == 2 { return ends }
    }
    if let colon = word.lastIndex(of: ":"), let one = prefix(word[..<colon]) { return [one] }
    return []
  }

  private static func prefix(_ word: Substring) -> Prefix? {
    guard word.contains(".") || word.contains(":") else { return nil }
    let parts = word.split(separator: "/", omittingEmptySubsequences: false)
    guard let address = parts.first.flatMap({ IPAddress($0) }), parts.count < 3 else { return nil }
    guard parts.count == 2 else { return Prefix(address) }
    if let length = Int(parts[1]) { return Prefix(containing: address, length: length) }
    return IPAddress(parts[1]).map { Prefix(containing: address, length: $0.bits.nonzeroBitCount) }
  }

  private mutating func readPorts(_ word: Substring, weight: Int) {
    if let port = Self.services[word] { return ports += [UInt16](repeating: port, count: 3) }
    for part in word.split(whereSeparator: { $0 == ":" || $0 == "-" }) where part.allSatisfy(\.isNumber) {
      if let port = UInt16(part), port > 0 { ports += [UInt16](repeating: port, count: weight) }
    }
  }
}

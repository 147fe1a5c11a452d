// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The section `machines`, except the zones of a machine.
extension PolicyDecoder {
  /// Reads the machines.
  mutating func decodeMachines(_ entries: [YamlEntry]) {
    var owners: [IPAddress: (machine: String, line: Int32)] = [:]
    var keys: [String: Mark] = [:]
    machines.reserveCapacity(entries.count)
    for entry in entries where machineIndex[entry.key.text] == nil {
      let errors = log.errorCount
      var addresses: [TunnelAddresses] = []
      var endpoint = Endpoint.roaming
      var key: String?
      var subnets: [Prefix] = []
      var zones: [Zone] = [DefaultContainers.zone(beside: [])]
      if let fields = fields(entry.value, "a machine", of: .machine) {
        if let node = fields["addresses"] {
          addresses = machineAddresses(node, of: entry.key.text, owners: &owners)
        }
        if let node = fields["key"], let word = text(node, "'key'", is: "a WireGuard public key") {
          key = publicKey(word, known: &keys)
        }
        if let node = fields["endpoint"] { endpoint = self.endpoint(node, of: fields) }
        if let node = fields["subnets"] {
          for word in texts(node, "'subnets'", of: "a prefix") {
            guard let prefix = prefix(word) else { continue }
            subnets.append(prefix)
          }
        }
        if let node = fields["zones"] { zones = self.zones(node) }
      }
      if log.errorCount > errors { broken.insert(entry.key.text) }
      machineIndex[entry.key.text] = machines.count
      machineTunnels.append(addresses.compactMap { tunnelIndex[$0.tunnel.description] }.sorted())
      machines.append(
        Machine(
          name: entry.key.text, addresses: addresses.sorted { $0.tunnel < $1.tunnel }, endpoint: endpoint,
          key: key,
          subnets: subnets.sorted(), zones: zones, location: location(entry.key.mark)))
    }
  }

  private mutating func machineAddresses(
    _ node: YamlNode, of machine: String, owners: inout [IPAddress: (machine: String, line: Int32)]
  ) -> [TunnelAddresses] {
    var result: [TunnelAddresses] = []
    for entry in entries(node, "'addresses'", of: "tunnels", at: nil) {
      guard let index = tunnelIndex[entry.key.text] else {
        log.error(
          entry.key.mark, "unknown tunnel '\(entry.key.text.shortened)'",
          help: suggestion(for: entry.key.text, among: tunnelIndex.keys))
        continue
      }
      let tunnel = tunnels[index]
      var addresses: [IPAddress] = []
      for word in texts(entry.value, "'\(entry.key.text)'", of: "an address") {
        guard let address = address(word) else { continue }
        if !broken.contains(entry.key.text),
          !tunnel.prefixes.contains(where: { $0.contains(Prefix(address)) })
        {
          log.error(
            word.mark, "\(address) is not in the prefixes of \(tunnel.name)",
            help: "its prefixes: \(tunnel.prefixes.map(\.description).joined(separator: ", "))")
          continue
        }
        if let owner = owners[address] {
          log.error(
            word.mark, "\(address) already belongs to '\(owner.machine)'",
            help: "see line \(owner.line); an address can belong to one machine only")
          continue
        }
        owners[address] = (machine, word.mark.line)
        addresses.append(address)
      }
      if !addresses.isEmpty {
        result.append(TunnelAddresses(tunnel: tunnel.name, addresses: addresses.sorted()))
      }
    }
    return result
  }

  /// An address without a length; anything else is reported.
  private mutating func address(_ word: YamlText) -> IPAddress? {
    let bytes = Array(word.text.utf8)
    guard let (address, length) = PrefixScanner.scanLoosely(bytes.span, 0, bytes.count) else {
      let problem = PrefixProblem.of(word.text)
      let isPlain = problem.help?.hasPrefix("write one like") == true
      log.error(
        word.mark, isPlain ? "'\(word.text.shortened)' is not a valid address" : problem.message,
        help: isPlain ? "write one like 10.0.0.1 or fd00::1" : problem.help)
      return nil
    }
    if length != nil {
      log.error(
        word.mark, "'\(word.text)' is a prefix, not an address",
        help: "write it without a length: \(address)")
      return nil
    }
    return address
  }

  private mutating func publicKey(_ word: YamlText, known: inout [String: Mark]) -> String? {
    guard Self.isPublicKey(word.text) else {
      log.error(
        word.mark, "this is not a WireGuard public key",
        help: "write 44 characters, as printed by 'wg show' or 'wg pubkey'")
      return nil
    }
    if let other = known[word.text] {
      log.error(word.mark, "another machine already has this key", help: "see line \(other.line)")
      return nil
    }
    known[word.text] = word.mark
    return word.text
  }

  /// Whether a text is 32 bytes in base64: 43 digits, the last of which ends in two zero bits, and a `=`.
  static func isPublicKey(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count == 44, bytes[43] == UInt8(ascii: "="), "AEIMQUYcgkosw048".utf8.contains(bytes[42])
    else {
      return false
    }
    return bytes[..<43].allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
        true
      default: false
      }
    }
  }

  private mutating func endpoint(_ node: YamlNode, of fields: Fields) -> Endpoint {
    if case .text("live") = node.content {
      if fields["key"] == nil {
        log.error(
          node.mark, "'endpoint: live' needs the machine's 'key'",
          help: "add 'key': the live peer is found by its key")
      }
      return .live
    }
    var result: [IPAddress] = []
    for word in texts(node, "'endpoint'", of: "an address") {
      let bytes = Array(word.text.utf8)
      guard let (address, length) = PrefixScanner.scanLoosely(bytes.span, 0, bytes.count), length == nil
      else {
        endpointProblem(word)
        continue
      }
      if let tunnel = tunnels.first(where: { $0.prefixes.contains { $0.contains(Prefix(address)) } }) {
        log.error(
          word.mark, "the endpoint \(address) is inside the tunnel \(tunnel.name)",
          help: "write the public address, at which WireGuard is reached outside the tunnel")
        continue
      }
      if !result.contains(address) { result.append(address) }
    }
    return result.isEmpty ? .roaming : .addresses(result.sorted())
  }

  private mutating func endpointProblem(_ word: YamlText) {
    let text = word.text
    if let colon = text.lastIndex(of: ":"),
      text[text.index(after: colon)...].utf8.allSatisfy({ (0x30...0x39).contains($0) })
    {
      var host = text[..<colon]
      if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
      if PrefixScanner.scan(String(host)) != nil {
        log.error(
          word.mark, "'endpoint' must not have a port",
          help: "write \(host); the port is the tunnel's 'listen'")
        return
      }
    }
    if PrefixScanner.scan(text) != nil || text.contains("/") {
      log.error(
        word.mark, "'\(text.shortened)' is not a valid address", help: "write an address, not a prefix")
      return
    }
    log.error(
      word.mark, "'\(text.shortened)' is not a valid address",
      help: suggestion(for: text, among: ["live"])
        ?? "host names are never resolved: write the address, or 'live'")
  }

  /// Checks subnets against the tunnels and against each other.
  mutating func checkMachines(_ entries: [YamlEntry]) {
    var claimed: [(prefix: Prefix, machine: String, mark: Mark)] = []
    for entry in entries {
      guard case .map(let fields) = entry.value.content,
        let node = fields.first(where: { $0.key.text == "subnets" })?.value
      else { continue }
      for (prefix, mark) in Self.prefixes(in: node) {
        if let tunnel = tunnels.first(where: { $0.prefixes.contains { $0.overlaps(prefix) } }) {
          log.error(
            mark, "the subnet \(prefix) overlaps the tunnel \(tunnel.name)",
            help: "a subnet is behind a machine, outside the tunnel")
          continue
        }
        claimed.append((prefix, entry.key.text, mark))
      }
    }
    for (later, earlier) in Self.overlaps(claimed.map(\.prefix)) {
      let (one, two) = (claimed[min(later, earlier)], claimed[max(later, earlier)])
      log.error(
        two.mark,
        one.machine == two.machine
          ? "the subnet \(two.prefix) overlaps \(one.prefix)"
          : "the subnet \(two.prefix) overlaps \(one.prefix) of '\(one.machine)'",
        help: "the other one is on line \(one.mark.line)")
    }
  }

  /// The valid prefixes of a text or a list of texts, with their marks.
  static func prefixes(in node: YamlNode) -> [(Prefix, Mark)] {
    switch node.content {
    case .text(let text): PrefixScanner.scan(text).map { [($0, node.mark)] } ?? []
    case .list(let nodes): nodes.flatMap { Self.prefixes(in: $0) }
    case .map, .refused: []
    }
  }

  /// Pairs of prefixes that overlap, by index. Each prefix is the first of at most one pair.
  static func overlaps(_ prefixes: [Prefix]) -> [(Int, Int)] {
    var result: [(Int, Int)] = []
    // Two prefixes are nested or disjoint. In sorted order, a prefix overlaps the widest earlier one that has
    // not ended, or none.
    var open: Int?
    for index in prefixes.indices.sorted(by: { (prefixes[$0], $0) < (prefixes[$1], $1) }) {
      if let widest = open, prefixes[widest].contains(prefixes[index]) {
        result.append((index, widest))
      } else {
        open = index
      }
    }
    return result
  }
}

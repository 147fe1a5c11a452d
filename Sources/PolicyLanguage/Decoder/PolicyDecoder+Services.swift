// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The section `services`, and the services that other sections name.
extension PolicyDecoder {
  /// Reads the definitions.
  mutating func decodeServices(_ entries: [YamlEntry]) {
    for entry in entries {
      guard checkName(entry.key, "a service") else { continue }
      if entry.key.text == "all" || entry.key.text == "any" || IPProtocol(name: entry.key.text) != nil {
        log.error(
          entry.key.mark, "'\(entry.key.text)' is not a valid name for a service",
          help: "the word is reserved")
        continue
      }
      serviceDefinitions[entry.key.text] = entry
    }
    for entry in entries where serviceDefinitions[entry.key.text] != nil { _ = definedService(entry) }
  }

  /// A service that the policy defines, expanded; nil if it is invalid, which is reported once.
  private mutating func definedService(_ entry: YamlEntry) -> Service? {
    let name = entry.key.text
    if let known = services[name] { return known }
    servicesInProgress.append(name)
    defer { servicesInProgress.removeLast() }
    var ports: Set<ServicePort> = []
    var isBroken = false
    let words = texts(entry.value, "the service '\(name)'", of: "a port like 8080/tcp")
    for word in words {
      if let start = servicesInProgress.firstIndex(of: word.text) {
        log.error(
          word.mark, "the service '\(word.text)' contains itself",
          help: (servicesInProgress[start...] + [word.text]).joined(separator: " contains "))
        isBroken = true
      } else if servicesInProgress.count > Self.nestingLimit {
        log.error(word.mark, "services are nested deeper than \(Self.nestingLimit) levels")
        isBroken = true
      } else if let part = service(word) {
        ports.formUnion(part.ports)
      } else {
        isBroken = true
      }
    }
    let service = isBroken || ports.isEmpty ? nil : Service(name: name, ports: ports.sorted())
    services.updateValue(service, forKey: name)
    return service
  }

  /// The services that a line names.
  mutating func lineServices(_ node: YamlNode, _ what: String) -> [Service] {
    var result: [Service] = []
    for word in texts(node, what, of: "a service") {
      if let known = lineServices[word.text] {
        if result.contains(where: { $0.name == known.name }) { warnTwice(word) } else { result.append(known) }
      } else if let service = service(word) {
        lineServices[word.text] = service
        result.append(service)
      }
    }
    return result
  }

  /// Warns about a word that is in a list twice.
  mutating func warnTwice(_ word: YamlText) {
    log.warning(word.mark, "'\(word.text)' is listed twice", help: "remove one of them")
  }

  /// The service that a word names or describes; anything else is reported.
  private mutating func service(_ word: YamlText) -> Service? {
    let text = word.text
    if text.utf8.contains(UInt8(ascii: "/")) {
      guard let port = servicePort(word) else { return nil }
      let service = Service(name: text, ports: [port])
      // A part of a definition is not a service of its own.
      if servicesInProgress.isEmpty { services.updateValue(service, forKey: text) }
      return service
    }
    usedServices.insert(text)
    if let entry = serviceDefinitions[text] { return definedService(entry) }
    if let known = services[text] { return known }
    if let builtIn = ServiceCatalogue.service(named: text) {
      services.updateValue(builtIn, forKey: text)
      return builtIn
    }
    if text == "any" {
      let service = Service(name: text, ports: [.everything])
      if servicesInProgress.isEmpty { services.updateValue(service, forKey: text) }
      return service
    }
    if let number = IPProtocol(name: text), number == .esp || number == .gre {
      let service = Service(name: text, ports: [.protocol(number)])
      services.updateValue(service, forKey: text)
      return service
    }
    let isNumber = text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
    let help: String? =
      switch text {
      case "tcp", "udp", "sctp": "add the port: 8080/\(text)"
      case "icmp", "icmpv6": "echo requests are the service 'ping'; necessary ICMP is always allowed"
      case "all", "*": "write 'any' for every protocol and port"
      default: isNumber ? "add the protocol: \(text.shortened)/tcp or \(text.shortened)/udp" : nil
      }
    if let help {
      log.error(word.mark, "'\(text.shortened)' is not a service", help: help)
      return nil
    }
    let known =
      Array(serviceDefinitions.keys) + ServiceCatalogue.services.map(\.name) + ["esp", "gre", "any"]
    log.error(
      word.mark, "unknown service '\(text.shortened)'",
      help: suggestion(for: text, among: known)
        ?? "define it under 'services', or write it in place: 8080/tcp")
    return nil
  }

  /// `PORT/tcp`, `FIRST-LAST/udp` or `ip/NUMBER`.
  private mutating func servicePort(_ word: YamlText) -> ServicePort? {
    if let port = Self.singlePort(word.text) { return port }
    let parts = word.text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      return badPort(word, "'\(word.text.shortened)' is not a service", "write one like 8080/tcp")
    }
    let (left, right) = (parts[0], parts[1])
    if left == "ip" {
      guard let number = Self.number(right), let number = UInt8(exactly: number) else {
        return badPort(word, "'\(right)' is not an IP protocol number", "write a number from 0 to 255")
      }
      let found = IPProtocol(number: number)
      if found.hasPorts { return badPort(word, "\(found) needs a port", "write one like 8080/\(found)") }
      if found == .icmp || found == .icmpv6 {
        return badPort(word, "\(found) cannot be granted as a whole", "echo requests are the service 'ping'")
      }
      return .protocol(found)
    }
    guard let found = IPProtocol(name: right), found.hasPorts else {
      if IPProtocol(name: left)?.hasPorts == true {
        return badPort(word, "the port must come first in '\(word.text.shortened)'", "write \(right)/\(left)")
      }
      return badPort(
        word, "'\(String(right).shortened)' is not a protocol with ports",
        suggestion(for: String(right), among: ["tcp", "udp", "sctp"]) ?? "write tcp, udp or sctp")
    }
    let ends = left.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count <= 2, let first = Self.number(ends[0]), let last = Self.number(ends[ends.count - 1])
    else {
      let comma = left.split(separator: ",")
      if comma.count > 1, comma.allSatisfy({ Self.number($0) != nil }) {
        return badPort(
          word, "'\(word.text.shortened)' is more than one port",
          "write \(comma.map { "\($0)/\(right)" }.joined(separator: ", "))")
      }
      let colon = left.split(separator: ":")
      if colon.count == 2, colon.allSatisfy({ Self.number($0) != nil }) {
        return badPort(
          word, "'\(left)' is not a valid port", "write a range as \(colon[0])-\(colon[1])/\(right)")
      }
      return badPort(
        word, "'\(String(left).shortened)' is not a valid port",
        "write a number from 1 to 65535, or a range like 6000-6010")
    }
    guard let lower = UInt16(exactly: first), let upper = UInt16(exactly: last), lower > 0, upper > 0 else {
      return badPort(word, "'\(left)' is not in the range 1 to 65535", nil)
    }
    guard let range = PortRange(lower, upper) else {
      return badPort(word, "the range '\(left)' is empty", "write it as \(last)-\(first)/\(right)")
    }
    return .ports(found, range)
  }

  private mutating func badPort(_ word: YamlText, _ message: String, _ help: String?) -> ServicePort? {
    log.error(word.mark, message, help: help)
    return nil
  }

  /// `PORT/tcp` or `PORT/udp`, the most frequent forms; nil for any other form.
  private static func singlePort(_ text: String) -> ServicePort? {
    var number: UInt32 = 0
    var rest = text.utf8[...]
    while let byte = rest.first, byte != UInt8(ascii: "/") {
      guard (0x30...0x39).contains(byte), number <= 65535 else { return nil }
      number = number * 10 + UInt32(byte - 0x30)
      rest = rest.dropFirst()
    }
    guard let port = UInt16(exactly: number), let range = PortRange(port) else { return nil }
    if rest.elementsEqual("/tcp".utf8) { return .ports(.tcp, range) }
    if rest.elementsEqual("/udp".utf8) { return .ports(.udp, range) }
    return nil
  }

  /// A number of 1 to 6 digits; nil for anything else.
  private static func number(_ text: Substring) -> Int? {
    guard (1...6).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    return Int(text)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// A ruleset as nft text: what `nft -f` loads and a person reads.
public struct RulesetText {
  private var lines: [String] = []

  /// The table with all its chains, sets and counters.
  public static func text(_ ruleset: Ruleset) -> String {
    var writer = RulesetText()
    writer.lines.append("table inet \(Ruleset.tableName) {")
    for counter in ruleset.counters {
      writer.block("counter \(counter.name)", ["# \(counter.origin.comment)"])
    }
    for set in ruleset.sets { writer.add(set) }
    for chain in ruleset.chains {
      var body =
        chain.base.map {
          ["type \($0.type) hook \(hook($0.hook)) priority \($0.priority); policy \($0.policy);"]
        } ?? []
      body += chain.rules.map(text)
      writer.block("chain \(chain.name)", body)
    }
    writer.lines.append("}")
    return writer.lines.joined(separator: "\n") + "\n"
  }

  private mutating func block(_ head: String, _ body: [String]) {
    lines.append("\t\(head) {")
    lines += body.map { "\t\t\($0)" }
    lines.append("\t}")
    lines.append("")
  }

  private mutating func add(_ set: NamedSet) {
    let value =
      switch set.kind {
      case .set: ""
      case .verdicts: " : verdict"
      case .counters: " : counter"
      }
    var body = ["type \(set.key.typeText)\(value)"]
    switch set.layout {
    case .exact: break
    case .interval: body.append("flags interval")
    case .timedRanges: body.append("flags interval,timeout")
    case .budgets: body.append("flags dynamic,timeout")
    }
    if set.size > 0 { body.append("size \(set.size)") }
    let elements = Self.elements(of: set)
    if !elements.isEmpty, set.layout == .interval, set.key == .interfaceName {
      // Few and short: they are read together.
      body.append("elements = { \(elements.joined(separator: ", ")) }")
    } else if !elements.isEmpty {
      body.append("elements = {")
      body += elements.enumerated().map { "\t\($1)\($0 == elements.count - 1 ? "" : ",")" }
      body.append("}")
    }
    block("\(set.kind == .set ? "set" : "map") \(set.name)", body)
  }

  private static func elements(of set: NamedSet) -> [String] {
    var result: [String] = []
    var index = 0
    while index < set.elements.count {
      var key = self.key(set.elements.key(index), set.key)
      let value = set.elements.value(index)
      if set.layout == .interval {
        if set.elements.flags(index) & NFT.elementIntervalEnd != 0 {
          index += 1
          continue
        }
        let end = index + 1 < set.elements.count ? Array(set.elements.key(index + 1)) : nil
        let start = Array(set.elements.key(index))
        key = set.key == .interfaceName ? beginning(start) : interval(from: start, end: end)
      }
      switch value {
      case .verdict(let verdict): key += " : \(text(verdict))"
      case .object(let name): key += " : \"\(name)\""
      case .data, .opaque, .some(.none), nil: break
      }
      result.append(key)
      index += 1
    }
    return result
  }

  /// All interface names with this beginning.
  private static func beginning(_ name: [UInt8]) -> String {
    "\"\(String(decoding: name.prefix { $0 != 0 }, as: UTF8.self))*\""
  }

  /// An address range without its end, as a prefix if it is one.
  private static func interval(from: [UInt8], end: [UInt8]?) -> String {
    guard let first = IPAddress(bytes: from) else { return "" }
    let full = Prefix.mask(family: first.family, length: first.family.bitWidth)
    let last = end.flatMap { IPAddress(bytes: $0) }.map { $0.bits &- 1 } ?? full
    for length in 0...first.family.bitWidth {
      let prefix = Prefix(containing: first, length: length)
      if prefix.address == first, prefix.last.bits == last { return prefix.description }
    }
    return "\(first)-\(IPAddress(family: first.family, bits: last))"
  }

  private static func key(_ bytes: ArraySlice<UInt8>, _ key: NamedSet.Key) -> String {
    let bytes = Array(bytes)
    switch key {
    case .ipv4Address, .ipv6Address: return IPAddress(bytes: bytes)?.description ?? ""
    case .interfaceName: return "\"\(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))\""
    case .addressType:
      let number = bytes.hostUInt32(0) ?? 0
      return AddressType(rawValue: number).map { "\($0)" } ?? "\(number)"
    case .transportAndPort:
      return "\(transport(IPProtocol(number: bytes[0]))) . \(UInt16(bytes[4]) << 8 | UInt16(bytes[5]))"
    case .sourceAndPort(let family):
      let address = Self.key(bytes[..<family.byteWidth], .address(family))
      return "\(address) . \(Self.key(bytes[family.byteWidth...], .transportAndPort))"
    }
  }

  private static func transport(_ number: IPProtocol) -> String {
    number == .icmpv6 ? "ipv6-icmp" : number.description
  }

  private static func hook(_ number: UInt32) -> String {
    NFT.hookNames.indices.contains(Int(number)) ? NFT.hookNames[Int(number)] : String(number)
  }

  private static func text(_ verdict: VerdictCode) -> String {
    switch verdict {
    case .accept: "accept"
    case .drop: "drop"
    case .continue: "continue"
    case .return: "return"
    case .jump(let chain): "jump \(chain)"
    case .goto(let chain): "goto \(chain)"
    case .other(let number): "verdict \(number)"
    }
  }

  /// A rule as nft writes it, its comment included.
  public static func text(_ rule: Rule) -> String {
    var words = rule.matches.map(text)
    if let log = rule.log {
      words.append("limit rate \(DropLog.rate)/second burst \(DropLog.burst) packets")
      words.append(
        "log prefix \"\(log.prefix)\" group \(DropLog.group) snaplen \(DropLog.capturedLength)")
    }
    switch rule.count {
    case .named(let name): words.append("counter name \"\(name)\"")
    case .bySource(let family, let map): words.append("counter name \(word(family)) saddr map @\(map)")
    case nil: break
    }
    switch rule.tag {
    case .set: words.append("meta mark set meta mark | \(hexadecimal(PacketTag.bit))")
    case .clear: words.append("meta mark set meta mark & \(hexadecimal(~PacketTag.bit))")
    case nil: break
    }
    switch rule.action {
    case .accept: words.append("accept")
    case .drop: words.append("drop")
    case .return: words.append("return")
    case .jump(let chain): words.append("jump \(chain)")
    case .goto(let chain): words.append("goto \(chain)")
    case .reject: words.append("reject with icmpx admin-prohibited")
    case .reset: words.append("reject with tcp reset")
    case .byInputInterface(let map): words.append("iifname vmap @\(map)")
    case .byPort(let map): words.append("meta l4proto . th dport vmap @\(map)")
    case .byDestination(let family, let map): words.append("\(word(family)) daddr vmap @\(map)")
    case .translate(let translation):
      // The kernel needs to know the family; nft would test it at another place.
      if let family = translation.family, !rule.matches.contains(where: { isOf(family, $0) }) {
        words.append("meta nfproto \(family == .ipv4 ? "ipv4" : "ipv6")")
      }
      words.append(translation.text)
    case nil: break
    }
    words.append("comment \"\(rule.origin.comment)\"")
    return words.joined(separator: " ")
  }

  /// Whether only packets of a family meet the condition, so that the family is known behind it.
  private static func isOf(_ family: AddressFamily, _ match: Match) -> Bool {
    switch match {
    case .address(_, _, let prefix): prefix.family == family
    case .addressSet(let own, _, _, _), .sourceAndPortSet(let own, _), .icmpType(let own, _),
      .aboveLimit(let own, _, _):
      own == family
    case .hopLimit, .routingHeader: family == .ipv6
    case .longIPv4Options: family == .ipv4
    default: false
    }
  }

  private static func hexadecimal(_ number: UInt32) -> String { "0x" + String(number, radix: 16) }
  private static func word(_ family: AddressFamily) -> String { family == .ipv4 ? "ip" : "ip6" }
  private static func word(_ side: AddressSide) -> String { side == .source ? "saddr" : "daddr" }
  private static func word(_ side: InterfaceSide) -> String { side == .input ? "iifname" : "oifname" }
  private static func word(_ comparison: Comparison) -> String { comparison == .equal ? "" : "!= " }

  private static func words(_ status: ConnectionStatus) -> [String] {
    let names: [(ConnectionStatus, String)] = [
      (.confirmed, "confirmed"), (.sourceNAT, "snat"), (.destinationNAT, "dnat"),
    ]
    return names.filter { status.contains($0.0) }.map(\.1)
  }

  private static func text(_ match: Match) -> String {
    switch match {
    case .interface(let side, let comparison, let pattern):
      return "\(word(side)) \(word(comparison))\"\(pattern)\""
    case .interfaceType(let side, let comparison, let type):
      let name = type == .ethernet ? "ether" : "\(type.rawValue)"
      return "\(side == .input ? "iiftype" : "oiftype") \(word(comparison))\(name)"
    case .interfaceSet(let side, let comparison, let set): return "\(word(side)) \(word(comparison))@\(set)"
    case .family(let family): return "meta nfproto \(family == .ipv4 ? "ipv4" : "ipv6")"
    case .address(let side, let comparison, let prefix):
      return "\(word(prefix.family)) \(word(side)) \(word(comparison))\(prefix)"
    case .addressSet(let family, let side, let set, let maskLength):
      guard let maskLength, maskLength < family.bitWidth else {
        return "\(word(family)) \(word(side)) @\(set)"
      }
      let mask = IPAddress(family: family, bits: Prefix.mask(family: family, length: maskLength))
      return "\(word(family)) \(word(side)) & \(mask) @\(set)"
    case .transport(let comparison, let number): return "meta l4proto \(word(comparison))\(transport(number))"
    case .port(let number, let side, let range):
      return "\(number) \(side == .source ? "sport" : "dport") \(range)"
    case .portSet(let comparison, let set): return "meta l4proto . th dport \(word(comparison))@\(set)"
    case .sourceAndPortSet(let family, let set):
      return "\(word(family)) saddr . meta l4proto . th dport @\(set)"
    case .icmpType(let family, let range):
      let types = range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
      return "\(family == .ipv4 ? "icmp" : "icmpv6") type \(types)"
    case .hopLimit(let limit): return "ip6 hoplimit \(limit)"
    case .tcpFlags(let mask, let comparison, let flags):
      return
        "tcp flags & (\(names(mask, " | "))) \(comparison == .equal ? "==" : "!=") \(names(flags, " | "))"
    case .ctDirection(let direction): return "ct direction \(direction)"
    case .ctState(let states):
      let names: [(ConnectionStates, String)] = [
        (.invalid, "invalid"), (.established, "established"), (.related, "related"), (.new, "new"),
        (.untracked, "untracked"),
      ]
      return "ct state \(names.filter { states.contains($0.0) }.map(\.1).joined(separator: ","))"
    case .ctStatus(let status): return "ct status \(words(status).joined(separator: ","))"
    case .ctStatusNone(let status):
      let words = words(status).joined(separator: " | ")
      return "ct status & \(words.contains("|") ? "(\(words))" : words) == 0"
    case .destinationType(let comparison, let type): return "fib daddr type \(word(comparison))\(type)"
    case .destinationTypeSet(let comparison, let set): return "fib daddr type \(word(comparison))@\(set)"
    case .originalPort(let number, let range): return "meta l4proto \(number) ct original proto-dst \(range)"
    case .tagged(let comparison):
      let bit = hexadecimal(PacketTag.bit)
      return "meta mark & \(bit) \(comparison == .equal ? "==" : "!=") \(bit)"
    case .aboveLimit(let family, let set, let limit):
      let length = ConnectionLimit.prefixLength(family)
      let mask = IPAddress(family: family, bits: Prefix.mask(family: family, length: length))
      let source = "\(word(family)) saddr\(length < family.bitWidth ? " & \(mask)" : "")"
      let timeout = ConnectionLimitExpression.timeout(limit) / 1000
      return
        "update @\(set) { \(source) timeout \(timeout)s limit rate over \(limit.rate) burst \(limit.burst) packets }"
    case .belowRate(let rate): return "limit rate \(rate.perSecond)/second burst \(rate.perSecond) packets"
    case .longIPv4Options:
      return "ip hdrlength \(IPv4Options.longHeader.lowerBound)-\(IPv4Options.longHeader.upperBound)"
    case .packetType(let comparison, let type): return "meta pkttype \(word(comparison))\(type)"
    case .routingHeader: return "exthdr rt exists"
    }
  }

  private static func names(_ flags: TCPFlags, _ separator: String) -> String {
    let names: [(TCPFlags, String)] = [
      (.fin, "fin"), (.syn, "syn"), (.rst, "rst"), (.psh, "psh"), (.ack, "ack"), (.urg, "urg"),
    ]
    return names.filter { flags.contains($0.0) }.map(\.1).joined(separator: separator)
  }
}

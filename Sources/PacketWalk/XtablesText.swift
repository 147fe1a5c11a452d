// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// Matches and targets of iptables as text.
enum XtablesText {
  package static func text(_ match: XtablesMatch, _ name: String) -> String {
    switch match {
    case .ports(let source, let destination, let flags, let option):
      var words: [String] = []
      if !source.isAny { words.append("\(name) sport \(sign(source.inverted))\(text(source.range))") }
      if !destination.isAny {
        words.append("\(name) dport \(sign(destination.inverted))\(text(destination.range))")
      }
      if let flags {
        words.append("tcp flags & \(flags.mask) \(flags.inverted == .inverted ? "!=" : "==") \(flags.value)")
      }
      if let option { words.append(text(option)) }
      return words.joined(separator: " ")
    case .option(let asked): return text(asked)
    case .icmp(let type, let codes, let inverted):
      guard let type else { return "" }
      return "\(name) type \(sign(inverted))\(type)" + (codes == 0...255 ? "" : " code \(codes.lowerBound)")
    case .multiport(let side, let ranges, let inverted):
      let word = side == .source ? "sport" : side == .destination ? "dport" : "port"
      return "\(word) \(sign(inverted)){ \(ranges.map(text).joined(separator: ", ")) }"
    case .connection(let asked): return text(asked)
    case .addressType(let asked):
      var words: [String] = []
      if asked.source != 0 { words.append("src-type \(sign(asked.sourceInverted))\(types(asked.source))") }
      if asked.destination != 0 {
        words.append("dst-type \(sign(asked.destinationInverted))\(types(asked.destination))")
      }
      return words.joined(separator: " ")
    case .mark(let what, let value, let mask, let inverted):
      return "\(what == .packet ? "mark" : "connmark") \(sign(inverted))\(hex(value))"
        + (mask == .max ? "" : "/\(hex(mask))")
    case .limit(let text, let inverted): return inverted == .inverted ? "\(text) above" : text
    case .packetType(let type, let inverted):
      return "pkt-type \(sign(inverted))"
        + (type < 4 ? ["unicast", "broadcast", "multicast", "otherhost"][Int(type)] : "\(type)")
    case .addressRange(let source, let destination):
      return [("src-range", source), ("dst-range", destination)].compactMap { word, asked in
        asked.map { "\(word) \(sign($0.inverted))\(address($0.first))-\(address($0.last))" }
      }.joined(separator: " ")
    case .length(let range, let inverted): return "length \(sign(inverted))\(text(range))"
    case .hops(let operation, let count):
      return "\(name) \(["", "!= ", "< ", "", "> "][Int(operation)])\(count)"
    case .recent(let asked): return asked.ruleText
    case .set(let asked, _): return "match-set \(sign(asked.inverted))\(asked.text)"
    case .reversePath(let asked): return asked.text
    case .bridgePorts: return "physdev"
    case .owner(let asked):
      var words: [String] = []
      if asked.asked & 1 != 0 {
        words.append("uid \(asked.inverted & 1 != 0 ? "!= " : "")\(text(asked.users))")
      }
      if asked.asked & 2 != 0 {
        words.append("gid \(asked.inverted & 2 != 0 ? "!= " : "")\(text(asked.groups))")
      }
      return (["owner"] + words).joined(separator: " ")
    case .groups(let asked):
      return [("src-group", asked.input), ("dst-group", asked.output)].compactMap { word, asked in
        asked.map {
          "\(word) \(sign($0.inverted))\(hex($0.group))" + ($0.mask == .max ? "" : "/\(hex($0.mask))")
        }
      }.joined(separator: " ")
    case .expected(let inverted): return inverted == .inverted ? "not helper" : "helper"
    case .security(let isAbsent): return isAbsent ? "no ipsec" : "ipsec"
    case .trafficClass(let value, let mask, let inverted):
      return "\(name) \(sign(inverted))\(hex(UInt32(value)))/\(hex(UInt32(mask)))"
    case .chance, .time: return name
    case .unusual(_, let inverted): return inverted == .inverted ? "not \(name)" : name
    case .socket(let isTransparent): return isTransparent ? "transparent socket" : "socket"
    case .always: return ""
    case .never: return "\(name) header"
    case .unknown(let text): return text
    }
  }

  package static func text(_ target: XtablesTarget, _ name: String) -> String {
    switch target {
    case .translate(let order):
      var text = name
      if case .network(let first, let last) = order.address {
        text += " to \(address(first))-\(address(last))"
      }
      if case .range(let first, let last) = order.address {
        text += " to \(address(first))" + (first == last ? "" : "-\(address(last))")
      }
      if case .range(let first, let last) = order.port {
        text += (text.contains(" to ") ? ":" : " to :") + self.text(first...last)
      }
      return text
    case .mark(let value, let mask): return "MARK set \(hex(value))" + (mask == .max ? "" : "/\(hex(mask))")
    case .hopLimit(let change, let number):
      let word =
        switch change {
        case .set: "set"
        case .increase: "inc"
        case .decrease: "dec"
        }
      return "\(name) \(word) \(number)"
    case .queue(let queue): return queue.text
    case .changeSet(let change): return change.text
    case .zone(let number): return number == 0 ? name : "\(name) zone \(number)"
    case .reject, .connectionMark, .untrack, .trafficClass, .options, .passes, .unknown: return name
    }
  }

  private static func text(_ asked: TCPOption.Condition) -> String {
    guard let sizes = asked.sizes else {
      return "tcp option \(asked.option.name) \(asked.inverted == .inverted ? "missing" : "exists")"
    }
    return "tcp option \(asked.option.name) size \(sign(asked.inverted))\(text(sizes))"
  }

  private static func text(_ asked: XtablesConntrack) -> String {
    var words: [String] = []
    if let states = asked.states {
      let names: [(UInt32, String)] = [
        (1, "invalid"), (2, "established"), (4, "related"), (8, "new"), (64, "snat"), (128, "dnat"),
        (256, "untracked"),
      ]
      words.append(
        "ct state \(sign(states.inverted))"
          + names.filter { states.value & $0.0 != 0 }.map(\.1).joined(separator: ","))
    }
    if let direction = asked.direction {
      words.append("ct direction \(direction == .plain ? "original" : "reply")")
    }
    if let layer4 = asked.layer4 {
      words.append(
        "ct protocol \(sign(layer4.inverted))\(IPProtocol(number: UInt8(truncatingIfNeeded: layer4.value)))")
    }
    let names = ["original saddr", "original daddr", "reply saddr", "reply daddr"]
    let ports = ["original proto-src", "original proto-dst", "reply proto-src", "reply proto-dst"]
    for index in 0..<4 {
      if let address = asked.addresses[index] {
        words.append(
          "ct \(names[index]) \(sign(address.inverted))\(self.address(address.bytes))"
            + "/\(PrefixText.length(address.mask).map(String.init) ?? self.address(address.mask))")
      }
      if let asked = asked.ports[index] {
        words.append("ct \(ports[index]) \(sign(asked.inverted))\(text(asked.range))")
      }
    }
    if let status = asked.status { words.append("ct status \(sign(status.inverted))\(hex(status.value))") }
    return words.joined(separator: " ")
  }

  private static func sign(_ inverted: Inversion) -> String { inverted == .inverted ? "!= " : "" }

  private static func text(_ range: ClosedRange<UInt32>) -> String {
    range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
  }

  private static func text(_ range: ClosedRange<UInt16>) -> String {
    range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
  }

  private static func hex(_ number: UInt32) -> String { "0x\(String(number, radix: 16))" }

  private static func address(_ bytes: [UInt8]) -> String { IPAddress(bytes: bytes)?.description ?? "?" }

  private static func types(_ mask: UInt16) -> String {
    let names = [
      "unspec", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable",
      "prohibit",
    ]
    return names.indices.filter { mask & (1 << UInt16($0)) != 0 }.map { names[$0] }.joined(separator: ",")
  }
}

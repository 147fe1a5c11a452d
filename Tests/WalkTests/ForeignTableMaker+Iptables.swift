// SPDX-License-Identifier: GPL-3.0-or-later

import TestSupport

/// Random rules of iptables, in all its tables and chains.
extension ForeignTableMaker {
  mutating func iptables(_ isV6: Bool) -> [ForeignTables] {
    let all: [(table: String, chains: [String])] = [
      ("raw", ["PREROUTING", "OUTPUT"]),
      ("mangle", ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]),
      ("filter", ["INPUT", "FORWARD", "OUTPUT"]), ("nat", ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
      ("security", ["INPUT", "FORWARD", "OUTPUT"]),
    ]
    return all.filter { _ in random.oneIn(2) }.map { table, chains in
      let own = "user-\(table)"
      var rules: [String] = []
      for _ in 0..<random.number(4...18) {
        let chain = random.oneIn(4) ? own : random.one(of: chains)
        rules.append(rule(isV6, table: table, chain: chain, own: chain == own ? nil : own))
      }
      return ForeignTables(
        name: "iptables \(table)", loader: restore(isV6), head: ["*\(table)", ":\(own) - [0:0]"], rules: rules
      )
    }
  }

  /// An address, a prefix, or one with a mask that is none.
  mutating func maskedAddress(_ isV6: Bool) -> String {
    guard random.oneIn(8) else { return address(isV6) }
    return isV6 ? "fd00::2/ff00::ffff" : "172.17.0.2/255.255.0.255"
  }

  mutating func rule(_ isV6: Bool, table: String, chain: String, own: String?) -> String {
    var words = ["-A \(chain)"]
    let transport = random.one(of: ["tcp", "tcp", "udp", isV6 ? "ipv6-icmp" : "icmp", ""])
    if random.oneIn(6) { words.append("\(not())-s \(maskedAddress(isV6))") }
    if random.oneIn(5) { words.append("\(not())-d \(maskedAddress(isV6))") }
    let hasInput = !["OUTPUT", "POSTROUTING"].contains(chain) && own != nil
    let hasOutput = ["OUTPUT", "POSTROUTING", "FORWARD"].contains(chain)
    if hasInput, random.oneIn(3) {
      words.append("\(not())-i \(random.one(of: Self.interfaces + ["lo", "wg+"]))")
    }
    if hasOutput, random.oneIn(3) {
      words.append("\(not())-o \(random.one(of: Self.interfaces + ["lo", "doc+"]))")
    }
    if !transport.isEmpty { words.append("-p \(transport)") }
    if transport.isEmpty, random.oneIn(8) { words.append("! -p \(random.one(of: ["tcp", "udp"]))") }
    if !isV6, random.oneIn(30) { words.append("\(not())-f") }
    for _ in 0..<random.one(of: [0, 1, 1, 1, 2]) { words.append(match(isV6, transport, table: table)) }
    words.append(target(isV6, transport, table: table, chain: chain, own: own))
    return words.filter { !$0.isEmpty }.joined(separator: " ")
  }

  /// A time of the day, to the minute.
  private mutating func time() -> String {
    let parts = [random.number(0...23), random.number(0...59)].map { $0 < 10 ? "0\($0)" : "\($0)" }
    return parts.joined(separator: ":")
  }

  mutating func match(_ isV6: Bool, _ transport: String, table: String) -> String {
    let hasPorts = transport == "tcp" || transport == "udp"
    switch random.number(0...15) {
    case 0 where hasPorts: return "-m \(transport) \(not())--dport \(port())"
    case 1 where hasPorts: return "-m \(transport) \(not())--sport 1024:\(random.number(10_000...50_000))"
    case 2 where hasPorts: return "-m multiport \(not())--dports \(port()),\(port()),1000:3000"
    case 3 where transport == "tcp" && random.oneIn(2):
      return random.one(of: [
        "-m tcpmss \(not())--mss 536:65535", "-m tcpmss \(not())--mss 1:536", "-m tcp \(not())--tcp-option 2",
        "-m tcp \(not())--tcp-option 19",
      ])
    case 3 where transport == "tcp":
      return "-m tcp \(not())--tcp-flags SYN,ACK,FIN,RST \(random.one(of: ["SYN", "ACK", "RST"]))"
    case 4:
      return
        "-m conntrack \(not())--ctstate \(random.one(of: ["NEW", "ESTABLISHED,RELATED", "INVALID", "DNAT", "SNAT", "UNTRACKED", "NEW,DNAT"]))"
    case 5: return "-m conntrack --ctdir \(random.one(of: ["ORIGINAL", "REPLY"]))"
    case 6 where hasPorts: return "-m conntrack --ctproto \(transport) \(not())--ctorigdstport \(port())"
    case 7: return "-m conntrack \(not())--ctorigdst \(address(isV6))"
    case 8: return "-m conntrack \(not())--ctreplsrc \(address(isV6))"
    case 9: return "-m addrtype \(not())--dst-type \(random.one(of: ["LOCAL", "UNICAST", "MULTICAST"]))"
    case 10: return "-m addrtype \(not())--src-type \(random.one(of: ["LOCAL", "UNICAST"]))"
    case 11: return "-m mark \(not())--mark \(random.one(of: ["0x0", "0x1", "0x1/0x1", "0x2/0xff"]))"
    case 12:
      return random.oneIn(2)
        ? "-m length --length 20:\(random.number(36...80))" : "-m connmark \(not())--mark 0x1/0x3"
    case 13:
      return isV6
        ? "-m iprange --src-range fd50::1-fd50::99"
        : "-m iprange \(not())--src-range 10.13.13.1-192.168.50.99"
    case 14:
      return random.one(of: [
        "-m limit --limit 9000/sec --limit-burst 9000", "-m comment --comment \"a comment\"",
        "-m time --timestart \(time()) --timestop \(time())",
        "-m time --timestart \(time()) --timestop \(time()) \(not())--weekdays Mon,Wed,Fri,Sun --contiguous",
        "-m time --weekdays Tue,Thu,Sat",
        "-m hashlimit --hashlimit-above 9000/sec --hashlimit-burst 9000 --hashlimit-mode srcip --hashlimit-name hl",
      ])
    case 15:
      return isV6
        ? (transport == "ipv6-icmp" ? "-m icmp6 \(not())--icmpv6-type 128" : "")
        : (transport == "icmp"
          ? "-m icmp \(not())--icmp-type \(random.one(of: ["8", "0", "3/1"]))"
          : "-m pkttype \(not())--pkt-type unicast")
    default: return ""
    }
  }

  mutating func target(_ isV6: Bool, _ transport: String, table: String, chain: String, own: String?)
    -> String
  {
    let hasPorts = transport == "tcp" || transport == "udp"
    if let own, random.oneIn(4) { return random.oneIn(2) ? "-j \(own)" : "-g \(own)" }
    switch table {
    case "nat":
      let container = isV6 ? "fd17::2" : "172.17.0.2"
      let inner = hasPorts ? (isV6 ? "[\(container)]:\(port())" : "\(container):\(port())") : container
      let source = isV6 ? "2001:db8:1::10" : "203.0.113.10"
      switch chain {
      case "PREROUTING", "OUTPUT":
        return random.one(of: [
          "-j DNAT --to-destination \(inner)", hasPorts ? "-j REDIRECT --to-ports \(port())" : "-j REDIRECT",
          "-j ACCEPT",
          "-j RETURN",
        ])
      case "POSTROUTING":
        return random.one(of: ["-j MASQUERADE", "-j SNAT --to-source \(source)", "-j ACCEPT"])
      default: return random.one(of: ["-j ACCEPT", "-j RETURN"])
      }
    // Only the table filter may reject.
    case "security":
      return random.one(
        of: ["-j ACCEPT", "-j DROP", "-j RETURN", "-g \(own ?? "x")"].filter {
          own != nil || !$0.hasPrefix("-g")
        })
    case "raw": return random.one(of: ["-j CT --notrack", "-j ACCEPT", "-j DROP", "-j RETURN", "-j NOTRACK"])
    case "mangle":
      return random.one(of: [
        "-j MARK --set-xmark 0x1/0xffffffff", "-j MARK --or-mark 0x2", "-j CONNMARK --save-mark",
        "-j CONNMARK --restore-mark",
        "-j CONNMARK --set-xmark 0x1/0x3", "-j RETURN", "-j ACCEPT", "-j DROP",
      ])
    default:
      let reset = transport == "tcp" ? "-j REJECT --reject-with tcp-reset" : "-j REJECT"
      return random.one(of: ["-j ACCEPT", "-j ACCEPT", "-j DROP", "-j REJECT", reset, "-j RETURN", "-j LOG"])
    }
  }
}

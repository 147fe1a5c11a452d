// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A rule as a person reads it: conditions, then what is counted, then what happens, and where it comes from.
public struct Rule: Sendable, Hashable {
  /// What a packet must meet, all of it.
  public var matches: [Match]
  /// Where packets that meet it are counted.
  public var count: Count?
  /// What is told of packets that meet it, before they are counted; above its rate they do not meet the rule.
  public var log: DropLog?
  /// What befalls packets that meet it; nil for a rule that only counts or logs.
  public var action: Action?
  /// Where it comes from.
  public var origin: Origin

  /// A value of these parts.
  public init(_ matches: [Match], log: DropLog? = nil, count: Count? = nil, action: Action?, origin: Origin) {
    self.matches = matches
    self.log = log
    self.count = count
    self.action = action
    self.origin = origin
  }
}

/// What a rule counts.
public enum Count: Sendable, Hashable {
  /// In a named counter: `counter name "drop-spoofed"`.
  case named(String)
  /// In the counter that a map holds for the source address. A source that the map lacks does not pass the rule:
  /// `counter name ip saddr map @wg0-postgres-v4`.
  case bySource(AddressFamily, map: String)
}

/// What a rule does with a packet that meets its conditions.
public enum Action: Sendable, Hashable {
  case accept
  case drop
  case `return`
  case jump(String)
  case goto(String)
  /// An ICMP or ICMPv6 error "administratively prohibited" to the sender.
  case reject
  /// A TCP reset to the sender.
  case reset
  /// The verdict that a map holds for the input interface: `iifname vmap @zones`.
  case byInputInterface(map: String)
  /// The verdict that a map holds for protocol and destination port: `meta l4proto . th dport vmap @wg0-ports`.
  case byPort(map: String)
  /// The verdict that a map holds for the destination address: `ip daddr vmap @relay-v4`.
  case byDestination(AddressFamily, map: String)
}

/// Where a rule comes from: lines of the policy, and why.
public struct Origin: Sendable, Hashable {
  /// The policy file, as it was named; empty for what every ruleset has.
  public var file: String
  /// Lines of it, sorted; empty for what every ruleset has.
  public var lines: [Int]
  /// What the rule is about, in a few words.
  public var reason: String

  /// A value of these parts.
  public init(file: String = "", lines: [Int] = [], reason: String) {
    self.file = file
    // Lines count from 1: 0 is what no file says.
    self.lines = Set(lines.filter { $0 > 0 }).sorted()
    self.reason = reason
  }

  /// `policies/rootski.yaml:31`, or `built in:` where no line is behind it. More lines than three are `31,32,40+7`.
  public var place: String {
    if lines.isEmpty { return "built in:" }
    let shown = lines.prefix(3).map { String($0) }.joined(separator: ",")
    return "\(file):\(shown)\(lines.count > 3 ? "+\(lines.count - 3)" : "")"
  }

  /// The comment of the rule: place and reason on one line, unsafe characters as `PrintableText` shows them, cut to what
  /// nft reads. A path too long for it loses its front.
  public var comment: String {
    let limit = Userdata.commentLimit - 1
    var text = "\(place) \(reason)"
    if text.utf8.count > limit, file.utf8.count > 60, let slash = file.utf8.lastIndex(of: UInt8(ascii: "/")) {
      let short = Origin(file: "…\(file[slash...])", lines: lines, reason: reason)
      text = "\(short.place) \(reason)"
    }
    // nft quotes comments and knows no escape for a quote. `nft list ruleset` prints the rest as it is.
    text = PrintableText.of(text)
    if text.utf8.contains(UInt8(ascii: "\"")) {
      text = String(String.UnicodeScalarView(text.unicodeScalars.map { $0 == "\"" ? "'" : $0 }))
    }
    if text.utf8.count > limit {
      var end = text.utf8.index(text.utf8.startIndex, offsetBy: limit)
      while !text.unicodeScalars.indices.contains(end), end > text.startIndex {
        end = text.utf8.index(before: end)
      }
      text = String(text[..<end])
    }
    while text.utf8.last == UInt8(ascii: " ") { text.removeLast() }
    return text
  }
}

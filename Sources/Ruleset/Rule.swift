// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A rule as a person reads it: conditions, then log and counter, then the action, and the rule's origin.
public struct Rule: Sendable, Hashable {
  /// The conditions; a packet must meet all of them.
  public var matches: [Match]
  /// The counter of packets that match.
  public var count: Count?
  /// The log of packets that match, before they are counted; a packet above the log's rate does not match the
  /// rule.
  public var log: DropLog?
  /// What it does to the tag of packets that match, before the action.
  public var tag: PacketTag.Change?
  /// What happens to packets that match; nil for a rule that only counts or logs.
  public var action: Action?
  /// Where it comes from.
  public var origin: Origin

  /// Creates a value from its parts.
  public init(
    _ matches: [Match], log: DropLog? = nil, count: Count? = nil, tag: PacketTag.Change? = nil,
    action: Action?,
    origin: Origin
  ) {
    self.tag = tag
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
  /// In the counter that a map holds for the source address. A packet whose source is not in the map does not
  /// match the rule: `counter name ip saddr map @wg0-postgres-v4`.
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
  /// A translation of addresses, for the whole connection.
  case translate(AddressTranslation)
}

/// Where a rule comes from: lines of the policy, and the reason.
public struct Origin: Sendable, Hashable {
  /// The policy file, as it was named; empty for rules that every ruleset has.
  public var file: String
  /// Its lines, sorted; empty for rules that every ruleset has.
  public var lines: [Int]
  /// What the rule is about, in a few words.
  public var reason: String

  /// Creates a value from its parts.
  public init(file: String = "", lines: [Int] = [], reason: String) {
    self.file = file
    // Lines count from 1: 0 is not a line.
    self.lines = Set(lines.filter { $0 > 0 }).sorted()
    self.reason = reason
  }

  /// `policies/rootski.yaml:31`, or `built in` if the rule has no line. More than three lines are
  /// `31,32,40+7`.
  public var place: String {
    if lines.isEmpty { return "built in" }
    let shown = lines.prefix(3).map { String($0) }.joined(separator: ",")
    return "\(file):\(shown)\(lines.count > 3 ? "+\(lines.count - 3)" : "")"
  }

  /// The comment of the rule: place and reason on one line, with unsafe characters replaced by
  /// `PrintableText`, cut to the length that nft reads. If it is too long, the path is shortened at its
  /// beginning.
  public var comment: String {
    let limit = Userdata.commentLimit - 1
    var text = lines.isEmpty ? "\(place): \(reason)" : "\(place) \(reason)"
    if text.utf8.count > limit, file.utf8.count > 60, let slash = file.utf8.lastIndex(of: UInt8(ascii: "/")) {
      let short = Origin(file: "…\(file[slash...])", lines: lines, reason: reason)
      text = "\(short.place) \(reason)"
    }
    // nft quotes comments and has no escape for a quote. `nft list ruleset` prints everything else unchanged.
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

extension Action {
  /// The action as a verdict; nil if it is not one.
  package var verdict: VerdictCode? {
    switch self {
    case .accept: .accept
    case .drop: .drop
    case .return: .return
    case .jump(let chain): .jump(chain: chain)
    case .goto(let chain): .goto(chain: chain)
    case .reject, .reset, .byInputInterface, .byPort, .byDestination, .translate: nil
    }
  }

  /// The action for a verdict; a verdict that wgfence's rulesets do not use becomes a drop.
  package init(_ verdict: VerdictCode) {
    switch verdict {
    case .accept: self = .accept
    case .drop, .continue, .other: self = .drop
    case .return: self = .return
    case .jump(let chain): self = .jump(chain)
    case .goto(let chain): self = .goto(chain)
    }
  }
}

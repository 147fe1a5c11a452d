// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// The match `recent`: a list of addresses that rules fill. Source: `struct xt_recent_mtinfo` of
/// `linux/netfilter/xt_recent.h`, `recent_mt` of `net/netfilter/xt_recent.c`.
struct XtablesRecent: Sendable, Hashable {
  /// `XT_RECENT_CHECK`, `XT_RECENT_SET`, `XT_RECENT_UPDATE`, `XT_RECENT_REMOVE`
  enum Action: UInt8, Sendable { case check = 1, set = 2, update = 4, remove = 8 }

  let action: Action
  /// The list, with the side of the packet whose address it holds.
  let list: String
  /// The number of times that an address must have been seen; 0 and 1 mean that it must be in the list.
  let hits: UInt32
  /// Within how many seconds; 0 for any time.
  let seconds: UInt32
  let inverted: Inversion

  init?(_ info: [UInt8]) {
    guard let seconds = info.hostUInt32(0), let hits = info.hostUInt32(4),
      let action = info.byte(8).flatMap({ Action(rawValue: $0 & 15) }), let invert = info.byte(9),
      let name = info.bytes(10, 200), let side = info.byte(210)
    else { return nil }
    self.action = action
    (self.hits, self.seconds) = (hits, seconds)
    list =
      "\(String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)) \(side == 0 ? "source" : "destination")"
    inverted = invert != 0 ? .inverted : .plain
  }

  /// The match in a rule's text.
  var ruleText: String {
    let what =
      switch action {
      case .set: "set recent \(list)"
      case .remove: "remove recent \(list)"
      case .check, .update: hits > 1 ? text : "recent \(list)"
      }
    return inverted == .inverted ? "not \(what)" : what
  }

  /// How often and when, in words.
  var text: String { "\(hits) hits\(seconds > 0 ? " in \(seconds) s" : "")" }
}

extension WalkRun {
  /// Whether an address is in a list of `recent`.
  enum Seen {
    case yes
    case no
    /// It would have to be there several times: the walk assumes that it is not.
    case rarely
    case unknown
  }

  /// What a list says of the packet's address, with what earlier rules wrote there; writes what this rule writes.
  mutating func recent(_ asked: XtablesRecent, certain: Bool) -> Seen {
    let known = recentChanges[asked.list]
    switch asked.action {
    case .set:
      recentChanges[asked.list] = certain ? .yes : .unknown
      return .yes
    case .remove:
      recentChanges[asked.list] = certain ? .no : .unknown
      return known ?? .unknown
    case .check, .update: return asked.hits > 1 ? .rarely : known ?? .unknown
    }
  }
}

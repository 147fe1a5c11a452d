// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
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
  /// The list's own name, and which address it holds.
  private let name: String
  private let isOfSource: Bool
  /// Whether an address that is in the list may not count: it must have the same hop limit (`XT_RECENT_TTL`).
  private let asksHopLimit: Bool
  /// The part of an address that the list holds, in network order; nil for all of it.
  private let mask: [UInt8]?

  init?(_ info: [UInt8]) {
    guard let seconds = info.hostUInt32(0), let hits = info.hostUInt32(4),
      let action = info.byte(8).flatMap({ Action(rawValue: $0 & 15) }), let invert = info.byte(9),
      let name = info.bytes(10, 200), let side = info.byte(210)
    else { return nil }
    self.action = action
    (self.hits, self.seconds) = (hits, seconds)
    self.name = String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
    isOfSource = side == 0
    list = "\(self.name) \(isOfSource ? "source" : "destination")"
    inverted = invert != 0 ? .inverted : .plain
    asksHopLimit = (info.byte(8) ?? 0) & 16 != 0
    mask = info.bytes(212, 16)
  }

  /// The address of a packet that the list holds.
  func address(of packet: Packet) -> IPAddress {
    let address = isOfSource ? packet.source : packet.destination
    guard let mask, let kept = IPAddress(bytes: mask.prefix(address.family.byteWidth)) else { return address }
    return IPAddress(family: address.family, bits: address.bits & kept.bits)
  }

  /// What the host's list says of an address.
  func seen(_ packet: Packet, in environment: any HostEnvironment) -> WalkRun.Seen {
    switch environment.hasRecent(address(of: packet), in: name) {
    case false: .no
    // When it was seen, and with which hop limit, is not read.
    case true: action != .remove && (seconds > 0 || asksHopLimit) ? .unknown : .yes
    case nil: .unknown
    }
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
    /// It would have to be there several times: the walk assumes that it is not. Also said of an address that is not there
    /// yet, since it is a limit for those that come again.
    case rarely
    case unknown
  }

  /// What a list says of the packet's address, with what earlier rules wrote there; writes what this rule writes.
  mutating func recent(_ asked: XtablesRecent, certain: Bool) -> Seen {
    let known = recentChanges[asked.list]
    let inHost = knowsSource == .whole ? asked.seen(packet, in: environment) : .unknown
    switch asked.action {
    case .set:
      recentChanges[asked.list] = certain ? .yes : .unknown
      return .yes
    case .remove:
      recentChanges[asked.list] = certain ? .no : .unknown
      return known ?? inHost
    case .check, .update: return asked.hits > 1 ? .rarely : known ?? inHost
    }
  }
}

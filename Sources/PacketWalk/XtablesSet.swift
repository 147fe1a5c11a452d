// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// A set of ipset, as a match or a target of iptables names it. Source: `struct xt_set_info` and `struct xt_set_info_v0` of
/// `linux/netfilter/xt_set.h`, `enum ip_set_kopt` of `linux/netfilter/ipset/ip_set.h`.
struct XtablesSet: Sendable, Hashable {
  /// The kernel's number of the set.
  let index: UInt16
  /// The side of the packet for each part of an element, in order.
  let sides: [IPSetQuestion.Side]
  /// Whether the match is inverted (`IPSET_INV_MATCH`).
  let inverted: Inversion
  /// Whether elements with `nomatch` count as found (`IPSET_RETURN_NOMATCH`).
  let asksForExceptions: Bool

  /// `IPSET_INVALID_ID`: no set.
  private static let none: UInt16 = 65_535

  /// The set at an offset of the structure. Nil if there is none, or if it does not fit.
  init?(_ info: [UInt8], at offset: Int, isFirstRevision: Bool) {
    // In the first revision the kernel writes both numbers behind six words of flags.
    let numbers = isFirstRevision ? offset + 28 : offset + 2
    guard let index = info.hostUInt16(offset), index != Self.none, let count = info.byte(numbers),
      let flags = info.byte(numbers + 1), (1...6).contains(count)
    else { return nil }
    self.index = index
    sides = (1...count).map { flags & (1 << $0) != 0 ? .source : .destination }
    inverted = flags & 1 != 0 ? .inverted : .plain
    asksForExceptions = flags & 0x80 != 0
  }

  /// In a rule's text, as iptables writes it, with the set's number.
  var text: String {
    "#\(index) \(sides.map { $0 == .source ? "src" : "dst" }.joined(separator: ","))"
  }
}

extension XtablesMatch {
  /// `struct xt_set_info_match_v0` … `v4`. Of revision 3 on it may compare the counters of an element.
  static func set(_ revision: UInt32, _ info: [UInt8]) -> XtablesMatch? {
    guard let set = XtablesSet(info, at: 0, isFirstRevision: revision == 0) else { return nil }
    // `struct ip_set_counter_match0`, `struct ip_set_counter_match`: the comparison, IPSET_COUNTER_NONE for none.
    let counters: [Int]
    switch revision {
    case 0...2: counters = []
    case 3: counters = [8, 24]
    case 4: counters = [16, 32]
    default: return nil
    }
    let compares = counters.contains { info.byte($0) != 0 }
    return .set(set, asksCounters: compares)
  }
}

/// The target `SET`: adds elements to a set, removes them, or sets the packet's mark to that of its element. Source: `struct
/// xt_set_info_target_v0` … `v3` of `linux/netfilter/xt_set.h`.
struct XtablesSetChange: Sendable, Hashable {
  let added: XtablesSet?
  let removed: XtablesSet?
  /// Whether the mark becomes that of the element (`IPSET_FLAG_MAP_SKBMARK`).
  let setsMark: Bool

  init?(_ revision: UInt32, _ info: [UInt8]) {
    guard revision <= 3 else { return nil }
    added = XtablesSet(info, at: 0, isFirstRevision: revision == 0)
    removed = XtablesSet(info, at: revision == 0 ? 32 : 4, isFirstRevision: revision == 0)
    let map = revision == 3 ? XtablesSet(info, at: 8, isFirstRevision: false) : nil
    setsMark = map != nil && (info.hostUInt32(12) ?? 0) & 1 << 8 != 0
  }

  /// In a rule's text.
  var text: String {
    (["SET"]
      + [("add", added), ("del", removed)].compactMap { word, set in set.map { "\(word) \($0.text)" } })
      .joined(separator: " ")
  }
}

extension WalkRun {
  /// Whether the packet is in a set of ipset, after what earlier rules changed there; nil if that is not known.
  func contains(_ asked: XtablesSet) -> Bool? {
    if let changes = setChanges[asked.index] { return changes[asked.sides] }
    guard knowsSource == .whole || !asked.sides.contains(.source) else { return nil }
    return environment.isInSet(
      IPSetQuestion(
        set: asked.index, sides: asked.sides, packet: packet, input: input, output: output,
        mark: knowsMark ? packet.mark : nil))
  }

  /// Records what a rule changes in sets of ipset. What it adds is found by the same parts of the packet; what it removes may
  /// still be found, by another element that contains it.
  mutating func apply(_ change: XtablesSetChange, certain: Bool) {
    if let set = change.added {
      var known = setChanges[set.index] ?? [:]
      if certain { known[set.sides] = true }
      setChanges[set.index] = known
    }
    if let set = change.removed { setChanges[set.index] = [:] }
  }
}

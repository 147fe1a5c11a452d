// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PolicyLanguage

/// The words of `from` for the sources of a side that reach a service.
struct SourceWords: Hashable {
  /// Words that are written in the grant.
  let words: [String]
  /// Prefixes that are too many for the grant: they become a list.
  let list: [Prefix]
  /// Whether some accepted sources have no word: the policy language cannot name them.
  let isIncomplete: Bool

  /// More prefixes are written as a list.
  private static let mostInPlace = 8
  /// More prefixes are not written at all.
  private static let mostInList = 4096

  /// No source.
  static let none = SourceWords(words: [], list: [], isIncomplete: false)

  private init(words: [String], list: [Prefix], isIncomplete: Bool) {
    self.words = words
    self.list = list
    self.isIncomplete = isIncomplete
  }

  /// The words for sources of a side on a machine of a policy.
  init(_ open: OpenSources, of side: ImportSide, in policy: Policy, on machine: Machine) {
    guard open.isOpen else {
      self = .none
      return
    }
    if open.isWhole, side.kind != .behindTunnel {
      self.init(words: [side.name], list: [], isIncomplete: false)
      return
    }
    switch side.kind {
    case .tunnel:
      let peers = policy.machines.filter { other in
        guard other.name != machine.name, let tunnel = InterfaceName(side.name) else { return false }
        let addresses = other.addresses(in: tunnel)
        func isIn(_ sets: [AddressFamily: IntervalSet], _ address: IPAddress) -> Bool {
          sets[address.family]?.contains(address.bits) == true
        }
        return addresses.contains { isIn(open.accepted, $0) }
          && addresses.allSatisfy { isIn(open.accepted, $0) || isIn(open.neutral, $0) }
      }
      let named = ImportSide.sets { family in
        ImportSide.set(
          family,
          peers.flatMap(\.addresses).filter { $0.tunnel.description == side.name }.flatMap(\.addresses).map {
            Prefix($0)
          })
      }
      self.init(
        words: peers.map(\.name), list: [],
        isIncomplete: open.accepted.contains { !(named[$0] ?? .empty).isSuperset(of: $1) })
    case .behindTunnel:
      let prefixes = AddressFamily.allCases.flatMap {
        Self.prefixes(
          $0, open.accepted[$0] ?? .empty, free: (open.neutral[$0] ?? .empty).union(side.absent[$0] ?? .empty)
        )
      }
      let isWritten = prefixes.count <= Self.mostInList
      self.init(words: isWritten ? prefixes.map(Self.word) : [], list: [], isIncomplete: !isWritten)
    // Any source can be forged there: no prefix is accepted.
    case .containers: self.init(words: [], list: [], isIncomplete: true)
    case .network:
      var prefixes: [Prefix] = []
      // A list may not contain every address.
      var families: [Prefix] = []
      var listed: [Prefix] = []
      var isIncomplete = false
      for family in AddressFamily.allCases {
        let accepted = open.accepted[family] ?? .empty
        let near = ImportSide.linkLocal(family)
        if !accepted.isDisjoint(with: near) { isIncomplete = true }
        let closed = [open.refused, open.partial, open.undetermined].compactMap { $0[family] }
        // All of a family: the whole internet. Homes of other sides are not in it.
        if side.name == Zone.internet, !accepted.isEmpty, closed.allSatisfy(\.isEmpty) {
          families.append(Prefix(containing: IPAddress(family: family, bits: 0), length: 0))
          continue
        }
        let free = (open.neutral[family] ?? .empty).subtracting(near)
          .union(side.name == Zone.internet ? ImportSide.nobody(family) : .empty)
          .union(side.absent[family] ?? .empty)
        let own = accepted.subtracting(near)
        prefixes += Self.prefixes(family, own, free: free)
        // A list does not hold in tunnels: it may contain their addresses.
        let inTunnels = ImportSide.set(family, policy.tunnels.flatMap(\.prefixes))
        listed += Self.prefixes(family, own, free: free.union(inTunnels))
      }
      let words = families.map(Self.word)
      if prefixes.count > Self.mostInList {
        self.init(words: words, list: [], isIncomplete: true)
      } else if prefixes.count > Self.mostInPlace {
        self.init(words: words, list: listed, isIncomplete: isIncomplete)
      } else {
        self.init(words: words + prefixes.map(Self.word), list: [], isIncomplete: isIncomplete)
      }
    }
  }

  private static func word(_ prefix: Prefix) -> String {
    prefix.family == .ipv6 ? "\"\(prefix)\"" : prefix.description
  }

  /// The fewest prefixes for a set of addresses. Those in `free` may be in them or not.
  private static func prefixes(_ family: AddressFamily, _ set: IntervalSet, free: IntervalSet) -> [Prefix] {
    let exact = prefixes(family, set)
    let filled = prefixes(family, set.union(free))
    // What is free alone is not needed.
    let needed = filled.filter { prefix in
      !IntervalSet(prefix.address.bits, prefix.last.bits).isDisjoint(with: set)
    }
    return needed.count < exact.count ? needed : exact
  }

  /// The prefixes that are together exactly a set of addresses.
  static func prefixes(_ family: AddressFamily, _ set: IntervalSet) -> [Prefix] {
    set.intervals.flatMap { interval -> [Prefix] in
      var prefixes: [Prefix] = []
      var lower = interval.lower
      while true {
        // The shortest prefix that begins here and ends inside.
        let aligned = lower == 0 ? family.bitWidth : min(lower.trailingZeroBitCount, family.bitWidth)
        var host = aligned
        while host > 0, lower | mask(host) > interval.upper { host -= 1 }
        prefixes.append(
          Prefix(containing: IPAddress(family: family, bits: lower), length: family.bitWidth - host))
        let last = lower | mask(host)
        if last >= interval.upper { return prefixes }
        lower = last + 1
      }
    }
  }

  /// The low bits of an address, as many as `count`.
  private static func mask(_ count: Int) -> UInt128 {
    count >= 128 ? .max : (UInt128(1) << UInt128(count)) - 1
  }
}

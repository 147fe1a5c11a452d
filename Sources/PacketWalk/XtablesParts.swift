// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// The match `physdev`: ports of a bridge. Source: `struct xt_physdev_info` of `linux/netfilter/xt_physdev.h`.
struct XtablesBridgePorts: Sendable, Hashable {
  /// `XT_PHYSDEV_OP_IN`, `…_OUT`, `…_BRIDGED`, `…_ISIN`, `…_ISOUT`: what is asked, and what of it is inverted.
  let asked: UInt8
  let inverted: UInt8

  init?(_ info: [UInt8]) {
    guard let inverted = info.byte(64), let asked = info.byte(65) else { return nil }
    (self.asked, self.inverted) = (asked & 31, inverted & 31)
  }

  /// For a packet that passed no bridge: whether all that is asked is inverted. Source: `physdev_mt` of
  /// `net/netfilter/xt_physdev.c`.
  var holdsWithoutBridge: Bool { asked & ~inverted == 0 }
}

/// The match `owner`: the socket that sends a packet. Source: `struct xt_owner_match_info` of
/// `linux/netfilter/xt_owner.h`.
struct XtablesOwner: Sendable, Hashable {
  let users: ClosedRange<UInt32>
  let groups: ClosedRange<UInt32>
  /// What is asked, and what of it is inverted.
  let asked: UInt8
  let inverted: UInt8

  /// `XT_OWNER_UID`, `XT_OWNER_GID`, `XT_OWNER_SOCKET`, `XT_OWNER_SUPPL_GROUPS`
  private static let (user, group, socket, allGroups): (UInt8, UInt8, UInt8, UInt8) = (1, 2, 4, 8)

  init?(_ info: [UInt8]) {
    guard let firstUser = info.hostUInt32(0), let lastUser = info.hostUInt32(4),
      let firstGroup = info.hostUInt32(8),
      let lastGroup = info.hostUInt32(12), let asked = info.byte(16), let inverted = info.byte(17),
      firstUser <= lastUser, firstGroup <= lastGroup
    else { return nil }
    (users, groups) = (firstUser...lastUser, firstGroup...lastGroup)
    (self.asked, self.inverted) = (asked, inverted)
  }

  /// Whether it holds for a packet without a socket. Source: `owner_mt` of `net/netfilter/xt_owner.c`.
  var holdsWithoutSocket: Bool { asked ^ inverted == 0 }

  /// Whether it holds for a packet of a program; nil if that depends on an owner that is not stated.
  func holds(user: UInt32?, group: UInt32?) -> Bool? {
    if asked & inverted & Self.socket != 0 { return false }
    var isWhole = asked & Self.allGroups == 0 || asked & Self.group == 0
    for (bit, range, own) in [(Self.user, users, user), (Self.group, groups, group)] where asked & bit != 0 {
      guard let own else {
        isWhole = false
        continue
      }
      if range.contains(own) == (inverted & bit != 0), bit == Self.user || asked & Self.allGroups == 0 {
        return false
      }
    }
    return isWhole ? true : nil
  }
}

/// The match `devgroup`: groups of interfaces. Source: `struct xt_devgroup_info` of `linux/netfilter/xt_devgroup.h`.
struct XtablesGroups: Sendable, Hashable {
  struct Asked: Sendable, Hashable {
    let group: UInt32
    let mask: UInt32
    let inverted: Inversion
  }

  /// Nil if not asked.
  let input: Asked?
  let output: Asked?

  init?(_ info: [UInt8]) {
    guard let flags = info.hostUInt32(0), let inputGroup = info.hostUInt32(4),
      let inputMask = info.hostUInt32(8),
      let outputGroup = info.hostUInt32(12), let outputMask = info.hostUInt32(16)
    else { return nil }
    // XT_DEVGROUP_MATCH_SRC, …_INVERT_SRC, …_MATCH_DST, …_INVERT_DST
    input =
      flags & 1 == 0
      ? nil : Asked(group: inputGroup, mask: inputMask, inverted: flags & 2 != 0 ? .inverted : .plain)
    output =
      flags & 4 == 0
      ? nil : Asked(group: outputGroup, mask: outputMask, inverted: flags & 8 != 0 ? .inverted : .plain)
  }
}

extension WalkRun {
  /// Whether a match on bridge ports holds; nil if the packet may have passed a bridge.
  func matches(_ asked: XtablesBridgePorts) -> Bool? {
    // A packet of this host, or one that arrived by an interface that is no bridge: `nf_bridge_info_exists`.
    guard let arrived = packet.input, arrived != .loopback else { return asked.holdsWithoutBridge }
    guard let kind = environment.facts(of: arrived)?.kind, kind != "bridge" else { return nil }
    return asked.holdsWithoutBridge
  }

  func matches(_ asked: XtablesOwner) -> Bool? {
    packet.input == nil ? asked.holds(user: packet.user, group: packet.group) : asked.holdsWithoutSocket
  }

  func matches(_ asked: XtablesGroups) -> Bool? {
    let parts = [(asked.input, input), (asked.output, output)]
    var isWhole = true
    for (wanted, name) in parts {
      guard let wanted else { continue }
      guard let group = name.flatMap({ environment.facts(of: $0)?.group }) else {
        isWhole = false
        continue
      }
      if (group & wanted.mask == wanted.group) != (wanted.inverted == .plain) { return false }
    }
    return isWhole ? true : nil
  }

  /// The match `helper`: the connection was expected because of another one. Source: `helper_mt` of
  /// `net/netfilter/xt_helper.c`. A connection that begins with this packet was not.
  var isExpected: Bool? {
    guard hasConnection else { return false }
    return packet.state == .new && packet.flow == nil ? false : nil
  }

  /// The type of service or traffic class; nil if not all bits of `mask` are known.
  func trafficClass(_ mask: UInt8) -> UInt8? {
    let (bytes, known) = (headers.network.bytes, headers.network.known)
    switch packet.family {
    case .ipv4: return known[1] & mask == mask ? bytes[1] & mask : nil
    case .ipv6:
      let (value, bits) = (bytes[0] << 4 | bytes[1] >> 4, known[0] << 4 | known[1] >> 4)
      return bits & mask == mask ? value & mask : nil
    }
  }

  /// Replaces the bits of `mask` in the type of service or traffic class.
  mutating func setTrafficClass(_ value: UInt8, mask: UInt8) {
    headers.setTrafficClass(value, mask: mask)
    if mask & 0xfc == 0xfc { hasWrittenTrafficClass = true }
    packet.trafficClass = trafficClass(0xff)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// A target of iptables, decoded from the C structure in a rule of iptables-nft. ACCEPT, DROP, RETURN and
/// jumps are nft's own verdicts. Source: `linux/netfilter/xt_*.h`.
enum XtablesTarget: Sendable, Hashable {
  case translate(TranslationOrder)
  case reject
  /// `MARK`: `mark & ~mask ^ value`.
  case mark(value: UInt32, mask: UInt32)
  /// `CONNMARK`
  case connectionMark(XtablesConnectionMark)
  /// `CT --notrack`, `NOTRACK`
  case untrack
  /// `CT` without `--notrack`: a template of a connection, in a zone.
  case zone(UInt16)
  /// `DSCP`, `TOS`: replaces the bits of a mask.
  case trafficClass(value: UInt8, mask: UInt8)
  /// `TTL`, `HL`
  case hopLimit(HopLimitChange, UInt8)
  /// `NFQUEUE`
  case queue(UserQueue)
  /// `SET`
  case changeSet(XtablesSetChange)
  /// `TCPMSS`, `TCPOPTSTRIP`: change the options of TCP.
  case options
  /// Does not affect the packet's verdict: logs or counts it.
  case passes
  /// One that the walk does not support, by its name.
  case unknown(String)

  /// Targets that let a packet continue unchanged, as far as a rule can see.
  private static let passing: Set<String> = [
    "LOG", "NFLOG", "ULOG", "AUDIT", "CHECKSUM", "CLASSIFY", "IDLETIMER", "LED", "RATEEST", "SECMARK",
    "CONNSECMARK", "TRACE", "TEE",
  ]

  /// `IPT_TTL_SET` and so on, `IP6T_HL_SET` and so on.
  enum HopLimitChange: UInt8, Sendable { case set, increase, decrease }

  /// Decodes a target; `family` is the table's.
  init(name: String, revision: UInt32, info: [UInt8], family: UInt8) {
    let decoded: XtablesTarget? =
      switch name {
      case "DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP":
        TranslationOrder(target: name, revision: revision, info: info, family: family).map(
          XtablesTarget.translate)
      case "REJECT": .reject
      case "MARK" where revision == 2:
        info.hostUInt32(0).flatMap { value in info.hostUInt32(4).map { .mark(value: value, mask: $0) } }
      case "CONNMARK": XtablesConnectionMark(revision, info).map(XtablesTarget.connectionMark)
      case "NOTRACK": .untrack
      // `struct ipt_TTL_info`, `struct ip6t_HL_info`
      case "TTL", "HL":
        info.byte(0).flatMap(HopLimitChange.init(rawValue:)).flatMap { mode in
          info.byte(1).map { .hopLimit(mode, $0) }
        }
      // `struct xt_ct_target_info`: XT_CT_NOTRACK; a zone of both directions, not from the mark.
      case "CT":
        info.hostUInt16(0).flatMap { flags in
          info.hostUInt16(2).flatMap {
            flags & 1 != 0 ? .untrack : flags & 0b1_1100 != 0 ? nil : .zone($0)
          }
        }
      // `struct xt_DSCP_info`, `struct xt_tos_target_info`
      case "DSCP": info.byte(0).map { .trafficClass(value: $0 << 2, mask: 0xfc) }
      case "TOS" where revision == 1:
        info.byte(0).flatMap { value in info.byte(1).map { .trafficClass(value: value, mask: $0) } }
      case "NFQUEUE": UserQueue(revision: revision, info: info).map(XtablesTarget.queue)
      case "SET": XtablesSetChange(revision, info).map(XtablesTarget.changeSet)
      case "TCPMSS", "TCPOPTSTRIP": .options
      case _ where Self.passing.contains(name): .passes
      default: nil
      }
    self = decoded ?? .unknown("target \(name)")
  }
}

/// The target `CONNMARK`. Source: `struct xt_connmark_tginfo1` and `2` of `linux/netfilter/xt_connmark.h`.
struct XtablesConnectionMark: Sendable, Hashable {
  /// `XT_CONNMARK_SET` and so on.
  enum Mode: UInt8, Sendable { case set, save, restore }

  let mode: Mode
  let value: UInt32
  let connectionMask: UInt32
  let packetMask: UInt32

  /// Nil for an unknown revision, or one with a bit shift.
  init?(_ revision: UInt32, _ info: [UInt8]) {
    guard (1...2).contains(revision), let value = info.hostUInt32(0), let connectionMask = info.hostUInt32(4),
      let packetMask = info.hostUInt32(8),
      let mode = info.byte(revision == 1 ? 12 : 14).flatMap(Mode.init(rawValue:))
    else { return nil }
    if revision == 2, info.byte(13) != 0 { return nil }
    self.mode = mode
    self.value = value
    self.connectionMask = connectionMask
    self.packetMask = packetMask
  }

  /// The marks of the packet and of the connection after the target.
  func applied(packet: UInt32, connection: UInt32) -> (packet: UInt32, connection: UInt32) {
    switch mode {
    case .set: (packet, connection & ~connectionMask ^ value)
    case .save: (packet, connection & ~connectionMask ^ (packet & packetMask))
    case .restore: (packet & ~packetMask ^ (connection & connectionMask), connection)
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// A line for NFLOG, at a rate: `limit rate 10/second burst 20 packets log prefix "…" group 51820 snaplen 128`.
///
/// A packet above the rate does not match the rule that has it, so such a rule has neither count nor action: the one behind
/// it decides. Source: `nft_limit_eval` of `net/netfilter/nft_limit.c`.
public struct DropLog: Sendable, Hashable {
  /// The NFLOG group of every line (`NFTA_LOG_GROUP`): WireGuard's customary port, which nobody else has as a group.
  public static let group: UInt16 = 51820
  /// Bytes of the packet, from its network header on, that a line carries (`NFTA_LOG_SNAPLEN`).
  public static let capturedLength: UInt32 = 128
  /// Lines a second, when the burst is used up (`NFTA_LIMIT_RATE`).
  public static let rate: UInt64 = 10
  /// Lines beyond the rate, after a quiet time (`NFTA_LIMIT_BURST`).
  public static let burst: UInt32 = 20
  /// Most bytes of a prefix: `NF_LOG_PREFIXLEN` of `net/netfilter/nf_log.h`, less its zero.
  public static let prefixLimit = 127

  /// What the lines begin with: the name of the chain that drops, of 127 bytes at most.
  public let prefix: String

  /// A log of this prefix; what is beyond its limit is cut.
  public init(prefix: String) {
    var text = prefix[...]
    while text.utf8.count > Self.prefixLimit { text.removeLast() }
    self.prefix = String(text)
  }

  /// Whether a rule does nothing but to log a drop: whatever its limit says, it changes no packet's way.
  static func isAll(of rule: KernelRule) -> Bool {
    guard rule.expressions.count == 2, case .limit = rule.expressions[0],
      case .log(_, group, _) = rule.expressions[1]
    else { return false }
    return true
  }
}

extension KernelRule {
  /// Whether the rule does nothing but to log what the rule behind it drops.
  public var isDropLog: Bool { DropLog.isAll(of: self) }
}

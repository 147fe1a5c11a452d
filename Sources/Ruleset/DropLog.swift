// SPDX-License-Identifier: GPL-3.0-or-later

/// A rate-limited log to NFLOG:
/// `limit rate 10/second burst 20 packets log prefix "…" group 51820 snaplen 128`.
///
/// A packet above the rate does not match the rule that contains the log. Such a rule therefore has neither a
/// counter nor an action: the rule after it decides. Source: `nft_limit_eval` of `net/netfilter/nft_limit.c`.
public struct DropLog: Sendable, Hashable {
  /// The NFLOG group of every line (`NFTA_LOG_GROUP`): WireGuard's usual port, which no other program uses as
  /// a group.
  public static let group: UInt16 = 51820
  /// Bytes of the packet, from its network header on, that a line carries (`NFTA_LOG_SNAPLEN`).
  public static let capturedLength: UInt32 = 128
  /// Lines per second after the burst is used up (`NFTA_LIMIT_RATE`).
  public static let rate: UInt64 = 10
  /// Lines beyond the rate after an idle time (`NFTA_LIMIT_BURST`).
  public static let burst: UInt32 = 20
  /// Maximum bytes of a prefix: `NF_LOG_PREFIXLEN` of `net/netfilter/nf_log.h`, minus its terminating zero.
  public static let prefixLimit = 127

  /// The prefix of the lines: the name of the chain that drops, at most 127 bytes.
  public let prefix: String

  /// A log with this prefix, which is cut at its limit.
  public init(prefix: String) {
    var text = prefix[...]
    while text.utf8.count > Self.prefixLimit { text.removeLast() }
    self.prefix = String(text)
  }

  /// Whether a rule only logs a drop: whatever its limit is, it changes no packet's verdict.
  static func isAll(of rule: KernelRule) -> Bool {
    guard rule.expressions.count == 2, case .limit = rule.expressions[0],
      case .log(_, group, _) = rule.expressions[1]
    else { return false }
    return true
  }
}

extension KernelRule {
  /// Whether the rule only logs what the rule after it drops.
  public var isDropLog: Bool { DropLog.isAll(of: self) }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// The queues to which a rule gives packets, for programs that decide: `queue` of nft, and the target NFQUEUE of iptables.
///
/// A queue to which no program listens drops the packet, unless the rule bypasses it: then the packet goes on at the next base chain.
/// Source: `nf_queue` of `net/netfilter/nf_queue.c`.
package struct UserQueue: Sendable, Hashable {
  /// The numbers of the queues: a packet gets one of them.
  package let numbers: ClosedRange<UInt16>
  /// What happens if no program listens.
  package let absence: Absence

  /// What happens to a packet of a queue to which no program listens.
  package enum Absence: Sendable { case drops, bypasses }

  /// Nil if the numbers do not fit.
  private init?(first: UInt16, count: UInt16, flags: UInt16) {
    let (last, overflow) = first.addingReportingOverflow(max(count, 1) - 1)
    if overflow { return nil }
    numbers = first...last
    // NFT_QUEUE_FLAG_BYPASS, NFQ_FLAG_BYPASS
    absence = flags & 1 != 0 ? .bypasses : .drops
  }

  /// The expression `queue` (`enum nft_queue_attributes`), in network order. Nil if a register has the number.
  init?(_ attributes: AttributeBytes) {
    func number(_ type: UInt16) -> UInt16? { attributes.value(type)?.networkUInt16(0) }
    guard let first = number(NFT.Attribute.queueNumber) else { return nil }
    self.init(
      first: first, count: number(NFT.Attribute.queueTotal) ?? 1, flags: number(NFT.Attribute.queueFlags) ?? 0
    )
  }

  /// `struct xt_NFQ_info` … `xt_NFQ_info_v3` of `linux/netfilter/xt_NFQUEUE.h`, in host order.
  package init?(revision: UInt32, info: [UInt8]) {
    guard revision <= 3, let first = info.hostUInt16(0) else { return nil }
    self.init(
      first: first, count: revision > 0 ? info.hostUInt16(2) ?? 1 : 1,
      flags: revision > 1 ? info.hostUInt16(4) ?? 0 : 0)
  }

  /// As nft writes it.
  package var text: String {
    let flags = absence == .bypasses ? "flags bypass " : ""
    return "queue \(flags)to \(numbers.lowerBound)\(numbers.count > 1 ? "-\(numbers.upperBound)" : "")"
  }
}

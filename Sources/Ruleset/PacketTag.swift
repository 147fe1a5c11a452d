// SPDX-License-Identifier: GPL-3.0-or-later

/// The one bit of a packet's mark (`skb->mark`) that the ruleset uses: it is set on packets that no grant lets in, and
/// that may only go on to another port of the bridge, or leave by the interface through which they came. Whether a
/// packet is bridged or routed is not known before the kernel has decided it, and the destination may be translated in
/// between.
public enum PacketTag {
  /// The bit, in the number's order. It is not among those of kube-proxy (0xc000), Tailscale (0xff0000), Cilium (0xf00)
  /// or Proxmox (0x80000000).
  public static let bit: UInt32 = 0x4000_0000

  /// What a rule does to it.
  public enum Change: Sendable, Hashable {
    /// `meta mark set meta mark | 0x40000000`
    case set
    /// `meta mark set meta mark & 0xbfffffff`
    case clear

    /// The bits of the new mark that are set.
    var xor: UInt32 { self == .set ? bit : 0 }
  }
}

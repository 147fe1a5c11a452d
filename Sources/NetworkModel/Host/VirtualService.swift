// SPDX-License-Identifier: GPL-3.0-or-later

/// A service of IPVS, which forwards the packets for it to other addresses. Source: `/proc/net/ip_vs`,
/// `ip_vs_info_seq_show` of `net/netfilter/ipvs/ip_vs_ctl.c`.
public enum VirtualService: Sendable, Hashable {
  /// Packets of a protocol to an address and port (host order).
  case address(IPProtocol, IPAddress, port: UInt16)
  /// Packets with a mark.
  case mark(UInt32)
}

extension VirtualService: CustomStringConvertible {
  /// `tcp 192.0.2.1:80`, `udp [2001:db8::1]:53`, or `mark 257`.
  public var description: String {
    switch self {
    case .address(let transport, let address, let port):
      address.family == .ipv4 ? "\(transport) \(address):\(port)" : "\(transport) [\(address)]:\(port)"
    case .mark(let mark): "mark \(mark)"
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
package import PacketSets
package import PolicyLanguage

extension ServicePort {
  /// The packets of a service, as values of `PacketSpace.Field.service`.
  package var services: IntervalSet {
    switch self {
    case .ports(let transport, let range): PacketSpace.Service.ports(transport, range.lower...range.upper)
    case .protocol(let transport): PacketSpace.Service.all(transport)
    case .echoRequest:
      // RFC 792 type 8, RFC 4443 type 128.
      PacketSpace.Service.types(.icmp, 8...8).union(PacketSpace.Service.types(.icmpv6, 128...128))
    case .everything: IntervalSet(0, 0xff_ffff)
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// IPv4 options (RFC 791 section 3.1).
package enum IPv4Options {
  /// Header lengths, in words of 32 bits, with options of more than four bytes. The router alert of IGMP has four (RFC 2113); a
  /// source route with an address has seven or more, and the kernel's own match finds it only while no part of it is used.
  package static let longHeader: ClosedRange<UInt8> = 7...15
}

/// The `exthdr` expression that loads whether a packet has a source route: 1 or 0, one byte.
extension Expression {
  /// The expression, with the attributes in the order in which the kernel returns them. Source:
  /// `nft_exthdr_dump` of `net/netfilter/nft_exthdr.c`.
  static func extensionHeader(_ route: SourceRoute, into register: UInt32) -> Expression {
    var data: [UInt8] = []
    func append(_ type: UInt16, _ value: [UInt8]) {
      data += HostOrder.bytes(UInt16(4 + value.count)) + HostOrder.bytes(type) + value
      data += Array(repeating: 0, count: (4 - value.count % 4) % 4)
    }
    func append(_ type: UInt16, _ number: UInt32) {
      append(type, [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> UInt32($0)) })
    }
    append(NFT.Attribute.extensionDestination, register)
    append(NFT.Attribute.extensionType, [route.rawValue])
    append(NFT.Attribute.extensionOffset, 0)
    append(NFT.Attribute.extensionLength, 1)
    append(NFT.Attribute.extensionFlags, NFT.extensionPresent)
    append(
      NFT.Attribute.extensionOperation, route.family == .ipv4 ? NFT.extensionIPv4 : NFT.extensionIPv6)
    return .opaque(name: "exthdr", data: data)
  }

  /// The source route that the expression tests for, and the register with the result; nil if it tests for
  /// something else.
  package var sourceRouteLoad: (route: SourceRoute, destination: UInt32)? {
    guard case .opaque("exthdr", let data) = self,
      let type = AttributeBytes(data).value(NFT.Attribute.extensionType),
      let destination = AttributeBytes(data).u32(NFT.Attribute.extensionDestination),
      let route = type.first.flatMap(SourceRoute.init(rawValue:)),
      self == .extensionHeader(route, into: destination)
    else { return nil }
    return (route, destination)
  }
}

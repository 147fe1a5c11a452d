// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// Parts of a packet that rules and routes read.
///
/// Packets that agree in the parts that a walk read, and in what every walk depends on, end in the same way. Every walk depends
/// on the interface on which a packet arrives, its family and protocol, its route, the type of its destination
/// (`HostEnvironment.addressType` of the whole host), and whether a router may forward packets of its source
/// (`IPAddress.isForwardable`).
public struct PacketParts: OptionSet, Sendable, Hashable {
  /// A bit for each part.
  public let rawValue: UInt8

  /// The parts of these bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The source address.
  public static let source = Self(rawValue: 1)
  /// The destination address.
  public static let destination = Self(rawValue: 2)
  /// The destination port.
  public static let destinationPort = Self(rawValue: 4)
  /// All of these.
  package static let everything: Self = [.source, .destination, .destinationPort]
  /// Both addresses.
  static let addresses: Self = [.source, .destination]
}

extension HeaderBytes {
  /// The parts of a packet that have bytes in common with these.
  func parts(_ family: AddressFamily) -> PacketParts {
    switch base {
    case NFT.payloadNetwork:
      let (source, destination): (HeaderField, HeaderField) =
        family == .ipv4 ? (.ipv4Source, .ipv4Destination) : (.ipv6Source, .ipv6Destination)
      var parts: PacketParts = []
      if overlaps(source.bytes) { parts.insert(.source) }
      if overlaps(destination.bytes) { parts.insert(.destination) }
      return parts
    // Nothing is known of what follows a header, so bytes that a rule loads from beyond the network header are no port for
    // the walk.
    case HeaderField.destinationPort.bytes.base:
      return overlaps(HeaderField.destinationPort.bytes) ? .destinationPort : []
    default: return []
    }
  }

  private func overlaps(_ other: HeaderBytes) -> Bool { offset < other.end && end > other.offset }
}

extension IPAddress {
  /// Whether routers forward packets of this source to another interface: not those that are valid on a link or nowhere.
  /// Source: `ip6_forward` of `net/ipv6/ip6_output.c`.
  package var isForwardable: Bool {
    family == .ipv4 || !isLinkLocal && bits >> 120 != 0xff && bits > 1
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// Bytes of which some bits may be unknown: `known` has a one for every known bit.
struct PartlyKnown: Sendable, Hashable {
  package var bytes: [UInt8]
  var known: [UInt8]

  /// Bytes that are all known.
  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    known = Array(repeating: 0xff, count: bytes.count)
  }

  /// `count` bytes of which nothing is known.
  init(unknown count: Int) {
    bytes = Array(repeating: 0, count: count)
    known = bytes
  }

  /// Writes known bytes at an offset.
  package mutating func put(_ new: [UInt8], at offset: Int) {
    for (index, byte) in new.enumerated() {
      bytes[offset + index] = byte
      known[offset + index] = 0xff
    }
  }

  /// Writes a 16-bit number in network order at an offset.
  package mutating func put(_ number: UInt16, at offset: Int) {
    put([UInt8(number >> 8), UInt8(number & 0xff)], at: offset)
  }

  /// Marks `count` bytes at an offset as unknown.
  mutating func forget(_ offset: Int, _ count: Int) {
    for index in offset..<(offset + count) { known[index] = 0 }
  }
}

/// A packet's headers, as far as its description determines them.
struct PacketHeaders: Sendable {
  /// IPv4 of 20 bytes (RFC 791 section 3.1) or IPv6 of 40 (RFC 8200 section 3).
  var network: PartlyKnown
  /// TCP, UDP, SCTP or ICMP; nothing is known about other protocols.
  var transport: PartlyKnown
  private let family: AddressFamily

  init(_ packet: Packet) {
    family = packet.family
    switch packet.family {
    case .ipv4:
      network = PartlyKnown(unknown: 20)
      network.put([0x45], at: 0)
      if let length = packet.length { network.put(length, at: 2) }
      // Fragments are reassembled before any rule sees them (nf_defrag, -400): no offset, no more fragments.
      // Whether the packet may be fragmented is unknown.
      network.known[6] = 0xbf
      network.known[7] = 0xff
      network.put([packet.hopLimit, packet.transport.number], at: 8)
      network.put(packet.source.bytes, at: 12)
      network.put(packet.destination.bytes, at: 16)
    case .ipv6:
      network = PartlyKnown(unknown: 40)
      network.bytes[0] = 0x60
      network.known[0] = 0xf0
      if let length = packet.length, length >= 40 { network.put(length - 40, at: 4) }
      network.put([packet.transport.number, packet.hopLimit], at: 6)
      network.put(packet.source.bytes, at: 8)
      network.put(packet.destination.bytes, at: 24)
    }
    switch packet.transport {
    case .tcp:
      transport = PartlyKnown(unknown: 20)
      transport.put([packet.tcpFlags.rawValue], at: 13)
    case .udp: transport = PartlyKnown(unknown: 8)
    case .sctp: transport = PartlyKnown(unknown: 12)
    case .icmp, .icmpv6:
      transport = PartlyKnown(unknown: 8)
      transport.put([packet.icmpType, packet.icmpCode], at: 0)
    default: transport = PartlyKnown(unknown: 0)
    }
    if packet.transport.hasPorts {
      transport.put(packet.sourcePort, at: 0)
      transport.put(packet.destinationPort, at: 2)
    }
  }

  /// The offsets of the addresses in the network header.
  private var sourceOffset: Int { family == .ipv4 ? 12 : 8 }
  private var destinationOffset: Int { family == .ipv4 ? 16 : 24 }

  /// Copies addresses, ports and hop limit from the packet after a translation or a hop.
  mutating func update(from packet: Packet, knowsSource: Knowledge) {
    network.put([packet.hopLimit], at: family == .ipv4 ? 8 : 7)
    network.put(packet.source.bytes, at: sourceOffset)
    network.put(packet.destination.bytes, at: destinationOffset)
    if packet.transport.hasPorts {
      transport.put(packet.sourcePort, at: 0)
      transport.put(packet.destinationPort, at: 2)
    }
    if knowsSource == .none { network.forget(sourceOffset, family.byteWidth) }
    if knowsSource != .whole, packet.transport.hasPorts { transport.forget(0, 2) }
  }
}

/// What is known about an address and port after a translation.
enum Knowledge: Sendable {
  case whole
  /// The address, but not the port.
  case address
  case none
}

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

  /// Writes the bits of a mask at an offset.
  mutating func put(known byte: UInt8, mask: UInt8, at offset: Int) {
    bytes[offset] = bytes[offset] & ~mask | byte & mask
    known[offset] |= mask
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
      // Fragments are reassembled before any rule sees them (nf_defrag, -400): no offset, no more fragments.
      // Whether the packet may be fragmented is unknown.
      network.known[6] = 0xbf
      network.known[7] = 0xff
    case .ipv6:
      network = PartlyKnown(unknown: 40)
      network.bytes[0] = 0x60
      network.known[0] = 0xf0
    }
    let length =
      switch packet.transport {
      case .tcp: 20
      case .udp, .icmp, .icmpv6: 8
      case .sctp: 12
      default: 0
      }
    transport = PartlyKnown(unknown: length)
    if let stated = packet.trafficClass ?? packet.ordinaryTrafficClass { setTrafficClass(stated, mask: 0xff) }
    for field in HeaderField.fields(of: .init(family)) { put(field, of: packet) }
    if packet.transport.hasPorts { for field in HeaderField.fields(of: .ports) { put(field, of: packet) } }
    // What the length says: that of a datagram, and that there is nothing but a TCP header without options.
    let payload = packet.length.map { Int($0) - network.bytes.count } ?? 0
    if packet.transport == .udp, payload >= 8 { transport.put(UInt16(payload), at: 4) }
    if packet.transport == .tcp, payload == 20 { transport.put(known: 0x50, mask: 0xf0, at: 12) }
    switch packet.transport {
    case .tcp: for field in HeaderField.fields(of: .tcp) { put(field, of: packet) }
    case .icmp, .icmpv6: for field in HeaderField.fields(of: .icmp) { put(field, of: packet) }
    default: break
    }
  }

  /// Writes the packet's value of a field of one of its headers.
  private mutating func put(_ field: HeaderField, of packet: Packet) {
    let place = field.bytes.offset
    switch field {
    case .ipv4HeaderLength: network.put([0x45], at: place)
    case .ipv4Length:
      if let length = packet.length ?? packet.ordinaryLength { network.put(length, at: place) }
    case .ipv6Length:
      if let length = packet.length ?? packet.ordinaryLength, length >= 40 {
        network.put(length - 40, at: place)
      }
    case .ipv4HopLimit, .ipv6HopLimit: network.put([packet.hopLimit], at: place)
    case .ipv4Protocol, .ipv6NextHeader: network.put([packet.transport.number], at: place)
    case .ipv4Source, .ipv6Source: network.put(packet.source.bytes, at: place)
    case .ipv4Destination, .ipv6Destination: network.put(packet.destination.bytes, at: place)
    case .sourcePort: transport.put(packet.sourcePort, at: place)
    case .destinationPort: transport.put(packet.destinationPort, at: place)
    case .tcpFlags: transport.put([packet.tcpFlags.rawValue], at: place)
    case .icmpType: transport.put([packet.icmpType], at: place)
    case .icmpCode: transport.put([packet.icmpCode], at: place)
    }
  }

  /// Which of the headers.
  enum Layer { case network, transport }

  /// The bytes of both headers.
  var length: UInt16 { UInt16(network.bytes.count + transport.bytes.count) }

  /// Replaces the bits of `mask` in the type of service (RFC 791) or the traffic class (RFC 8200).
  mutating func setTrafficClass(_ value: UInt8, mask: UInt8) {
    switch family {
    case .ipv4: network.put(known: value, mask: mask, at: 1)
    case .ipv6:
      network.put(known: value >> 4, mask: mask >> 4, at: 0)
      network.put(known: value << 4, mask: mask << 4, at: 1)
    }
  }

  /// Writes bytes of a header of which the bits in `mask` are known.
  mutating func put(_ bytes: [UInt8], known mask: [UInt8], _ layer: Layer, at offset: Int) {
    for (index, byte) in bytes.enumerated() {
      switch layer {
      case .network: (network.bytes[offset + index], network.known[offset + index]) = (byte, mask[index])
      case .transport:
        (transport.bytes[offset + index], transport.known[offset + index]) = (byte, mask[index])
      }
    }
  }

  /// Copies the fields of the headers to the packet. False if the packet would be of another protocol, or if one of these
  /// fields is not known.
  func read(into packet: inout Packet) -> Bool {
    var isKnown = true
    func bytes(_ field: HeaderField) -> [UInt8] {
      let header = field.bytes.base == NFT.payloadNetwork ? network : transport
      let places = field.bytes.offset..<field.bytes.end
      if !header.known[places].allSatisfy({ $0 == 0xff }) { isKnown = false }
      return Array(header.bytes[places])
    }
    func number(_ field: HeaderField) -> UInt16 { bytes(field).reduce(0) { $0 << 8 | UInt16($1) } }
    let isIPv4 = family == .ipv4
    guard bytes(isIPv4 ? .ipv4Protocol : .ipv6NextHeader) == [packet.transport.number],
      network.bytes[0] >> 4 == (isIPv4 ? 4 : 6),
      let source = IPAddress(bytes: bytes(isIPv4 ? .ipv4Source : .ipv6Source)),
      let destination = IPAddress(bytes: bytes(isIPv4 ? .ipv4Destination : .ipv6Destination))
    else { return false }
    (packet.source, packet.destination) = (source, destination)
    packet.hopLimit = bytes(isIPv4 ? .ipv4HopLimit : .ipv6HopLimit)[0]
    if packet.transport.hasPorts {
      (packet.sourcePort, packet.destinationPort) = (number(.sourcePort), number(.destinationPort))
    }
    switch packet.transport {
    case .tcp: packet.tcpFlags = TCPFlags(rawValue: bytes(.tcpFlags)[0])
    case .icmp, .icmpv6: (packet.icmpType, packet.icmpCode) = (bytes(.icmpType)[0], bytes(.icmpCode)[0])
    default: break
    }
    return isKnown
  }

  /// Copies addresses, ports and hop limit from the packet after a translation or a hop.
  mutating func update(from packet: Packet, knowsSource: Knowledge) {
    let (source, destination, hops): (HeaderField, HeaderField, HeaderField) =
      switch family {
      case .ipv4: (.ipv4Source, .ipv4Destination, .ipv4HopLimit)
      case .ipv6: (.ipv6Source, .ipv6Destination, .ipv6HopLimit)
      }
    put(source, of: packet)
    put(destination, of: packet)
    put(hops, of: packet)
    if knowsSource == .none { network.forget(source.bytes.offset, source.bytes.length) }
    guard packet.transport.hasPorts else { return }
    for field in HeaderField.fields(of: .ports) { put(field, of: packet) }
    if knowsSource != .whole {
      transport.forget(HeaderField.sourcePort.bytes.offset, HeaderField.sourcePort.bytes.length)
    }
  }
}

/// What is known about an address and port after a translation.
enum Knowledge: Sendable {
  case whole
  /// The address, but not the port.
  case address
  case none
}

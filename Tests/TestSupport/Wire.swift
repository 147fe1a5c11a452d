// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PacketWalk
public import Ruleset

/// Packets as bytes: made from their description, and read back when they are seen. Every packet carries a
/// number that identifies it: TCP in its sequence number, all others in their payload.
public enum Wire {
  /// The fields of a packet that was seen.
  public struct Seen: Hashable, CustomStringConvertible {
    /// The source; nil if it was not seen with its header.
    public var source: IPAddress?
    /// The destination; nil if it was not seen with its header.
    public var destination: IPAddress?
    /// The transport protocol.
    public var transport: IPProtocol
    /// The source port.
    public var sourcePort: UInt16 = 0
    /// The destination port.
    public var destinationPort: UInt16 = 0
    /// The flags of TCP.
    public var flags: TCPFlags = []
    /// The acknowledged number of TCP.
    public var acknowledged: UInt32 = 0
    /// The number that identifies it.
    public var id: UInt32 = 0
    /// The type of an ICMP or ICMPv6 packet.
    public var icmpType: UInt8?
    /// For an ICMP error: the number of the packet that it is about.
    public var about: UInt32?

    /// Protocol, source and destination.
    public var description: String {
      "\(transport) \(source.map(\.description) ?? "?"):\(sourcePort) -> \(destination.map(\.description) ?? "?"):\(destinationPort)"
    }
  }

  /// The packet's bytes, from the network header on. `ident` is the identifier of an ICMP echo, `segmentSize` the TCP option of a
  /// maximum segment size in bytes, if it has one.
  public static func bytes(_ packet: Packet, id: UInt32, ident: UInt16, segmentSize: UInt16? = nil) -> [UInt8]
  {
    let options: [UInt8] = segmentSize.map { [2, 4] + big($0) } ?? []
    let transport = transportBytes(packet, id: id, ident: ident, options: options)
    switch packet.family {
    case .ipv4:
      var header: [UInt8] =
        [0x45, 0] + big(UInt16(20 + transport.count)) + big(UInt16(truncatingIfNeeded: id))
      header += [0x40, 0, packet.hopLimit, packet.transport.number, 0, 0]
      header += packet.source.bytes + packet.destination.bytes
      header.replaceSubrange(10..<12, with: big(checksum(header)))
      return header + transport
    case .ipv6:
      return [0x60, 0, 0, 0] + big(UInt16(transport.count)) + [packet.transport.number, packet.hopLimit]
        + packet.source.bytes + packet.destination.bytes + transport
    }
  }

  /// `options` are whole words of 4 bytes.
  private static func transportBytes(_ packet: Packet, id: UInt32, ident: UInt16, options: [UInt8])
    -> [UInt8]
  {
    let mark: [UInt8] = Array("WF".utf8) + big(id)
    var bytes: [UInt8]
    let place: Int
    switch packet.transport {
    case .tcp:
      let acknowledged = packet.tcpFlags.contains(.ack) ? id : 0
      bytes = big(packet.sourcePort) + big(packet.destinationPort) + big(id) + big(acknowledged)
      let words = UInt8(5 + options.count / 4)
      bytes += [words << 4, packet.tcpFlags.rawValue, 0x20, 0, 0, 0, 0, 0] + options
      place = 16
    case .udp:
      bytes =
        big(packet.sourcePort) + big(packet.destinationPort) + big(UInt16(8 + mark.count)) + [0, 0] + mark
      place = 6
    case .icmp, .icmpv6:
      bytes = [packet.icmpType, packet.icmpCode, 0, 0] + big(ident) + [0, 1] + mark
      place = 2
    default: return mark + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    }
    var summed = bytes
    if packet.transport != .icmp {
      summed =
        packet.source.bytes + packet.destination.bytes + big(UInt32(bytes.count)) + [
          0, 0, 0, packet.transport.number,
        ]
        + bytes
    }
    let sum = checksum(summed)
    bytes.replaceSubrange(place..<(place + 2), with: big(sum == 0 && packet.transport == .udp ? 0xffff : sum))
    return bytes
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for index in stride(from: 0, to: bytes.count, by: 2) {
      sum += UInt32(bytes[index]) << 8 | UInt32(index + 1 < bytes.count ? bytes[index + 1] : 0)
    }
    while sum >> 16 != 0 { sum = sum & 0xffff + sum >> 16 }
    return ~UInt16(truncatingIfNeeded: sum)
  }

  private static func big(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xff)] }
  private static func big(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> UInt32($0)) }
  }

  /// Reads a packet from its network header on; nil if it is not IP.
  public static func read(_ bytes: ArraySlice<UInt8>) -> Seen? {
    let start = bytes.startIndex
    guard let first = bytes.first else { return nil }
    if first >> 4 == 4, bytes.count >= 20 {
      let length = Int(first & 15) * 4
      guard bytes.count >= length else { return nil }
      var seen = readTransport(bytes.dropFirst(length), IPProtocol(number: bytes[start + 9]))
      seen.source = IPAddress(bytes: bytes[(start + 12)..<(start + 16)])
      seen.destination = IPAddress(bytes: bytes[(start + 16)..<(start + 20)])
      return seen
    }
    guard first >> 4 == 6, bytes.count >= 40 else { return nil }
    var seen = readTransport(bytes.dropFirst(40), IPProtocol(number: bytes[start + 6]))
    seen.source = IPAddress(bytes: bytes[(start + 8)..<(start + 24)])
    seen.destination = IPAddress(bytes: bytes[(start + 24)..<(start + 40)])
    return seen
  }

  /// Reads from the transport header on.
  public static func readTransport(_ bytes: ArraySlice<UInt8>, _ transport: IPProtocol) -> Seen {
    var seen = Seen(transport: transport)
    let start = bytes.startIndex
    func number(_ offset: Int, _ width: Int) -> UInt32 {
      guard offset + width <= bytes.count else { return 0 }
      return bytes[(start + offset)..<(start + offset + width)].reduce(0) { $0 << 8 | UInt32($1) }
    }
    func marked(_ offset: Int) -> UInt32 { number(offset, 2) == 0x5746 ? number(offset + 2, 4) : 0 }
    switch transport {
    case .tcp:
      (seen.sourcePort, seen.destinationPort) = (UInt16(number(0, 2)), UInt16(number(2, 2)))
      (seen.id, seen.acknowledged) = (number(4, 4), number(8, 4))
      seen.flags = TCPFlags(rawValue: UInt8(number(13, 1)))
    case .udp:
      (seen.sourcePort, seen.destinationPort) = (UInt16(number(0, 2)), UInt16(number(2, 2)))
      seen.id = marked(8)
    case .icmp, .icmpv6:
      let type = number(0, 1)
      seen.icmpType = UInt8(type)
      let isError = transport == .icmp ? [3, 4, 5, 11, 12].contains(type) : type < 128
      if isError {
        seen.about = read(bytes.dropFirst(8))?.id
      } else {
        seen.id = marked(8)
      }
    default: seen.id = marked(0)
    }
    return seen
  }
}

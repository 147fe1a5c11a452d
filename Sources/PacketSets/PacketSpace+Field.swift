// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketWalk
internal import Ruleset

extension PacketSpace {
  /// What a ruleset may match. Numbers are in the order in which they are compared: addresses, ports and
  /// names as in the header, the others by value.
  ///
  /// Spaces are cut in the order of the cases. Fields with few values are first: then spaces are cut into few
  /// pieces, and sources, of which there are many, stay sets.
  public enum Field: Int, CaseIterable, Sendable {
    /// What connection tracking knows about it: the index in `Connection.all`.
    case connection
    /// `AddressType` of the destination.
    case destinationType
    /// The destination of its frame: `PacketType`.
    case packetType
    /// Whether the packet has the tag (`PacketTag`): 1 or 0.
    case tag
    /// What the packet has beside the fixed header. Of IPv4 the first byte of the header, which says how long the options
    /// are: 0x45 without any. Of IPv6 43 (`SourceRoute.routingHeader`) if it has a routing header, else 0.
    case options
    /// `LinkType` of the input interface.
    case inputType
    /// `LinkType` of the output interface.
    case outputType
    /// The input interface: its name, zero-padded to 16 bytes, as a number; 0 if this host made the packet.
    case input
    /// The output interface, in the same form; 0 if the packet is for this host or not routed yet.
    case output
    /// Transport protocol and destination port or ICMP type: see `Service`.
    case service
    /// The protocol and destination port before any translation, as `Service`; for packets without ports the
    /// same as `service`.
    case originalService
    /// The first two bytes of the transport header: the source port, if the protocol has ports.
    case sourcePort
    /// TTL or hop limit.
    case hopLimit
    /// Flags of the TCP header.
    case tcpFlags
    /// Destination address.
    case destination
    /// Source address.
    case source
  }
}

extension PacketSpace.Field {
  /// Names have between 1 and 15 bytes, and no byte is zero before the last.
  private static let names = IntervalSet(UInt128(1) << 120, .max)
  private static let addresses = AddressFamily.allCases.map {
    IntervalSet(0, $0 == .ipv4 ? 0xffff_ffff : .max)
  }
  private static let services = IntervalSet(0, 0xff_ffff)
  private static let words = IntervalSet(0, 0xffff)
  private static let bits = IntervalSet(0, 1)
  private static let packetTypes = IntervalSet(PacketType.allCases.map { UInt128($0.rawValue) })
  private static let bytes = IntervalSet(0, 0xff)
  private static let connections = IntervalSet(0, UInt128(PacketSpace.Connection.all.count - 1))
  private static let addressTypes = IntervalSet(1, 8)
  private static let optionValues = AddressFamily.allCases.map {
    $0 == .ipv4
      ? IntervalSet(0x45, 0x4f) : IntervalSet([0, UInt128(SourceRoute.routingHeader.rawValue)])
  }

  /// The values of `options` in packets that have none.
  package static let noOptions = IntervalSet([0, 0x45])
  /// The values of `options` in packets with IPv4 options of more than four bytes, or a routing header.
  package static let sourceRoutes = IntervalSet(
    UInt128(IPv4Options.longHeader.lowerBound) + 0x40, UInt128(IPv4Options.longHeader.upperBound) + 0x40
  ).union(IntervalSet(UInt128(SourceRoute.routingHeader.rawValue)))

  /// Every value that it can have in packets of a family.
  func universe(_ family: AddressFamily) -> IntervalSet {
    switch self {
    case .input, .output: Self.names
    case .source, .destination: Self.addresses[family == .ipv4 ? 0 : 1]
    case .service, .originalService: Self.services
    case .sourcePort, .inputType, .outputType: Self.words
    case .hopLimit, .tcpFlags: Self.bytes
    case .connection: Self.connections
    case .destinationType: Self.addressTypes
    case .packetType: Self.packetTypes
    case .tag: Self.bits
    case .options: Self.optionValues[family == .ipv4 ? 0 : 1]
    }
  }

  /// Its value in a packet; nil if such a packet does not have the field.
  func value(of packet: Packet) -> UInt128? {
    switch self {
    case .input: packet.input.map(PacketSpace.number) ?? 0
    case .output: packet.output.map(PacketSpace.number) ?? 0
    case .source: packet.source.bits
    case .destination: packet.destination.bits
    case .service: PacketSpace.Service.number(packet)
    case .sourcePort: packet.transport.hasPorts ? UInt128(packet.sourcePort) : nil
    case .hopLimit: UInt128(packet.hopLimit)
    case .tcpFlags: packet.transport == .tcp ? UInt128(packet.tcpFlags.rawValue) : nil
    case .connection:
      PacketSpace.Connection.all.firstIndex(of: PacketSpace.Connection(packet)).map { UInt128($0) }
    case .destinationType: UInt128(packet.destinationType.rawValue)
    case .inputType: packet.inputType.map { UInt128($0.rawValue) }
    case .outputType: packet.outputType.map { UInt128($0.rawValue) }
    case .originalService:
      packet.transport.hasPorts
        ? PacketSpace.Service.number(
          packet.transport,
          port: packet.status.contains(.destinationNAT)
            ? packet.flow?.original.destinationPort ?? packet.destinationPort : packet.destinationPort)
        : PacketSpace.Service.number(packet)
    case .packetType: packet.likelyPacketType.map { UInt128($0) }
    case .tag: packet.mark & PacketTag.bit == 0 ? 0 : 1
    case .options: packet.family == .ipv4 ? 0x45 : 0
    }
  }

  /// Gives a packet a value of the field. `pick` takes one of the space's values, if possible one of the
  /// wishes. Its interfaces, addresses, service and ports, from which the packet is made, are not changed.
  func put(into packet: inout Packet, _ pick: (Self, [UInt128]) -> UInt128) {
    let links = [LinkType.ethernet, .linkless].map { UInt128($0.rawValue) }
    switch self {
    case .input, .output, .source, .destination, .service, .sourcePort, .connection, .originalService: break
    // Packets of the walk have none.
    case .options: break
    case .packetType: packet.packetType = UInt8(truncatingIfNeeded: pick(self, [0]))
    case .tag: packet.mark = pick(self, [0]) == 0 ? 0 : PacketTag.bit
    case .hopLimit: packet.hopLimit = UInt8(truncatingIfNeeded: pick(self, [64]))
    case .tcpFlags:
      guard packet.transport == .tcp else { break }
      packet.tcpFlags = TCPFlags(rawValue: UInt8(truncatingIfNeeded: pick(self, [2, 16])))
    case .destinationType:
      let type = UInt32(truncatingIfNeeded: pick(self, [2, 1]))
      packet.destinationType = AddressType(rawValue: type) ?? .unicast
    case .inputType: packet.inputType = LinkType(rawValue: UInt16(truncatingIfNeeded: pick(self, links)))
    case .outputType: packet.outputType = LinkType(rawValue: UInt16(truncatingIfNeeded: pick(self, links)))
    }
  }
}

extension PacketSpace {
  /// What a rule compares, as far as packet spaces know it.
  enum Part {
    /// A whole field.
    case whole(Field)
    /// The family of the packets, which is known: conditions on it are decided when the rule is read.
    case family
    case transport
    /// The mark, of which only the tag is known.
    case mark
    case destinationPort
    case icmpType
    /// The destination port before any translation.
    case originalPort
    /// Whether there is a source route: 1 or 0.
    case sourceRoute(SourceRoute)
    case state
    case direction
    case status

    /// The largest of its values: for a property of the connection, of those that a packet space distinguishes.
    var largest: UInt128 {
      switch self {
      case .whole(let field):
        AddressFamily.allCases.compactMap { field.universe($0).intervals.last?.upper }.max() ?? .max
      case .destinationPort, .originalPort: 0xffff
      case .mark: 0xffff_ffff
      case .family, .transport, .icmpType, .sourceRoute, .state, .direction, .status: 0xff
      }
    }

    /// The part of the packet that a field of the catalogue is; nil if packet spaces do not know it.
    init?(_ field: PacketField) {
      switch field {
      case .meta(.inputName): self = .whole(.input)
      case .meta(.outputName): self = .whole(.output)
      case .meta(.inputType): self = .whole(.inputType)
      case .meta(.outputType): self = .whole(.outputType)
      case .meta(.packetType): self = .whole(.packetType)
      case .meta(.family): self = .family
      case .meta(.transport): self = .transport
      case .meta(.mark): self = .mark
      case .meta(.length), .meta(.etherType), .meta(.inputIndex), .meta(.outputIndex),
        .meta(.user), .meta(.group), .meta(.inputGroup), .meta(.outputGroup), .meta(.controlGroup),
        .meta(.security), .meta(.priority), .meta(.realm), .meta(.inputBridge), .meta(.outputBridge),
        .meta(.processor), .meta(.random), .meta(.inputKind), .meta(.outputKind), .meta(.time), .meta(.day),
        .meta(.hour):
        return nil
      case .header(.ipv4Source), .header(.ipv6Source): self = .whole(.source)
      case .header(.ipv4Destination), .header(.ipv6Destination): self = .whole(.destination)
      case .header(.ipv4HopLimit), .header(.ipv6HopLimit): self = .whole(.hopLimit)
      case .header(.sourcePort): self = .whole(.sourcePort)
      case .header(.destinationPort): self = .destinationPort
      case .header(.tcpFlags): self = .whole(.tcpFlags)
      case .header(.icmpType): self = .icmpType
      case .header(.ipv4HeaderLength): self = .whole(.options)
      case .header(.icmpCode), .header(.ipv4Length), .header(.ipv6Length), .header(.ipv4Protocol),
        .header(.ipv6NextHeader):
        return nil
      case .connection(.state, nil): self = .state
      case .connection(.direction, nil): self = .direction
      case .connection(.status, nil): self = .status
      case .connection(.destinationPort, .original): self = .originalPort
      case .connection(.state, _), .connection(.direction, _), .connection(.status, _),
        .connection(.destinationPort, _), .connection(.sourcePort, _), .connection(.mark, _),
        .connection(.family, _), .connection(.source, _), .connection(.destination, _),
        .connection(.expiration, _), .connection(.helper, _), .connection(.labels, _),
        .connection(.packets, _), .connection(.bytes, _), .connection(.average, _),
        .connection(.identifier, _), .connection(.transport, _), .connection(.zone, _),
        .connection(.ipv4Source, _),
        .connection(.ipv4Destination, _), .connection(.ipv6Source, _), .connection(.ipv6Destination, _):
        return nil
      case .route(.addressType, NFT.fibDestination): self = .whole(.destinationType)
      case .route(.addressType, _), .route(.outputIndex, _), .route(.outputName, _): return nil
      case .sourceRoute(let route): self = .sourceRoute(route)
      }
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A set of packets of one family: for each field the values that it may have, independently of the others.
///
/// What a ruleset does is the same for all packets of such a class, or the class is split where it is not. So questions
/// about all packets there can be are answered by as many classes as the ruleset tells apart.
public struct PacketSpace: Sendable, Hashable {
  /// What a ruleset may ask of a packet. Numbers are in the order in which they are compared: addresses, ports and names
  /// as in the header, the others by value.
  public enum Field: Int, CaseIterable, Sendable {
    /// The interface by which it came: its name, zero-padded to 16 bytes, as a number; 0 where this host made it.
    case input
    /// The interface by which it leaves, likewise; 0 where it is for this host, or not routed yet.
    case output
    /// Source address.
    case source
    /// Destination address.
    case destination
    /// Transport protocol (RFC 791 section 3.1, RFC 8200 section 3).
    case transport
    /// The first two bytes of the transport header: the source port where there are ports.
    case sourcePort
    /// The next two bytes of the transport header: the destination port where there are ports.
    case destinationPort
    /// ICMP or ICMPv6 type.
    case icmpType
    /// TTL or hop limit.
    case hopLimit
    /// Flags of the TCP header.
    case tcpFlags
    /// One bit of `ConnectionStates`.
    case state
    /// `ConnectionDirection`; nothing where no connection is known.
    case direction
    /// The bits of `ConnectionStatus`; nothing where no connection is known.
    case status
    /// `AddressType` of the destination.
    case destinationType
  }

  /// The family of all its packets.
  public let family: AddressFamily
  private var sets: [IntervalSet]

  /// Every packet of a family at a place where packets have (or lack) an input and an output interface.
  public init(_ family: AddressFamily, input: Presence, output: Presence) {
    self.family = family
    sets = Self.universe[family == .ipv4 ? 0 : 1]
    if input == .absent { self[.input] = IntervalSet(0) }
    if output == .absent { self[.output] = IntervalSet(0) }
  }

  /// Whether packets have an interface on a side.
  public enum Presence: Sendable {
    case present
    case absent
  }

  /// Names have between 1 and 15 bytes, and no byte is zero before the last.
  private static let names = IntervalSet(UInt128(1) << 120, .max)

  private static let universe: [[IntervalSet]] = AddressFamily.allCases.map { family in
    let addresses = IntervalSet(0, family == .ipv4 ? 0xffff_ffff : .max)
    return Field.allCases.map { field in
      switch field {
      case .input, .output: names
      case .source, .destination: addresses
      case .sourcePort, .destinationPort: IntervalSet(0, 0xffff)
      case .transport, .icmpType, .hopLimit, .tcpFlags: IntervalSet(0, 0xff)
      case .state: IntervalSet([1, 2, 4, 8, 64] as [UInt128])
      case .direction: IntervalSet(0, 1)
      // Every combination of IPS_SRC_NAT and IPS_DST_NAT: no rule of ours asks for another bit.
      case .status: IntervalSet([0x00, 0x10, 0x20, 0x30] as [UInt128])
      case .destinationType: IntervalSet(1, 8)
      }
    }
  }

  /// The values of a field.
  public subscript(_ field: Field) -> IntervalSet {
    get { sets[field.rawValue] }
    set { sets[field.rawValue] = newValue }
  }

  /// Whether it holds no packet.
  public var isEmpty: Bool { sets.contains(where: \.isEmpty) }

  /// Only packets whose field has one of these values; nil where there is none.
  public func narrowed(_ field: Field, to values: IntervalSet) -> PacketSpace? {
    let kept = self[field].intersection(values)
    if kept.isEmpty { return nil }
    var space = self
    space[field] = kept
    return space
  }

  /// Only packets whose field has none of these values; nil where there is none.
  public func narrowed(_ field: Field, outside values: IntervalSet) -> PacketSpace? {
    let kept = self[field].subtracting(values)
    if kept.isEmpty { return nil }
    var space = self
    space[field] = kept
    return space
  }

  /// The packets in both; nil where there is none.
  public func intersection(_ other: PacketSpace) -> PacketSpace? {
    guard family == other.family else { return nil }
    var space = self
    for place in sets.indices {
      space.sets[place] = sets[place].intersection(other.sets[place])
      if space.sets[place].isEmpty { return nil }
    }
    return space
  }

  /// The packets in this that are not in the other, as classes that have no packet in common.
  public func subtracting(_ other: PacketSpace) -> [PacketSpace] {
    guard intersection(other) != nil else { return [self] }
    var result: [PacketSpace] = []
    var rest = self
    for field in Self.cuttingOrder {
      if let outside = rest.narrowed(field, outside: other[field]) {
        result.append(outside)
        rest[field] = rest[field].intersection(other[field])
      }
    }
    return result
  }

  /// Fields of few values first: classes are cut into few pieces then, and sources, of which there are many, stay sets.
  private static let cuttingOrder: [Field] = [
    .state, .direction, .status, .destinationType, .input, .output, .transport, .destinationPort, .icmpType,
    .sourcePort, .hopLimit, .tcpFlags, .destination, .source,
  ]

  /// More classes than these are left as they are: pairs of them would be too many to look at.
  private static let mostCoalesced = 64

  /// The same packets in fewer classes, where two differ in one field alone.
  package static func coalesced(_ spaces: [PacketSpace]) -> [PacketSpace] {
    if spaces.count < 2 || spaces.count > mostCoalesced { return spaces }
    var result: [PacketSpace] = []
    for space in spaces {
      var space = space
      var place = 0
      while place < result.count {
        if let joined = result[place].joined(space) {
          space = joined
          result.swapAt(place, result.count - 1)
          result.removeLast()
          place = 0
        } else {
          place += 1
        }
      }
      result.append(space)
    }
    return result
  }

  /// Both as one class; nil where they differ in more than one field.
  private func joined(_ other: PacketSpace) -> PacketSpace? {
    guard family == other.family else { return nil }
    var different: Int?
    for place in sets.indices where sets[place] != other.sets[place] {
      if different != nil { return nil }
      different = place
    }
    guard let different else { return self }
    var space = self
    space.sets[different] = sets[different].union(other.sets[different])
    return space
  }
}

extension PacketSpace {
  /// The number of an interface's name, as the fields have it.
  public static func number(_ name: InterfaceName) -> UInt128 {
    SetKey.interface(name).reduce(0) { $0 << 8 | UInt128($1) }
  }

  /// The numbers of the names that a pattern matches.
  public static func names(_ pattern: InterfacePattern) -> IntervalSet {
    switch pattern {
    case .exact(let name): return IntervalSet(number(name))
    case .beginning(let start):
      let rest = UInt128(8 * (16 - start.description.utf8.count))
      let lower = number(start)
      return IntervalSet(lower, lower | ((UInt128(1) << rest) - 1))
    }
  }

  /// The addresses of these prefixes that are of the family.
  public static func addresses(_ prefixes: some Sequence<Prefix>, _ family: AddressFamily) -> IntervalSet {
    IntervalSet(ranges: prefixes.filter { $0.family == family }.map { ($0.address.bits, $0.last.bits) })
  }

  /// Whether a packet is one of these.
  public func contains(_ packet: Packet) -> Bool {
    packet.family == family
      && Field.allCases.allSatisfy { field in Self.value(field, packet).map(self[field].contains) ?? true }
  }

  /// The value of a packet's field; nil where a packet of its kind has no such field.
  private static func value(_ field: Field, _ packet: Packet) -> UInt128? {
    let isTracked = packet.state.isDisjoint(with: [.invalid, .untracked])
    switch field {
    case .input: return packet.input.map(number) ?? 0
    case .output: return packet.output.map(number) ?? 0
    case .source: return packet.source.bits
    case .destination: return packet.destination.bits
    case .transport: return UInt128(packet.transport.number)
    case .sourcePort: return packet.transport.hasPorts ? UInt128(packet.sourcePort) : nil
    case .destinationPort: return packet.transport.hasPorts ? UInt128(packet.destinationPort) : nil
    case .icmpType: return [.icmp, .icmpv6].contains(packet.transport) ? UInt128(packet.icmpType) : nil
    case .hopLimit: return UInt128(packet.hopLimit)
    case .tcpFlags: return packet.transport == .tcp ? UInt128(packet.tcpFlags.rawValue) : nil
    case .state: return UInt128(packet.state.rawValue)
    case .direction: return isTracked ? UInt128(packet.direction.rawValue) : nil
    case .status: return isTracked ? UInt128(packet.status.rawValue) : nil
    case .destinationType: return UInt128(packet.destinationType.rawValue)
    }
  }

  /// One of the packets, as plain as they come: a first packet from a high port where they allow it.
  public func sample() -> Packet {
    func pick(_ field: Field, _ wishes: [UInt128] = []) -> UInt128 {
      wishes.first { self[field].contains($0) } ?? self[field].first ?? 0
    }
    func name(_ field: Field) -> InterfaceName? {
      if self[field].single == 0 { return nil }
      let wishes = ["eth0", "eth1", "internet", "other0"].compactMap { InterfaceName($0) }
      if let wish = wishes.first(where: { self[field].contains(Self.number($0)) }) { return wish }
      // A name, or the beginning of names.
      for interval in self[field].intervals {
        let bytes = IPAddress(family: .ipv6, bits: interval.lower).bytes
        let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        if let found = [text, text + "0"].lazy.compactMap({ InterfaceName($0) }).first(where: {
          self[field].contains(Self.number($0))
        }) {
          return found
        }
      }
      return nil
    }
    func address(_ field: Field) -> IPAddress {
      let wishes: [UInt128] =
        family == .ipv4 ? [0xc633_6417, 0xc000_0217] : [0x2001_0db8 << 96 | 0x17, 0x2620_00fe << 96 | 9]
      return IPAddress(family: family, bits: pick(field, wishes))
    }
    let transport = IPProtocol(
      number: UInt8(truncatingIfNeeded: pick(.transport, [6, 17, family == .ipv4 ? 1 : 58])))
    var packet = Packet(
      source: address(.source), destination: address(.destination), transport: transport,
      sourcePort: UInt16(truncatingIfNeeded: pick(.sourcePort, [40_000])),
      destinationPort: UInt16(truncatingIfNeeded: pick(.destinationPort, [22, 80, 5432])),
      input: name(.input), output: name(.output))
    packet.tcpFlags =
      transport == .tcp
      ? TCPFlags(rawValue: UInt8(truncatingIfNeeded: pick(.tcpFlags, [2, 16]))) : []
    packet.icmpType = UInt8(truncatingIfNeeded: pick(.icmpType, [family == .ipv4 ? 8 : 128]))
    packet.hopLimit = UInt8(truncatingIfNeeded: pick(.hopLimit, [64]))
    packet.state = ConnectionStates(rawValue: UInt32(truncatingIfNeeded: pick(.state, [8, 2])))
    packet.direction = pick(.direction, [0]) == 0 ? .original : .reply
    packet.status = ConnectionStatus(rawValue: UInt32(truncatingIfNeeded: pick(.status, [0])))
    packet.destinationType =
      AddressType(rawValue: UInt32(truncatingIfNeeded: pick(.destinationType, [2, 1]))) ?? .unicast
    return packet
  }
}

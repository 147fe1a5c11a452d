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
    /// Transport protocol and what it goes to: see `Service`.
    case service
    /// The first two bytes of the transport header: the source port where there are ports.
    case sourcePort
    /// TTL or hop limit.
    case hopLimit
    /// Flags of the TCP header.
    case tcpFlags
    /// What conntrack knows of it: its place in `Connection.all`.
    case connection
    /// `AddressType` of the destination.
    case destinationType
  }

  /// The family of all its packets.
  public let family: AddressFamily
  private var fields: Fields

  /// The sets of the fields, nil where a field may have any value. Spaces are copied much more often than they are
  /// narrowed: a copy is one reference, where a value would be one for each field.
  private final class Fields: Sendable {
    let sets: InlineArray<10, IntervalSet?>
    init(_ sets: InlineArray<10, IntervalSet?>) { self.sets = sets }
  }

  /// Every packet of a family at a place where packets have (or lack) an input and an output interface.
  public init(_ family: AddressFamily, input: Presence, output: Presence) {
    self.family = family
    fields = Fields(InlineArray(repeating: nil))
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
  private static let addresses = AddressFamily.allCases.map {
    IntervalSet(0, $0 == .ipv4 ? 0xffff_ffff : .max)
  }
  private static let services = IntervalSet(0, 0xff_ffff)
  private static let words = IntervalSet(0, 0xffff)
  private static let bytes = IntervalSet(0, 0xff)
  private static let connections = IntervalSet(0, UInt128(Connection.all.count - 1))
  private static let addressTypes = IntervalSet(1, 8)

  /// Every value that a field can have.
  private static func universe(_ field: Field, _ family: AddressFamily) -> IntervalSet {
    switch field {
    case .input, .output: names
    case .source, .destination: addresses[family == .ipv4 ? 0 : 1]
    case .service: services
    case .sourcePort: words
    case .hopLimit, .tcpFlags: bytes
    case .connection: connections
    case .destinationType: addressTypes
    }
  }

  /// The values of a field.
  public subscript(_ field: Field) -> IntervalSet {
    get { fields.sets[field.rawValue] ?? Self.universe(field, family) }
    set {
      var sets = fields.sets
      sets[field.rawValue] = newValue == Self.universe(field, family) ? nil : newValue
      fields = Fields(sets)
    }
  }

  /// Whether it holds no packet.
  public var isEmpty: Bool { Field.allCases.contains { fields.sets[$0.rawValue]?.isEmpty ?? false } }

  /// Whether some of its packets have one of these values in a field.
  public func mayHave(_ field: Field, _ values: IntervalSet) -> Bool {
    if let own = fields.sets[field.rawValue] { return !own.isDisjoint(with: values) }
    return !Self.universe(field, family).isDisjoint(with: values)
  }

  /// Only packets whose field has one of these values; nil where there is none.
  public func narrowed(_ field: Field, to values: IntervalSet) -> PacketSpace? {
    if values.holdsInOneRange(fields.sets[field.rawValue]) { return self }
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

  /// Whether no packet is in both.
  public func isDisjoint(with other: PacketSpace) -> Bool {
    if family != other.family { return true }
    for field in Self.cuttingOrder {
      guard let one = fields.sets[field.rawValue], let two = other.fields.sets[field.rawValue] else {
        continue
      }
      if one.isDisjoint(with: two) { return true }
    }
    return false
  }

  /// The packets in both; nil where there is none.
  public func intersection(_ other: PacketSpace) -> PacketSpace? {
    if isDisjoint(with: other) { return nil }
    var both = fields.sets
    for place in both.indices {
      guard let two = other.fields.sets[place] else { continue }
      both[place] = both[place].map { $0.intersection(two) } ?? two
    }
    var space = self
    space.fields = Fields(both)
    return space
  }

  /// The packets in this that are not in the other, as classes that have no packet in common.
  public func subtracting(_ other: PacketSpace) -> [PacketSpace] {
    if isDisjoint(with: other) { return [self] }
    var result: [PacketSpace] = []
    var rest = self
    for field in Self.cuttingOrder where other.fields.sets[field.rawValue] != nil {
      if let outside = rest.narrowed(field, outside: other[field]) {
        result.append(outside)
        rest[field] = rest[field].intersection(other[field])
      }
    }
    return result
  }

  /// Fields of few values first: classes are cut into few pieces then, and sources, of which there are many, stay sets.
  private static let cuttingOrder: [Field] = [
    .connection, .destinationType, .input, .output, .service, .sourcePort, .hopLimit, .tcpFlags,
    .destination, .source,
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
    var different: Field?
    for field in Field.allCases where fields.sets[field.rawValue] != other.fields.sets[field.rawValue] {
      if different != nil { return nil }
      different = field
    }
    guard let different else { return self }
    var space = self
    space[different] = self[different].union(other[different])
    return space
  }

  /// Whether both hold the same packets in the same form.
  public static func == (left: Self, right: Self) -> Bool {
    left.family == right.family && left.fields === right.fields
      || left.family == right.family
        && left.fields.sets.indices.allSatisfy { left.fields.sets[$0] == right.fields.sets[$0] }
  }

  /// Hashes what makes two equal.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(family)
    for place in fields.sets.indices { hasher.combine(fields.sets[place]) }
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
    switch field {
    case .input: packet.input.map(number) ?? 0
    case .output: packet.output.map(number) ?? 0
    case .source: packet.source.bits
    case .destination: packet.destination.bits
    case .service: Service.number(packet)
    case .sourcePort: packet.transport.hasPorts ? UInt128(packet.sourcePort) : nil
    case .hopLimit: UInt128(packet.hopLimit)
    case .tcpFlags: packet.transport == .tcp ? UInt128(packet.tcpFlags.rawValue) : nil
    case .connection: Connection.all.firstIndex(of: Connection(packet)).map { UInt128($0) }
    case .destinationType: UInt128(packet.destinationType.rawValue)
    }
  }

  /// One of the packets, as plain as they come: a first packet from a high port where they allow it.
  public func sample() -> Packet {
    func pick(_ field: Field, _ wishes: [UInt128] = []) -> UInt128 {
      wishes.first { self[field].contains($0) } ?? self[field].first ?? 0
    }
    func address(_ field: Field) -> IPAddress {
      let wishes: [UInt128] =
        family == .ipv4 ? [0xc633_6417, 0xc000_0217] : [0x2001_0db8 << 96 | 0x17, 0x2620_00fe << 96 | 9]
      return IPAddress(family: family, bits: pick(field, wishes))
    }
    let wishes: [(IPProtocol, UInt16)] = [(.tcp, 22), (.tcp, 80), (.tcp, 5432), (.udp, 53), (.tcp, 9)]
    let service = pick(
      .service, wishes.map { Service.number($0.0, port: $0.1) } + [Service.echoRequest(family)])
    let transport = IPProtocol(number: UInt8(truncatingIfNeeded: service >> 16))
    var packet = Packet(
      source: address(.source), destination: address(.destination), transport: transport,
      sourcePort: UInt16(truncatingIfNeeded: pick(.sourcePort, [40_000])),
      destinationPort: UInt16(truncatingIfNeeded: service), input: name(.input), output: name(.output))
    if transport == .tcp {
      packet.tcpFlags = TCPFlags(rawValue: UInt8(truncatingIfNeeded: pick(.tcpFlags, [2, 16])))
    }
    packet.icmpType = UInt8(truncatingIfNeeded: service >> 8)
    packet.hopLimit = UInt8(truncatingIfNeeded: pick(.hopLimit, [64]))
    let plain = [ConnectionStates.new, .established].map { state in
      UInt128(Connection.all.firstIndex { $0.state == state && $0.direction == .original } ?? 0)
    }
    let connection = Connection.all[Int(pick(.connection, plain))]
    packet.state = connection.state
    packet.direction = connection.direction ?? .original
    packet.status = connection.status ?? []
    packet.destinationType =
      AddressType(rawValue: UInt32(truncatingIfNeeded: pick(.destinationType, [2, 1]))) ?? .unicast
    return packet
  }

  /// An interface of a field, under a name that it can have.
  private func name(_ field: Field) -> InterfaceName? {
    if self[field].single == 0 { return nil }
    let wishes = ["eth0", "eth1", "internet", "other0"].compactMap { InterfaceName($0) }
    if let wish = wishes.first(where: { self[field].contains(Self.number($0)) }) { return wish }
    // A name, or the beginning of names.
    for interval in self[field].intervals {
      let bytes = IPAddress(family: .ipv6, bits: interval.lower).bytes
      let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      for name in [text, text + "0"].compactMap({ InterfaceName($0) })
      where self[field].contains(Self.number(name)) {
        return name
      }
    }
    return nil
  }
}

extension PacketSpace {
  /// A packet's protocol and what it goes to as one number: the protocol's number (RFC 791 section 3.1), then 16 bits,
  /// which are the destination port of TCP, UDP and SCTP, the type and any byte of ICMP and ICMPv6, and anything of
  /// others. So one set says `tcp dport 22` and `udp dport 53` at once.
  public enum Service {
    /// The packets of a protocol to a port.
    public static func number(_ transport: IPProtocol, port: UInt16) -> UInt128 {
      UInt128(transport.number) << 16 | UInt128(port)
    }

    static func number(_ packet: Packet) -> UInt128 {
      let isICMP = packet.transport == .icmp || packet.transport == .icmpv6
      return number(
        packet.transport,
        port: isICMP ? UInt16(packet.icmpType) << 8 : packet.transport.hasPorts ? packet.destinationPort : 0)
    }

    static func echoRequest(_ family: AddressFamily) -> UInt128 {
      family == .ipv4 ? number(.icmp, port: 8 << 8) : number(.icmpv6, port: 128 << 8)
    }

    /// All packets of a protocol.
    public static func all(_ transport: IPProtocol) -> IntervalSet {
      IntervalSet(number(transport, port: 0), number(transport, port: .max))
    }

    /// The packets of a protocol with ports to these.
    public static func ports(_ transport: IPProtocol, _ ports: ClosedRange<UInt16>) -> IntervalSet {
      IntervalSet(number(transport, port: ports.lowerBound), number(transport, port: ports.upperBound))
    }

    /// ICMP or ICMPv6 of these types.
    public static func types(_ transport: IPProtocol, _ types: ClosedRange<UInt8>) -> IntervalSet {
      IntervalSet(
        number(transport, port: UInt16(types.lowerBound) << 8),
        number(transport, port: UInt16(types.upperBound) << 8 | 0xff))
    }
  }

  /// What conntrack knows of a packet. Of one without a connection it knows nothing but that.
  public struct Connection: Sendable, Hashable {
    /// One state.
    public let state: ConnectionStates
    /// Nil where there is no connection.
    public let direction: ConnectionDirection?
    /// Of its bits those of address translation; nil where there is no connection.
    public let status: ConnectionStatus?

    /// All there are. No rule of ours asks for another bit of the status.
    public static let all: [Connection] =
      [ConnectionStates.established, .related, .new].flatMap { state in
        [ConnectionDirection.original, .reply].flatMap { direction in
          [[], .sourceNAT, .destinationNAT, [.sourceNAT, .destinationNAT]].map { (status: ConnectionStatus) in
            Connection(state: state, direction: direction, status: status)
          }
        }
      } + [.invalid, .untracked].map { Connection(state: $0, direction: nil, status: nil) }

    private init(state: ConnectionStates, direction: ConnectionDirection?, status: ConnectionStatus?) {
      self.state = state
      self.direction = direction
      self.status = status
    }

    init(_ packet: Packet) {
      let isTracked = packet.state.isDisjoint(with: [.invalid, .untracked])
      state = packet.state
      direction = isTracked ? packet.direction : nil
      status = isTracked ? packet.status.intersection([.sourceNAT, .destinationNAT]) : nil
    }

    /// The places of those that meet a condition.
    public static func set(where condition: (Connection) -> Bool) -> IntervalSet {
      IntervalSet(all.indices.filter { condition(all[$0]) }.map { UInt128($0) })
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PacketWalk
internal import Ruleset

/// Conversions between packets and packet spaces.
extension PacketSpace {
  /// The number of an interface name, as in the fields.
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

  /// Whether a packet is in this space.
  public func contains(_ packet: Packet) -> Bool {
    packet.family == family
      && Field.allCases.allSatisfy { field in field.value(of: packet).map(self[field].contains) ?? true }
  }

  /// A simple packet of the space: if possible, the first packet of a connection, from a high port.
  public func sample() -> Packet {
    func pick(_ field: Field, _ wishes: [UInt128] = []) -> UInt128 {
      wishes.first { self[field].contains($0) } ?? self[field].first ?? 0
    }
    func address(_ field: Field) -> IPAddress {
      let wishes: [UInt128] =
        family == .ipv4 ? [0xc633_6417, 0xc000_0217] : [0x2001_0db8 << 96 | 0x17, 0x2620_00fe << 96 | 9]
      return IPAddress(family: family, bits: pick(field, wishes))
    }
    let plain = [ConnectionStates.new, .established].map { state in
      UInt128(Connection.all.firstIndex { $0.state == state && $0.direction == .original } ?? 0)
    }
    let connection = Connection.all[Int(pick(.connection, plain))]
    // Without a translation the original port is the packet's port.
    let isTranslated = connection.status?.contains(.destinationNAT) ?? false
    let services = isTranslated ? self[.service] : self[.service].intersection(self[.originalService])
    let wishes: [(IPProtocol, UInt16)] = [(.tcp, 22), (.tcp, 80), (.tcp, 5432), (.udp, 53), (.tcp, 9)]
    let known = wishes.map { Service.number($0.0, port: $0.1) } + [Service.echoRequest(family)]
    let service = known.first { services.contains($0) } ?? services.first ?? pick(.service)
    let transport = IPProtocol(number: UInt8(truncatingIfNeeded: service >> 16))
    var packet = Packet(
      source: address(.source), destination: address(.destination), transport: transport,
      sourcePort: UInt16(truncatingIfNeeded: pick(.sourcePort, [40_000])),
      destinationPort: UInt16(truncatingIfNeeded: service), input: name(.input), output: name(.output))
    packet.icmpType = UInt8(truncatingIfNeeded: service >> 8)
    packet.state = connection.state
    packet.direction = connection.direction ?? .original
    packet.status = connection.status ?? []
    if transport.hasPorts, packet.status.contains(.destinationNAT) {
      packet.flow = flow(of: packet, to: UInt16(truncatingIfNeeded: pick(.originalService, [service])))
    }
    for field in Field.allCases { field.put(into: &packet, pick) }
    return packet
  }

  /// The connection of a packet whose destination was translated from another address and from this port.
  private func flow(of packet: Packet, to port: UInt16) -> Flow {
    let other = family == .ipv4 ? UInt128(0xcb00_71fe) : UInt128(0x2001_0db8) << 96 | 0xfe
    let sent = FlowTuple(
      source: packet.source, destination: packet.destination, sourcePort: packet.sourcePort,
      destinationPort: packet.destinationPort)
    // What the initiator sent, before the translation; its reply comes from where it was translated to.
    var original = packet.direction == .original ? sent : sent.inverted
    original.destination = IPAddress(family: family, bits: other)
    original.destinationPort = port
    return Flow(original: original, reply: packet.direction == .original ? sent.inverted : sent)
  }

  /// An interface of a field, with a valid name.
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

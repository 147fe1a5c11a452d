// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
package import PacketSets
package import PacketWalk
package import Ruleset
package import TestSupport

/// Random packets whose fields are at the boundaries of what a table matches: the values in its rules and sets, and
/// the values next to them.
package struct BoundaryPackets: Sendable {
  private var addresses: [AddressFamily: [IPAddress]] = [.ipv4: [], .ipv6: []]
  private var names: Set<String> = ["eth0", "wg0", "lo"]
  private var ports: Set<UInt16> = [0, 22, 40_000, .max]
  private var bytes: Set<UInt8> = [0, 8, 64, 128, 255]
  /// The same values in the form in which they are chosen.
  private var (interfaces, allPorts, allBytes): ([InterfaceName], [UInt16], [UInt8]) = ([], [], [])

  /// Collects the boundaries of a table.
  package init(_ table: KernelTable) {
    for text in ["198.51.100.23", "255.255.255.255", "2001:db8::23", "fe80::1"] {
      if let address = IPAddress(text) { addresses[address.family]?.append(address) }
    }
    for chain in table.chains {
      for rule in chain.rules {
        var mask: [UInt8] = []
        for expression in rule.expressions {
          switch expression {
          case .bitwise(_, _, let bits, _): mask = bits
          case .compare(_, _, let data): collect(data, mask: mask.count == data.count ? mask : [])
          default: break
          }
        }
      }
    }
    for set in table.sets {
      for index in 0..<set.elements.count {
        collect(key: Array(set.elements.key(index)))
        if let end = set.elements.keyEnd(index) { collect(key: Array(end)) }
      }
    }
    interfaces = names.sorted().compactMap { InterfaceName($0) }
    allPorts = ports.sorted()
    allBytes = bytes.sorted()
  }

  /// A packet of random values, with interfaces on these sides.
  package func packet(
    input: PacketSpace.Presence, output: PacketSpace.Presence, _ random: inout SeededGenerator
  ) -> Packet {
    let family = random.one(of: AddressFamily.allCases)
    var packet = Packet(
      source: address(family, &random), destination: address(family, &random),
      transport: random.one(
        of: [.tcp, .tcp, .udp, family == .ipv4 ? .icmp : .icmpv6, .sctp, .esp] as [IPProtocol]),
      input: input == .present ? random.one(of: interfaces) : nil,
      output: output == .present ? random.one(of: interfaces) : nil)
    for change in Change.allCases { self.change(&packet, change, &random) }
    track(&packet, &random)
    return packet
  }

  /// The packet with other values in up to three fields.
  package func neighbour(of packet: Packet, _ random: inout SeededGenerator) -> Packet {
    var packet = packet
    for _ in 0..<random.number(1...3) {
      switch random.number(0...9) {
      case 0, 1: packet.source = address(packet.family, &random)
      case 2, 3: packet.destination = address(packet.family, &random)
      case 4 where packet.input != nil: packet.input = random.one(of: interfaces)
      case 5 where packet.output != nil: packet.output = random.one(of: interfaces)
      default: change(&packet, random.one(of: Change.allCases), &random)
      }
    }
    track(&packet, &random)
    return packet
  }

  // MARK: Fields

  /// Fields that every packet has.
  private enum Change: CaseIterable {
    case sourcePort
    case destinationPort
    case type
    case hopLimit
    case destinationType
    case packetType
    case linkTypes
  }

  private func change(_ packet: inout Packet, _ change: Change, _ random: inout SeededGenerator) {
    switch change {
    case .sourcePort: if packet.transport.hasPorts { packet.sourcePort = random.one(of: allPorts) }
    case .destinationPort: if packet.transport.hasPorts { packet.destinationPort = random.one(of: allPorts) }
    case .type:
      if packet.transport == .tcp {
        packet.tcpFlags = random.one(of: [.syn, .ack, [.syn, .ack], .rst, [.fin, .ack], []])
      } else if !packet.transport.hasPorts {
        packet.icmpType = random.one(of: allBytes)
      }
    case .hopLimit: packet.hopLimit = random.one(of: allBytes)
    case .destinationType:
      packet.destinationType = random.one(of: [.local, .unicast, .multicast, .broadcast, .anycast])
    case .packetType: packet.packetType = random.one(of: PacketType.allCases).rawValue
    case .linkTypes:
      packet.inputType = random.one(of: [.ethernet, .linkless])
      packet.outputType = random.one(of: [.ethernet, .linkless])
    }
  }

  /// Gives the packet a state, and a connection that fits to it. The packet's addresses are those after all
  /// translations of the connection, so that the walk translates nothing.
  private func track(_ packet: inout Packet, _ random: inout SeededGenerator) {
    packet.state = random.one(of: [.new, .new, .established, .established, .related, .invalid, .untracked])
    (packet.direction, packet.status, packet.flow) = (.original, [], nil)
    guard packet.state.isDisjoint(with: [.invalid, .untracked]) else { return }
    packet.direction = random.oneIn(3) ? .reply : .original
    packet.status = random.one(of: [[], [], .sourceNAT, .destinationNAT, [.sourceNAT, .destinationNAT]])
    // Without ports nothing of the connection but its status can be matched.
    guard packet.transport.hasPorts else { return }
    let seen = FlowTuple(
      source: packet.source, destination: packet.destination, sourcePort: packet.sourcePort,
      destinationPort: packet.destinationPort)
    var flow = packet.direction == .original ? Flow(seen) : Flow(seen.inverted)
    let (client, server) = (address(packet.family, &random), address(packet.family, &random))
    let port = random.one(of: allPorts)
    if packet.direction == .original {
      if packet.status.contains(.sourceNAT) { flow.original.source = client }
      if packet.status.contains(.destinationNAT) {
        (flow.original.destination, flow.original.destinationPort) = (server, port)
      }
    } else {
      if packet.status.contains(.sourceNAT) { flow.reply.destination = client }
      if packet.status.contains(.destinationNAT) {
        (flow.reply.source, flow.reply.sourcePort) = (server, port)
      }
    }
    packet.status = flow.status
    packet.flow = flow
  }

  private func address(_ family: AddressFamily, _ random: inout SeededGenerator) -> IPAddress {
    let address = random.one(of: addresses[family] ?? [])
    guard random.oneIn(3) else { return address }
    let width = random.number(1...family.bitWidth / 2)
    let bits = UInt128(random.next()) & ((UInt128(1) << UInt128(width)) - 1)
    return IPAddress(family: family, bits: address.bits ^ bits)
  }

  // MARK: Boundaries

  private mutating func collect(_ data: [UInt8], mask: [UInt8]) {
    switch data.count {
    case 1:
      for byte in [data[0] &- 1, data[0], data[0] &+ 1] { bytes.insert(byte) }
    case 2: collect(port: data)
    default: break
    }
    if data.count > 1 { collect(name: data) }
    guard let family = AddressFamily.allCases.first(where: { $0.byteWidth == data.count }) else { return }
    collect(IPAddress(family: family, bits: Self.number(data)))
    if !mask.isEmpty {
      let host = ~Self.number(mask) & (family == .ipv4 ? 0xffff_ffff : .max)
      collect(IPAddress(family: family, bits: Self.number(data) | host))
    }
  }

  /// A key of a set: an address, a name or a type; or fields, of which the last two are protocol and port.
  private mutating func collect(key: [UInt8]) {
    switch key.count {
    case 8: collect(port: Array(key[4...5]))
    case 12, 24:
      collect(Array(key.dropLast(8)), mask: [])
      collect(port: Array(key.dropFirst(key.count - 4).prefix(2)))
    default:
      collect(key, mask: [])
      // The set may be searched with masked addresses.
      for length in [4, 8, 12, 16, 20, 24, 25, 26, 28, 32, 48, 56, 64] where length < key.count * 8 {
        let last = key.indices.map { index in
          key[index] | (index * 8 >= length ? 0xff : index * 8 + 8 > length ? 0xff >> (length % 8) : 0)
        }
        if key.last == 0, random(length, key) { collect(last, mask: []) }
      }
    }
  }

  /// Whether this key gets a boundary for this prefix length: one of four, so that there are not too many.
  private func random(_ length: Int, _ key: [UInt8]) -> Bool {
    key.reduce(length) { $0 &* 31 &+ Int($1) } & 3 == 0
  }

  private mutating func collect(port: [UInt8]) {
    let number = UInt16(port[0]) << 8 | UInt16(port[1])
    for value in [number &- 1, number, number &+ 1] { ports.insert(value) }
  }

  private mutating func collect(name: [UInt8]) {
    let text = name.prefix { $0 != 0 }
    guard !text.isEmpty, text.allSatisfy({ (0x21...0x7e).contains($0) }),
      name.dropFirst(text.count).allSatisfy({ $0 == 0 })
    else { return }
    let word = String(decoding: text, as: UTF8.self)
    names.formUnion([word, "\(word)0", "\(word)zz", String(word.dropLast())])
  }

  private mutating func collect(_ address: IPAddress) {
    let top: UInt128 = address.family == .ipv4 ? 0xffff_ffff : .max
    for bits in [(address.bits &- 1) & top, address.bits, (address.bits &+ 1) & top] {
      addresses[address.family]?.append(IPAddress(family: address.family, bits: bits))
    }
  }

  private static func number(_ bytes: [UInt8]) -> UInt128 { bytes.reduce(0) { $0 << 8 | UInt128($1) } }
}

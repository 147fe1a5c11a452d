// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import Ruleset
import TestSupport

/// What the first packets of connections are made from.
struct Traffic: Sendable {
  /// Destination ports.
  var ports: [UInt16]
  /// Source ports of some packets; the others have one that no packet had before.
  var sourcePorts: [UInt16] = []
  /// Transport protocols; nil is the ICMP of the packet's family.
  var transports: [IPProtocol?] = [
    .tcp, .tcp, .tcp, .tcp, .udp, .udp, .udp, nil, IPProtocol(number: 253), .esp,
  ]
  /// Address blocks from which some packets come, and to which some go.
  var blocks: [Prefix] = []
  /// What belongs together: many packets are made from one of these.
  var hints: [Hint] = []
  /// Types of ICMP and ICMPv6 of some packets; the others are echo requests.
  var icmpTypes: [UInt8] = []
  var icmpv6Types: [UInt8] = []
  /// TTL or hop limit of some packets; the others have 64.
  var hopLimits: [UInt8] = [1, 2, 63]

  /// Interfaces, addresses, ports and a protocol of one packet; of a list any one. What is empty can be anything. Interfaces may
  /// be patterns that end in `*` or `+`.
  struct Hint: Sendable, Hashable {
    var input: String?
    var output: String?
    var sources: [Prefix] = []
    var destinations: [Prefix] = []
    var sourcePorts: [UInt16] = []
    var ports: [UInt16] = []
    /// ICMP stands for that of the packet's family.
    var transport: IPProtocol?

    var isEmpty: Bool {
      input == nil && output == nil && sources.isEmpty && destinations.isEmpty && ports.isEmpty
        && transport == nil
    }
  }

  /// For the random tables, which have these ports.
  static let standard = Traffic(
    ports: [22, 22, 53, 80, 443, 2377, 5432, 8080, 8080, 8888, 9050, 9090, 9100, 4789, 51820, 1500, 12345],
    icmpTypes: [0, 13])

  /// The first packet of a connection; nil if the random numbers give none.
  func first(_ random: inout SeededGenerator, in network: TestNetwork, sourcePort: UInt16) -> Packet? {
    let hint = !hints.isEmpty && !random.oneIn(3) ? random.one(of: hints) : Hint()
    let families = Set((hint.sources + hint.destinations).map(\.family))
    let isV6 = families.count == 1 ? families == [.ipv6] : random.oneIn(3)
    let fits = { (text: String) in text.contains(":") == isV6 }
    let inside = { (block: Prefix) in (block.family == .ipv6) == isV6 }
    var place = random.oneIn(6) ? nil : random.one(of: network.interfaces)
    let everybody = network.interfaces.flatMap(\.neighbours).filter(fits)
    let own = network.own.filter(fits)
    let blocks = blocks.filter(inside)
    guard !own.isEmpty, !everybody.isEmpty else { return nil }
    if place != nil, !random.oneIn(6) {
      let named = network.interfaces(like: hint.input)
      if !named.isEmpty { place = random.one(of: named) }
    }
    var source = random.one(of: own)
    if let place {
      let natural = place.neighbours.filter(fits)
      source = random.oneIn(6) || natural.isEmpty ? random.one(of: everybody) : random.one(of: natural)
    }
    let target = random.one(of: random.oneIn(2) ? own : everybody)
    guard var from = IPAddress(source), var to = IPAddress(target) else { return nil }
    if !blocks.isEmpty {
      let isMentioned = place?.name == network.uplink ? random.oneIn(3) : random.oneIn(12)
      if place != nil, isMentioned { from = Self.address(in: random.one(of: blocks), &random) }
      if random.oneIn(3) { to = Self.address(in: random.one(of: blocks), &random) }
    }
    let behind = network.interfaces(like: hint.output).flatMap(\.neighbours).filter(fits)
    if !behind.isEmpty, !random.oneIn(6), let address = IPAddress(random.one(of: behind)) { to = address }
    let (sources, destinations) = (hint.sources.filter(inside), hint.destinations.filter(inside))
    if !destinations.isEmpty, !random.oneIn(6) {
      to = Self.address(in: random.one(of: destinations), &random)
    }
    if place != nil, !sources.isEmpty, !random.oneIn(4) {
      from = Self.address(in: random.one(of: sources), &random)
      // Through the interface behind which it is.
      if hint.input == nil, !random.oneIn(4) { place = network.interface(behind: from) ?? place }
    }
    if place == nil, random.oneIn(12) {
      // To itself over the loopback interface.
      guard let loopback = IPAddress(isV6 ? "::1" : "127.0.0.1"), let target = IPAddress(random.one(of: own))
      else { return nil }
      (from, to) = (loopback, random.oneIn(3) ? target : loopback)
      if from == to, !isV6, let other = IPAddress("127.0.0.2") { to = other }
    }
    // A host does not send broadcasts unless a program asks for it.
    if place == nil, network.isBroadcast(to) { return nil }
    guard from != to, place == nil || (Self.isSource(from) && Self.isDestination(to)),
      place != nil || Self.isDestination(to) || to.bits >> 24 == 127 || to.bits == 1
    else { return nil }
    var transport = random.one(of: transports) ?? .icmp
    if let hinted = hint.transport, !random.oneIn(6) { transport = hinted }
    if transport == .icmp, isV6 { transport = .icmpv6 }
    let isHinted = !hint.ports.isEmpty && !random.oneIn(6)
    var packet = Packet(
      source: from, destination: to, transport: transport, sourcePort: sourcePort,
      destinationPort: random.one(of: isHinted ? hint.ports : ports),
      input: place.flatMap { InterfaceName($0.name) })
    if transport.hasPorts, !sourcePorts.isEmpty {
      if !hint.sourcePorts.isEmpty, random.oneIn(2) {
        packet.sourcePort = random.one(of: hint.sourcePorts)
      } else if random.oneIn(12) {
        packet.sourcePort = random.one(of: sourcePorts)
      }
    }
    if transport == .tcp, random.oneIn(5) {
      packet.tcpFlags = random.one(of: [.ack, [.ack, .psh], .rst, [.syn, .ack], []])
    }
    let types = transport == .icmp ? icmpTypes : transport == .icmpv6 ? icmpv6Types : []
    if !types.isEmpty, random.oneIn(hints.isEmpty ? 6 : 2) { packet.icmpType = random.one(of: types) }
    if random.oneIn(12) { packet.hopLimit = random.one(of: hopLimits) }
    // Neighbour discovery (RFC 4861) has this hop limit.
    if transport == .icmpv6, (133...136).contains(packet.icmpType), !random.oneIn(4) { packet.hopLimit = 255 }
    return packet
  }

  /// An address of a block: one of its ends, one inside, or one directly beside it.
  private static func address(in block: Prefix, _ random: inout SeededGenerator) -> IPAddress {
    let (first, last) = (block.address.bits, block.last.bits)
    let top: UInt128 = block.family == .ipv4 ? 0xffff_ffff : .max
    let bits: UInt128 =
      switch random.number(0...9) {
      case 0: first
      case 1: last
      case 2: first == 0 ? first : first - 1
      case 3: last == top ? last : last + 1
      default: first + UInt128(random.next()) % min(last - first + 1 == 0 ? top : last - first + 1, 1 << 60)
      }
    return IPAddress(family: block.family, bits: bits)
  }

  /// Whether the kernel takes packets of this source from a network at all, before any rule: RFC 4291 section 2.5.3,
  /// `ip6_rcv_core` of `net/ipv6/ip6_input.c`.
  private static func isSource(_ address: IPAddress) -> Bool {
    guard address.family == .ipv6 else { return true }
    return address.bits >> 120 != 0xff && address.bits >> 32 != 0xffff && address.bits > 1
  }

  /// Whether it is an address of one machine: how a group or a broadcast is received is the subject of other tests.
  private static func isDestination(_ address: IPAddress) -> Bool {
    switch address.family {
    case .ipv4: address.bits >> 28 < 0xe && address.bits >> 24 != 127 && address.bits >> 24 != 0
    case .ipv6:
      address.bits >> 120 != 0xff && address.bits >> 32 != 0xffff && address.bits > 1
        && address.bits >> 118 != 0x3fa
    }
  }
}

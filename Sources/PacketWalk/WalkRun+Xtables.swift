// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

extension XtablesMatch {
  /// Its name when the walk cannot evaluate it.
  package var name: String {
    switch self {
    case .ports: "match tcp/udp"
    case .icmp: "match icmp"
    case .multiport: "match multiport"
    case .connection: "match conntrack"
    case .addressType: "match addrtype"
    case .mark: "match mark"
    case .limit(let text, _): "match \(text)"
    case .packetType: "match pkttype"
    case .addressRange: "match iprange"
    case .length: "match length"
    case .hops: "match ttl"
    case .recent: "match recent"
    case .set: "match set"
    case .reversePath: "match rpfilter"
    case .bridgePorts: "match physdev"
    case .owner: "match owner"
    case .groups: "match devgroup"
    case .expected: "match helper"
    case .security: "match policy"
    case .trafficClass: "match dscp"
    case .chance: "match statistic"
    case .time: "match time"
    case .unusual(let what, _): what
    case .option(let asked): "tcp option \(asked.option.name)"
    case .socket: "match socket"
    case .always: "match comment"
    case .never: "match extension header"
    case .unknown(let text): text
    }
  }
}

extension WalkRun {
  /// Whether a match of iptables holds; nil if that depends on something unknown.
  func matches(_ match: XtablesMatch) -> Bool? {
    switch match {
    case .ports(let source, let destination, let flags, _):
      guard packet.transport.hasPorts else { return false }
      let sourceHolds: Bool? =
        source.isAny
        ? true : knowsSource == .whole ? holds(source.range, packet.sourcePort, source.inverted) : nil
      let destinationHolds = holds(destination.range, packet.destinationPort, destination.inverted)
      let flagsHold = flags.map {
        ((packet.tcpFlags.rawValue & $0.mask) == $0.value) != ($0.inverted == .inverted)
      }
      return all([sourceHolds, destinationHolds, flagsHold ?? true])
    case .icmp(let type, let codes, let inverted):
      guard packet.transport == .icmp || packet.transport == .icmpv6 else { return false }
      let isIt = type == nil || (type == packet.icmpType && codes.contains(packet.icmpCode))
      return isIt != (inverted == .inverted)
    case .multiport(let side, let ranges, let inverted):
      guard packet.transport.hasPorts else { return false }
      let (source, destination) = (packet.sourcePort, packet.destinationPort)
      let found: Bool? =
        switch side {
        case .destination: ranges.contains { $0.contains(destination) }
        case .source: knowsSource == .whole ? ranges.contains { $0.contains(source) } : nil
        case .either:
          ranges.contains { $0.contains(destination) }
            ? true : knowsSource == .whole ? ranges.contains { $0.contains(source) } : nil
        }
      return found.map { $0 != (inverted == .inverted) }
    case .connection(let asked): return matches(asked)
    case .addressType(let asked): return matches(asked)
    case .mark(let what, let value, let mask, let inverted):
      let known = what == .packet ? knowsMark : knowsConnectionMark
      if what == .connection, !hasConnection { return false }
      guard known || mask == 0 else { return nil }
      let mark = what == .packet ? packet.mark : packet.connectionMark
      return (mark & mask == value) != (inverted == .inverted)
    // Below the limit: `evaluate` has already noted the assumption for a plain limit.
    case .limit(_, let inverted): return inverted == .plain
    case .packetType(let type, let inverted):
      return packetType.map { ($0 == type) != (inverted == .inverted) }
    case .addressRange(let source, let destination):
      return all([
        source.map { knowsSource == .none ? nil : holds($0, packet.source.bytes) } ?? true,
        destination.map { holds($0, packet.destination.bytes) } ?? true,
      ])
    case .length(let range, let inverted):
      // For IPv6 the length is that of the payload, from the header, plus the header itself.
      return (packet.length ?? packet.ordinaryLength).map { range.contains($0) != (inverted == .inverted) }
    case .hops(let operation, let count):
      switch operation {
      case NFT.equal: return packet.hopLimit == count
      case NFT.notEqual: return packet.hopLimit != count
      case NFT.less: return packet.hopLimit < count
      default: return packet.hopLimit > count
      }
    case .reversePath(let asked): return matches(asked)
    case .set(let asked, let asksCounters):
      guard !asked.asksForExceptions, let isInside = contains(asked) else { return nil }
      // The counters of an element are not read.
      if isInside && asksCounters { return nil }
      return isInside != (asked.inverted == .inverted)
    case .time(let asked): return packet.time.flatMap(asked.contains)
    // `evaluate` decides on the option.
    case .option: return packet.transport == .tcp
    // `evaluate` asks the list, and decides on what is assumed.
    case .recent, .chance, .unusual, .socket: return nil
    case .bridgePorts(let asked): return matches(asked)
    case .owner(let asked): return matches(asked)
    case .groups(let asked): return matches(asked)
    case .expected(let inverted): return isExpected.map { $0 != (inverted == .inverted) }
    case .security(let isAbsent): return isAbsent
    case .trafficClass(let value, let mask, let inverted):
      return trafficClass(mask).map { ($0 == value) != (inverted == .inverted) }
    case .always: return true
    case .never: return false
    case .unknown: return nil
    }
  }

  private func all(_ parts: [Bool?]) -> Bool? {
    if parts.contains(false) { return false }
    return parts.contains(nil) ? nil : true
  }

  private func holds(_ range: ClosedRange<UInt16>, _ port: UInt16, _ inverted: Inversion) -> Bool {
    range.contains(port) != (inverted == .inverted)
  }

  private func holds(_ asked: XtablesMatch.RangeAsked, _ bytes: [UInt8]) -> Bool {
    let isInside =
      !bytes.lexicographicallyPrecedes(asked.first) && !asked.last.lexicographicallyPrecedes(bytes)
    return isInside != (asked.inverted == .inverted)
  }

  /// Source: `conntrack_mt` of `net/netfilter/xt_conntrack.c`.
  private func matches(_ asked: XtablesConntrack) -> Bool? {
    if let states = asked.states {
      var bits = visibleState.rawValue
      if tracking == .untracked || visibleState.contains(.untracked) { bits = XtablesConntrack.untracked }
      if hasConnection {
        if packet.status.contains(.sourceNAT) { bits |= XtablesConntrack.sourceNAT }
        if packet.status.contains(.destinationNAT) { bits |= XtablesConntrack.destinationNAT }
      }
      if (states.value & bits != 0) == (states.inverted == .inverted) { return false }
    }
    guard hasConnection else { return asked.states != nil }
    if let direction = asked.direction, (packet.direction == .original) != (direction == .plain) {
      return false
    }
    var isWhole = !asked.asksExpiry
    if let layer4 = asked.layer4 {
      if isError {
        isWhole = false
      } else if (UInt32(packet.transport.number) == layer4.value) != (layer4.inverted == .plain) {
        return false
      }
    }
    let directions = [tuple(0), tuple(0), tuple(1), tuple(1)]
    for (index, tuple) in directions.enumerated() {
      let isSource = index % 2 == 0
      if let address = asked.addresses[index] {
        if let bytes = tuple.map({ (isSource ? $0.source : $0.destination).bytes }),
          bytes.count == address.bytes.count
        {
          let isIt = bytes.indices.allSatisfy { (bytes[$0] ^ address.bytes[$0]) & address.mask[$0] == 0 }
          if isIt != (address.inverted == .plain) { return false }
        } else {
          isWhole = false
        }
      }
      if let ports = asked.ports[index] {
        if packet.transport.hasPorts, let port = tuple.map({ isSource ? $0.sourcePort : $0.destinationPort })
        {
          if ports.range.contains(port) != (ports.inverted == .plain) { return false }
        } else {
          isWhole = false
        }
      }
    }
    if let status = asked.status {
      // Apart from translations, not all status bits are stated.
      let known = ConnectionStatus([.sourceNAT, .destinationNAT]).rawValue
      let isEstablished = packet.state.contains(.established)
      var bits = packet.status.rawValue & known
      if isEstablished { bits |= ConnectionStatus([.seenReply, .confirmed]).rawValue }
      if bits & status.value != 0 {
        if status.inverted == .inverted { return false }
      } else if status.value & ~known == 0 {
        if status.inverted == .plain { return false }
      } else {
        isWhole = false
      }
    }
    return isWhole ? true : nil
  }

  /// Source: `addrtype_mt_v1` of `net/netfilter/xt_addrtype.c`. Types are `1 << RTN_…`.
  private func matches(_ asked: XtablesAddressType) -> Bool? {
    let scope = asked.interface == .input ? input : asked.interface == .output ? output : nil
    func holds(_ mask: UInt16, _ address: IPAddress?, _ inverted: Inversion) -> Bool? {
      guard mask != 0 else { return true }
      guard let address, let type = environment.addressType(address, on: scope) else { return nil }
      let isIt =
        packet.family == .ipv6 ? holdsIPv6(mask, address, type) : mask & (1 << UInt16(type.rawValue)) != 0
      return isIt.map { $0 != (inverted == .inverted) }
    }
    return all([
      holds(asked.source, knowsSource == .none ? nil : packet.source, asked.sourceInverted),
      holds(asked.destination, packet.destination, asked.destinationInverted),
    ])
  }

  /// For IPv6 the address itself decides whether it is multicast or unicast; a local address is unicast too.
  private func holdsIPv6(_ mask: UInt16, _ address: IPAddress, _ type: AddressType) -> Bool? {
    let isMulticast = address.bits >> 120 == 0xff
    if mask & 0b10_0000 != 0, !isMulticast { return false }
    if mask & 0b10 != 0, isMulticast || address.bits == 0 { return false }
    if mask & 1 != 0, address.bits != 0 { return false }
    let asked: [(UInt16, AddressType)] = [(0b100, .local), (0b1_0000, .anycast), (0b1000_0000, .unreachable)]
    let wanted = asked.filter { mask & $0.0 != 0 }
    return wanted.isEmpty ? true : wanted.contains { $0.1 == type }
  }

  /// Executes a target of iptables. Nil if the rule ends without a verdict.
  package mutating func apply(
    _ target: XtablesTarget, _ unknown: Unknown?, _ table: Int, _ chain: Int, _ index: Int
  ) -> RuleEnd? {
    switch target {
    case .translate(let order): return settle(unknown) ?? bind(order, table, chain, index)
    case .reject: return settle(unknown) ?? .rejected
    case .mark(let value, let mask):
      if let end = settleChance(unknown) { return end }
      let isKnown = knowsMark || mask == .max
      setMark(isKnown ? packet.mark & ~mask ^ value : nil, certain: unknown == nil, table, chain, index)
    case .connectionMark(let order):
      guard hasConnection else { return nil }
      if let end = settleChance(unknown) { return end }
      let isKnown = knowsMark && knowsConnectionMark
      let marks = order.applied(packet: packet.mark, connection: packet.connectionMark)
      if order.mode == .restore {
        setMark(isKnown ? marks.packet : nil, certain: unknown == nil, table, chain, index)
      } else {
        setConnectionMark(isKnown ? marks.connection : nil, certain: unknown == nil)
      }
    case .untrack:
      guard !hasConnection, tracking != .untracked, !hasTemplate else { return nil }
      if let end = settle(unknown) { return end }
      tracking = .untracked
    case .hopLimit(let change, let number):
      if let end = settle(unknown) { return end }
      switch change {
      case .set: packet.hopLimit = number
      case .increase: packet.hopLimit = UInt8(clamping: Int(packet.hopLimit) + Int(number))
      case .decrease: packet.hopLimit = UInt8(clamping: Int(packet.hopLimit) - Int(number))
      }
      updateHeaders()
    case .zone(let number):
      // `xt_ct_target`: only before conntrack, and for packets that are neither untracked nor have a template.
      guard tracking == .unseen, !hasTemplate else { return nil }
      if let end = settle(unknown) { return end }
      (zone, hasTemplate) = (HostOrder.bytes(number), true)
    case .trafficClass(let value, let mask):
      if let end = settle(unknown) { return end }
      setTrafficClass(value, mask: mask)
    case .queue(let queue): return apply(queue, unknown)
    case .changeSet(let change):
      // The mark that an element has is not read.
      if change.setsMark { setMark(nil, certain: false, table, chain, index) }
      apply(change, certain: unknown == nil)
    case .options: hasWrittenOptions = true
    case .passes: break
    case .unknown(let name): return .undetermined(unknown?.name ?? name)
    }
    return nil
  }
}

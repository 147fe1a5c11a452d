// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

extension WalkRun {
  /// Address translation at its one place in a hook. The first packet of a connection passes the nat chains
  /// in the order of their priorities, until one binds a translation. After that the connection is bound
  /// permanently, with or without a translation, and every packet of a bound connection is translated.
  /// Returns whether the packet continues. Source: `nf_nat_inet_fn` of `net/netfilter/nf_nat_core.c`.
  mutating func translate(_ side: TranslationSide, _ places: [HookPlaces.Place]) -> Bool {
    guard hasConnection else { return true }
    let isFirst =
      packet.state.contains(.new)
      || (packet.state.contains(.related) && !isError && packet.direction == .original)
    if isFirst, !isBound(side) {
      for place in places {
        guard traverse(place) else { return false }
        if isBound(side) { break }
      }
      bound(side)
    }
    return carryOut(side)
  }

  private func isBound(_ side: TranslationSide) -> Bool {
    side == .source ? isSourceBound : isDestinationBound
  }

  private mutating func bound(_ side: TranslationSide) {
    if side == .source { isSourceBound = true } else { isDestinationBound = true }
  }

  /// Translates the packet as its connection requires; in the reply direction the inverse. Source:
  /// `nf_nat_packet`.
  private mutating func carryOut(_ side: TranslationSide) -> Bool {
    let isOriginal = packet.direction == .original
    let wanted: ConnectionStatus = (side == .source) == isOriginal ? .sourceNAT : .destinationNAT
    guard packet.status.contains(wanted), let flow else { return true }
    if isError {
      noteHost(.undetermined(expression: "NAT of an ICMP error"))
      return false
    }
    let target = isOriginal ? flow.reply.inverted : flow.original.inverted
    if side == .source {
      (packet.source, packet.sourcePort) = (target.source, target.sourcePort)
    } else {
      if packet.destination != target.destination { needsRoute = true }
      (packet.destination, packet.destinationPort) = (target.destination, target.destinationPort)
    }
    updateHeaders()
    return true
  }

  private mutating func noteHost(_ outcome: TraceOutcome) {
    trace.steps.append(
      TraceStep(
        table: "", family: 0, chain: "translation", base: nil, rule: nil, source: nil, sets: [],
        outcome: outcome))
  }

  /// Binds a translation that a rule asks for, and ends the chain.
  mutating func bind(_ order: TranslationOrder, _ table: Int, _ chain: Int, _ index: Int) -> RuleEnd {
    let order = order.at(hook: hook)
    guard var flow else { return .undetermined("NAT of an unknown connection") }
    // Only the places of nat chains call this, and only for connections; a rule of the wrong side cannot be
    // loaded.
    guard hasConnection, !isBound(order.side) else { return .translated }
    let isSource = order.side == .source
    // Whether the connection counts as translated depends on the old address.
    trace.reads.insert(isSource ? .source : .destination)
    let oldAddress = isSource ? packet.source : packet.destination
    let oldPort = isSource ? packet.sourcePort : packet.destinationPort
    var address: IPAddress?
    switch order.address {
    case .same: address = oldAddress
    case .range(let first, let last):
      guard let end = pick(IPAddress(bytes: first), IPAddress(bytes: last)) else {
        return .undetermined(Self.several)
      }
      address = end.address
    case .network(let first, let last):
      guard let first = IPAddress(bytes: first), let last = IPAddress(bytes: last) else {
        return .undetermined("NAT to an unknown network")
      }
      // `nf_nat_ipv4_netmap`, as for a prefix in registers.
      let host = first.bits ^ last.bits
      address = IPAddress(family: packet.family, bits: first.bits & ~host | oldAddress.bits & host)
    case .registers(let first, let last):
      guard let end = pick(registerAddress(first), registerAddress(last ?? first)) else {
        return .undetermined(Self.several)
      }
      address = end.address
    case .prefixInRegisters(let first, let last):
      guard let first = registerAddress(first), let last = registerAddress(last) else {
        return .undetermined("NAT to an unknown network")
      }
      // `nft_nat_setup_netmap`: the bits that differ between the ends of the range stay.
      let host = first.bits ^ last.bits
      address = IPAddress(family: packet.family, bits: first.bits & ~host | oldAddress.bits & host)
    case .ofOutput:
      address = packet.output.flatMap { environment.translationAddress(on: $0, packet.family) }
    case .ofHost:
      if hook == NFT.hookOutput {
        address = IPAddress(packet.family == .ipv4 ? "127.0.0.1" : "::1")
      } else if packet.family == .ipv6, oldAddress.bits == 1 || oldAddress.bits >> 119 >= 0x1fd {
        // ::1, fe80::/10, fec0::/10, ff00::/8: an address of this scope, or a drop (`nf_nat_redirect_ipv6`).
        address = nil
      } else {
        address = packet.input.flatMap { environment.translationAddress(on: $0, packet.family) }
      }
    }
    var port: UInt16? = oldPort
    if packet.transport.hasPorts {
      switch order.port {
      case .same: if order.isRandom, isSource { port = nil }
      case .range(let first, let last):
        guard let end = pick(first...last, order, oldPort) else { return .undetermined(Self.several) }
        port = end.port
      case .registers(let first, let last):
        guard let ports = ports(first, last) else {
          port = nil
          break
        }
        guard let end = pick(ports, order, oldPort) else { return .undetermined(Self.several) }
        port = end.port
      }
    }
    if !isSource {
      guard let address, let port else { return .undetermined(Self.several) }
      (flow.reply.source, flow.reply.sourcePort) = (address, port)
    } else {
      // The kernel may take another port if another connection uses this one; the walk does not model that.
      knowsSource = address == nil ? .none : port == nil ? .address : .whole
      (flow.reply.destination, flow.reply.destinationPort) = (address ?? oldAddress, port ?? oldPort)
    }
    self.flow = flow
    packet.status.formUnion(flow.status)
    if knowsSource != .whole { packet.status.insert(.sourceNAT) }
    bound(order.side)
    note(
      table, chain, index,
      .translated(Translation(side: order.side, address: address, port: port)))
    return .translated
  }

  /// A port of a range; nil if it is not known which.
  private struct PickedPort { let port: UInt16? }

  /// A port of a range: the range's port if it has only one; the old port if it is in the range and may stay. Otherwise the kernel
  /// takes any of them, which matters for a destination: without a port if there are too many; nil if this run ends here.
  /// Source: `nf_nat_l4proto_unique_tuple` of `net/netfilter/nf_nat_core.c`.
  private mutating func pick(_ ports: ClosedRange<UInt16>, _ order: TranslationOrder, _ old: UInt16)
    -> PickedPort?
  {
    // Whether the connection counts as translated depends on the old port.
    if order.side == .destination { trace.reads.insert(.destinationPort) }
    if ports.count == 1 { return PickedPort(port: ports.lowerBound) }
    if !order.isRandom, ports.contains(old) { return PickedPort(port: old) }
    guard order.side == .destination, ports.count <= Self.mostNumbers else { return PickedPort(port: nil) }
    guard let number = chooseNumber(below: ports.count, Self.several) else { return nil }
    return PickedPort(port: ports.lowerBound + UInt16(number))
  }

  private func registerAddress(_ register: UInt32) -> IPAddress? {
    let width = packet.family.byteWidth
    guard let start = RegisterNumber.offset(register, width), registers.isKnown(start, width) else {
      return nil
    }
    return IPAddress(bytes: registers.value(start, width))
  }

  private static let several = "NAT to one of several destinations"

  /// An address of a range; nil if it is not known which.
  private struct PickedAddress { let address: IPAddress? }

  /// An address of a range: the kernel takes one by a hash of the connection's addresses. Without an address if there are too
  /// many; nil if this run ends here.
  private mutating func pick(_ first: IPAddress?, _ last: IPAddress?) -> PickedAddress? {
    guard let first, let last, first.family == last.family, first.bits <= last.bits,
      last.bits - first.bits < UInt128(Self.mostNumbers)
    else { return PickedAddress(address: nil) }
    guard let number = chooseNumber(below: Int(last.bits - first.bits) + 1, Self.several) else { return nil }
    return PickedAddress(address: IPAddress(family: first.family, bits: first.bits + UInt128(number)))
  }

  /// The ports in registers; nil if they are not known.
  private func ports(_ first: UInt32, _ last: UInt32?) -> ClosedRange<UInt16>? {
    guard let start = RegisterNumber.offset(first, 2), registers.isKnown(start, 2),
      let low = registers.value(start, 2).networkUInt16(0)
    else { return nil }
    guard let last else { return low...low }
    guard let end = RegisterNumber.offset(last, 2), registers.isKnown(end, 2),
      let high = registers.value(end, 2).networkUInt16(0), low <= high
    else { return nil }
    return low...high
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

extension WalkRun {
  /// Whether a load gave a value or ended the rule (`NFT_BREAK`).
  enum LoadEnd {
    case loaded
    case breaks
  }

  /// The input interface, if the hook has one.
  var input: InterfaceName? {
    if frame != nil { if case .device(let name) = frameInput { return name } else { return nil } }
    return hook == NFT.hookOutput ? nil : packet.input
  }

  /// The output interface, if the hook has one.
  var output: InterfaceName? {
    if frame != nil { if case .device(let name) = frameOutput { return name } else { return nil } }
    return hook == NFT.hookPrerouting || hook == NFT.hookInput ? nil : packet.output
  }

  /// `meta`; nil for a key that is not in the catalogue of fields. Source: `nft_meta_get_eval` of
  /// `net/netfilter/nft_meta.c`.
  mutating func loadMeta(_ key: MetaKey?, to start: Int) -> LoadEnd {
    switch key {
    case .inputName, .outputName, .inputIndex, .outputIndex, .inputGroup, .outputGroup, .inputType,
      .outputType:
      return loadInterface(key, to: start)
    // A packet of the walk is one as it was sent: what came out of IPsec has another source and another way.
    case .security: registers.write([0], at: start)
    case .family: registers.write([hookFamily], at: start)
    case .transport: registers.write([packet.transport.number], at: start)
    case .etherType: registers.write(packet.family == .ipv4 ? [0x08, 0x00] : [0x86, 0xdd], at: start)
    case .mark:
      if knowsMark {
        registers.write(HostOrder.bytes(packet.mark), at: start)
      } else {
        registers.forget(start, 4)
      }
    case .length:
      if let length = packet.length ?? packet.ordinaryLength {
        registers.write(HostOrder.bytes(UInt32(length)), at: start)
      } else {
        registers.forget(start, 4)
      }
    case .packetType:
      if let type = packetType {
        registers.write([type], at: start)
      } else {
        registers.forget(start, 4)
      }
    case .user, .group, .controlGroup:
      // Packets that arrived belong to no socket before delivery, except those of connected sockets (early
      // demux).
      if packet.input != nil {
        guard hook == NFT.hookInput, packet.state.contains(.established) else { return .breaks }
        registers.forget(start, 4)
      } else {
        write(key == .user ? packet.user : key == .group ? packet.group : packet.controlGroup, at: start)
      }
    case .time, .day, .hour:
      guard let moment = packet.time.map(Moment.init) else {
        registers.forget(start, 8)
        break
      }
      registers.write(
        key == .time
          ? HostOrder.bytes(moment.nanoseconds)
          : key == .day ? [moment.weekday] : HostOrder.bytes(moment.secondOfDay), at: start)
    case .priority, .realm, .processor, .random: registers.forget(start, 4)
    case .inputBridge, .outputBridge, .inputKind, .outputKind: registers.forget(start, 16)
    case nil: registers.forget(start, 16)
    }
    return .loaded
  }

  /// The type of the packet's frame at this hook; nil if it is not known.
  var packetType: UInt8? {
    if hasSetPacketType { return packet.packetType }
    // For the kernel, packets that are sent or forwarded have the type "host".
    if case .egress = frame { return 0 }
    if hook == NFT.hookForward || hook == NFT.hookOutput || hook == NFT.hookPostrouting { return 0 }
    return frame == nil ? packet.likelyPacketType : packet.packetType
  }

  /// The keys of `meta` that are about an interface.
  private mutating func loadInterface(_ key: MetaKey?, to start: Int) -> LoadEnd {
    let isInput = key == .inputName || key == .inputIndex || key == .inputGroup || key == .inputType
    let (device, stated): (FrameDevice, LinkType?)
    if frame == nil {
      device = (isInput ? input : output).map(FrameDevice.device) ?? .none
      stated = isInput ? packet.inputType : packet.outputType
    } else {
      (device, stated) = (isInput ? frameInput : frameOutput, nil)
    }
    switch (key, device) {
    case (_, .unknown): registers.forget(start, 16)
    case (.inputName, .none), (.outputName, .none): writeName(nil, at: start)
    case (.inputName, .device(let name)), (.outputName, .device(let name)): writeName(name, at: start)
    case (.inputIndex, .none), (.outputIndex, .none): registers.write([0, 0, 0, 0], at: start)
    case (.inputIndex, .device(let name)), (.outputIndex, .device(let name)):
      write(environment.facts(of: name)?.index, at: start)
    case (_, .none): return .breaks
    case (.inputGroup, .device(let name)), (.outputGroup, .device(let name)):
      write(environment.facts(of: name)?.group, at: start)
    case (_, .device(let name)):
      if let type = stated?.rawValue ?? environment.facts(of: name)?.type {
        registers.write(HostOrder.bytes(type), at: start)
      } else {
        registers.forget(start, 4)
      }
    }
    return .loaded
  }

  /// `meta nfproto`: the family of the chain's hook. Source: `nft_do_chain_inet_ingress` of `net/netfilter/nft_chain_filter.c`.
  private var hookFamily: UInt8 {
    switch frame {
    case nil: packet.family.rawValue
    case .ingress, .egress:
      family == NFT.familyInet ? packet.family.rawValue : NFT.familyNetdev
    case .bridge: NFT.familyBridge
    }
  }

  private mutating func write(_ number: UInt32?, at start: Int) {
    if let number {
      registers.write(HostOrder.bytes(number), at: start)
    } else {
      registers.forget(start, 4)
    }
  }

  private mutating func writeName(_ name: InterfaceName?, at start: Int) {
    registers.write(name.map(SetKey.interface) ?? Array(repeating: 0, count: 16), at: start)
  }

  /// `payload`: the bytes of a header, as far as they are known. Of the link layer only the type is, at the hooks of frames.
  mutating func loadPayload(_ wanted: HeaderBytes, to start: Int) {
    let (offset, length) = (wanted.offset, wanted.length)
    trace.reads.formUnion(wanted.parts(packet.family))
    let header =
      switch wanted.base {
      case NFT.payloadNetwork: headers.network
      case NFT.payloadTransport: headers.transport
      case NFT.payloadLink where frame != nil: linkHeader
      default: PartlyKnown(unknown: 0)
      }
    let end = min(offset + length, header.bytes.count)
    registers.forget(start, length)
    guard offset < end else {
      // The padding after the value is zero in any case.
      registers.write(
        ArraySlice(Array(repeating: 0, count: length)), known: ArraySlice(Array(repeating: 0, count: length)),
        at: start)
      return
    }
    var (bytes, known) = (header.bytes[offset..<end], header.known[offset..<end])
    if end < offset + length {
      let rest = offset + length - end
      bytes.append(contentsOf: repeatElement(0, count: rest))
      known.append(contentsOf: repeatElement(0, count: rest))
    }
    registers.write(bytes, known: known, at: start)
  }

  /// An Ethernet header without a VLAN tag (IEEE 802.3).
  private var linkHeader: PartlyKnown {
    var header = PartlyKnown(unknown: 14)
    if !isTagged { header.put(packet.family == .ipv4 ? [0x08, 0x00] : [0x86, 0xdd], at: 12) }
    return header
  }

  /// The state that a rule sees: `untracked` or `invalid` if there is no connection entry.
  var visibleState: ConnectionStates {
    switch tracking {
    case .unseen: hasTemplate ? .new : .invalid
    case .untracked: .untracked
    case .tracked: packet.state
    }
  }

  /// `ct`. Without a connection entry only the state can be loaded; every other key ends the rule. Nil
  /// stands for a key that is not in the catalogue of fields. Source: `nft_ct_get_eval` of `net/netfilter/nft_ct.c`.
  mutating func loadConnection(_ key: ConnectionKey?, _ direction: UInt8?, to start: Int) -> LoadEnd {
    // A bridge has conntrack of its own, if a rule uses it.
    if case .bridge = frame {
      registers.forget(start, 16)
      return .loaded
    }
    if tracking == .unseen, hasTemplate, key != .state {
      // Of the template only the zone is known.
      if key == .zone, let zone { registers.write(zone, at: start) } else { registers.forget(start, 16) }
      return .loaded
    }
    guard key == .state || hasConnection else { return .breaks }
    switch key {
    case .state: registers.write(HostOrder.bytes(visibleState.rawValue), at: start)
    case .status: writeStatus(at: start)
    case .direction: registers.write([packet.direction.rawValue], at: start)
    case .mark:
      if knowsConnectionMark {
        registers.write(HostOrder.bytes(packet.connectionMark), at: start)
      } else {
        registers.forget(start, 4)
      }
    case .family: registers.write([packet.family.rawValue], at: start)
    case .transport:
      // An ICMP error belongs to the connection that it is about.
      if isError { registers.forget(start, 4) } else { registers.write([packet.transport.number], at: start) }
    case .zone:
      if let zone { registers.write(zone, at: start) } else { registers.forget(start, 4) }
    case .source, .destination, .ipv4Source, .ipv4Destination, .ipv6Source,
      .ipv6Destination:
      let isIPv4Key = key == .ipv4Source || key == .ipv4Destination
      let isIPv6Key = key == .ipv6Source || key == .ipv6Destination
      if packet.family == .ipv4 && isIPv6Key || packet.family == .ipv6 && isIPv4Key { return .breaks }
      trace.reads.formUnion(.addresses)
      guard let tuple = tuple(direction) else {
        registers.forget(start, packet.family.byteWidth)
        return .loaded
      }
      let isSource = key == .source || key == .ipv4Source || key == .ipv6Source
      registers.write((isSource ? tuple.source : tuple.destination).bytes, at: start)
    case .sourcePort, .destinationPort:
      trace.reads.insert(.destinationPort)
      guard packet.transport.hasPorts, let tuple = tuple(direction) else {
        registers.forget(start, 4)
        return .loaded
      }
      let port = key == .sourcePort ? tuple.sourcePort : tuple.destinationPort
      registers.write([UInt8(port >> 8), UInt8(port & 0xff)], at: start)
    case .packets, .bytes, .average: loadCount(key == .packets ? 1 : UInt64(UInt16.max), to: start)
    case .expiration, .identifier: registers.forget(start, 4)
    case .helper, .labels: registers.forget(start, 16)
    case nil: registers.forget(start, 16)
    }
    return .loaded
  }

  /// The packets or bytes of the connection, or their quotient: of a first packet not more than `most`, which is all ones in its
  /// lower bits; 0 if the kernel does not count them.
  private mutating func loadCount(_ most: UInt64, to start: Int) {
    guard packet.isFirst else { return registers.forget(start, 8) }
    registers.write(
      ArraySlice(HostOrder.bytes(0 as UInt64)), known: ArraySlice(HostOrder.bytes(~most)), at: start)
  }

  /// Whether the packet is an ICMP error about a connection, not a packet of a connection itself.
  var isError: Bool {
    packet.state.contains(.related) && (packet.transport == .icmp || packet.transport == .icmpv6)
  }

  /// One direction of the connection; nil if it is not known.
  func tuple(_ direction: UInt8?) -> FlowTuple? {
    guard let flow, !isError else { return nil }
    if direction == ConnectionDirection.reply.rawValue {
      return knowsSource == .whole || packet.direction == .reply ? flow.reply : nil
    }
    return flow.original
  }

  /// The status as far as it is known: translations, and whether a reply was seen.
  private mutating func writeStatus(at start: Int) {
    var status = packet.status
    var known: ConnectionStatus = [.sourceNAT, .destinationNAT, .seenReply, .confirmed]
    if packet.state.contains(.established) {
      status.formUnion([.seenReply, .confirmed])
    } else if packet.state.contains(.related) || packet.flow != nil {
      known.subtract([.seenReply, .confirmed])
    }
    registers.write(
      ArraySlice(HostOrder.bytes(status.rawValue)), known: ArraySlice(HostOrder.bytes(known.rawValue)),
      at: start)
  }

  /// `fib`; nil for a result that is not in the catalogue of fields. Source: `nft_fib4_eval` of
  /// `net/ipv4/netfilter/nft_fib_ipv4.c`, and the same for IPv6.
  mutating func loadRoute(_ result: RouteResult?, _ flags: UInt32, to start: Int) {
    let isSource = flags & NFT.fibSource != 0
    let address: IPAddress? = isSource ? (knowsSource == .none ? nil : packet.source) : packet.destination
    if case .bridge = frame { return registers.forget(start, 16) }
    let scope = flags & NFT.fibInput != 0 ? input : flags & NFT.fibOutput != 0 ? output : nil
    if result != .addressType {
      trace.reads.formUnion(.addresses)
    } else if isSource {
      trace.reads.insert(.source)
    } else if scope != nil {
      trace.reads.insert(.destination)
    }
    guard let result else { return registers.forget(start, 16) }
    if result == .addressType {
      return write(address.flatMap { environment.addressType($0, on: scope) }?.rawValue, at: start)
    }
    guard let address, let other = isSource ? packet.destination : knowsSource == .none ? nil : packet.source
    else {
      registers.forget(start, 16)
      return
    }
    var found: InterfaceName?
    if input == .loopback {
      found = .loopback
    } else if address.family == .ipv6, address.isLinkLocal {
      // The route is looked up on the interface itself, on which fe80::/64 is: `nft_fib6_flowi_init`.
      guard let own = scope ?? input ?? output,
        Prefix(containing: address, length: 64).address.bits == 0xfe80 << 112,
        let type = environment.addressType(address, on: own)
      else { return registers.forget(start, 16) }
      found = type == .local ? nil : own
    } else {
      let mark = flags & NFT.fibMark != 0 ? packet.mark : 0
      let answer = environment.route(
        RouteQuestion(
          destination: address, source: other, input: nil, mark: mark))
      switch answer {
      case .interface(let name): found = scope == nil || name == scope ? name : nil
      case .oneOf(let names):
        if scope == nil, flags & NFT.fibPresent == 0 { return registers.forget(start, 16) }
        found = scope == nil ? names.first : names.first { $0 == scope }
      case .local where address.family == .ipv4 && environment.addressType(address, on: nil) != .local:
        // The broadcast address of a network has a route to its interface; only for the host's own there is no result:
        // `nft_fib4_eval`.
        guard let scope, address.bits >> 28 < 0xe, let type = environment.addressType(address, on: scope)
        else { return registers.forget(start, 16) }
        found = type == .broadcast ? scope : nil
      case .local, .nowhere: found = nil
      case .unknown:
        registers.forget(start, 16)
        return
      }
    }
    if flags & NFT.fibPresent != 0 { return registers.write([found == nil ? 0 : 1], at: start) }
    switch result {
    case .outputName: writeName(found, at: start)
    case .outputIndex:
      if let found {
        write(environment.facts(of: found)?.index, at: start)
      } else {
        registers.write([0, 0, 0, 0], at: start)
      }
    case .addressType: break
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// An expression prepared for many packets: names looked up, raw bytes decoded. Registers are byte offsets.
enum PreparedExpression: Sendable {
  /// Without a key: one that is not in the catalogue of fields.
  case meta(key: MetaKey?, destination: Int)
  case payload(HeaderBytes, destination: Int)
  /// Without a key: one that is not in the catalogue of fields.
  case ct(key: ConnectionKey?, direction: UInt8?, destination: Int)
  /// Without a result: one that is not in the catalogue of fields.
  case fib(result: RouteResult?, flags: UInt32, destination: Int)
  case compare(operation: UInt32, source: Int, data: [UInt8])
  case range(operation: UInt32, source: Int, from: [UInt8], to: [UInt8])
  case bitwise(source: Int, destination: Int, mask: [UInt8], xor: [UInt8])
  case byteOrder(source: Int, destination: Int, length: Int, size: Int)
  case lookup(set: Int, source: Int, destination: LookupDestination, inverted: Inversion)
  case immediate(destination: Int, data: [UInt8])
  case verdict(PreparedVerdict)
  case counted(String)
  case objects(set: Int, source: Int)
  case reject
  case untrack
  case setMark(source: Int)
  case setConnectionMark(source: Int)
  case match(XtablesMatch)
  case target(XtablesTarget)
  case translate(TranslationOrder)
  /// Matches below a limit; with `inverted` above it.
  case limit(String, inverted: Inversion)
  /// The same for a limit that one packet or one connection may exceed.
  case countedLimit(RuleLimit)
  /// Writes bytes of a header.
  case writePayload(HeaderBytes, source: Int)
  /// Sets the zone of the connection that conntrack will find (`ct zone set`).
  case setZone(source: Int)
  /// `meta pkttype set`
  case setPacketType(source: Int)
  /// Writes a TCP option; ends the rule for packets of other protocols.
  case writeTCPOption
  /// Adds an element to a set, or removes it; then the element's own condition, if it has one.
  case changeSet(set: Int, key: Int, value: Int?, isRemoval: Bool, DynamicSet.Effect)
  /// `numgen`, `hash`: loads one of `count` numbers from `first` on.
  case number(String, first: UInt32, count: UInt32, destination: Int)
  /// Loads the kind of the input or the output interface (`meta iifkind`, `meta oifkind`).
  case interfaceKind(isInput: Bool, destination: Int)
  /// `ct helper`: ends the rule for connections that were not expected.
  case helper(destination: Int)
  /// `socket`: ends the rule for packets without a socket of this host; with `isTransparent`, only one for the addresses of
  /// others gives a value that a rule asks for.
  case socket(isTransparent: Bool, destination: Int)
  /// `ipsec`: ends the rule for packets outside IPsec.
  case security
  /// Shifts a number of 4 bytes in host order to the left, or to the right if negative.
  case shift(source: Int, destination: Int, by: Int)
  /// Loads something that the packet does not state.
  case load(String, destination: Int)
  /// Gives the packet to a program.
  case queue(UserQueue)
  /// Has an effect on the packet's path that is not evaluated: nothing is known from here on.
  case effect(String)
  /// The same, for TCP only. It ends the rule for packets of other protocols.
  case effectOnTCP(String)
  /// An extension header or an IP option, which no packet of the walk has; with a register, loads whether there is one.
  case absentHeader(AddressFamily, presence: Int?)
  /// `rt ipsec`: whether IPsec takes the packet, which it does not.
  case routeSecurity(destination: Int)
  /// Loads bytes of a TCP option, or whether the packet has it.
  case tcpOption(TCPOption.Load, destination: Int)
  /// Changes nothing that a rule can see.
  case nothing
  /// A condition that is not supported: it may match or not, and may write any register.
  case unknown(String)

  /// Where a lookup writes what it finds.
  enum LookupDestination: Sendable {
    case nowhere
    case verdict
    case register(Int)
  }

  /// Prepares an expression of a table.
  ///
  /// This is the one place that says what an expression does to a packet: it loads or compares something, it has an effect
  /// that the walk models, or one that it does not.
  init(_ expression: Expression, in table: TableIndex) {
    switch expression {
    case .meta(let key, let register)
    where key == MetaKey.inputKind.rawValue || key == MetaKey.outputKind.rawValue:
      self =
        RegisterNumber.offset(register).map {
          .interfaceKind(isInput: key == MetaKey.inputKind.rawValue, destination: $0)
        }
        ?? .unknown("meta")
    case .ct(ConnectionKey.helper.rawValue, _, let register):
      self = RegisterNumber.offset(register).map { .helper(destination: $0) } ?? .unknown("ct")
    case .meta(let key, let register):
      self =
        RegisterNumber.offset(register).map { .meta(key: MetaKey(rawValue: key), destination: $0) }
        ?? .unknown("meta")
    case .payload(let base, let offset, let length, let register):
      self =
        RegisterNumber.offset(register).map {
          .payload(HeaderBytes(base: base, offset: Int(offset), length: Int(length)), destination: $0)
        } ?? .unknown("payload")
    case .ct(let key, let direction, let register):
      self =
        RegisterNumber.offset(register).map {
          .ct(key: ConnectionKey(rawValue: key), direction: direction, destination: $0)
        } ?? .unknown("ct")
    case .fib(let result, let flags, let register):
      self =
        RegisterNumber.offset(register).map {
          .fib(result: RouteResult(rawValue: result), flags: flags, destination: $0)
        } ?? .unknown("fib")
    case .compare(let operation, let register, let data):
      self =
        RegisterNumber.offset(register, data.count).map {
          .compare(operation: operation, source: $0, data: data)
        }
        ?? .unknown("cmp")
    case .range(let operation, let register, let from, let to):
      self =
        RegisterNumber.offset(register, from.count).map {
          .range(operation: operation, source: $0, from: from, to: to)
        } ?? .unknown("range")
    case .bitwise(let source, let destination, let mask, let xor):
      guard let source = RegisterNumber.offset(source, mask.count),
        let destination = RegisterNumber.offset(destination, mask.count)
      else {
        self = .unknown("bitwise")
        return
      }
      self = .bitwise(source: source, destination: destination, mask: mask, xor: xor)
    case .lookup(let name, let source, let destination, let inverted):
      guard let set = table.sets[name],
        let source = RegisterNumber.offset(source, table.keyLength(ofSet: set))
      else {
        self = .unknown("lookup @\(name)")
        return
      }
      // Kernels differ in what a catch-all element means for an inverted lookup.
      if inverted == .inverted, table.hasCatchAll(set) {
        self = .unknown("lookup @\(name)")
        return
      }
      let place: LookupDestination? =
        switch destination {
        case nil: .nowhere
        case NFT.registerVerdict: .verdict
        case .some(let register): RegisterNumber.offset(register).map(LookupDestination.register)
        }
      self =
        place.map { .lookup(set: set, source: source, destination: $0, inverted: inverted) }
        ?? .unknown("lookup @\(name)")
    case .immediate(let register, let data):
      self =
        RegisterNumber.offset(register, data.count).map { .immediate(destination: $0, data: data) }
        ?? .nothing
    case .verdict(let verdict): self = .verdict(PreparedVerdict(verdict, in: table))
    case .counter: self = .nothing
    case .object(let type, let name):
      self =
        switch type {
        case NFT.objectCounter: .counted(name)
        case NFT.objectLimit, NFT.objectQuota, NFT.objectConnectionLimit:
          .limit("limit \(name)", inverted: table.inversion(ofObject: name, type: type))
        case NFT.objectSynproxy: .effectOnTCP("synproxy \(name)")
        // Helpers, timeouts, expectations, tunnels and security marks change nothing that a rule can see.
        default: .nothing
        }
    case .objectMap(let name, let source):
      guard let set = table.sets[name],
        let source = RegisterNumber.offset(source, table.keyLength(ofSet: set))
      else {
        self = .unknown("objref @\(name)")
        return
      }
      self = .objects(set: set, source: source)
    case .reject: self = .reject
    case .notrack: self = .untrack
    case .limit(let rate, let unit, _):
      self = .limit(RuleLimit.text(rate: rate, unit: unit), inverted: .plain)
    case .log: self = .nothing
    case .metaSet(let key, let source):
      self =
        switch (MetaKey(rawValue: key), RegisterNumber.offset(source)) {
        case (.mark?, let source?): .setMark(source: source)
        case (.packetType?, let source?): .setPacketType(source: source)
        // Priorities, traces and security marks, which no rule sees.
        default: .nothing
        }
    case .opaque(let name, let data):
      self =
        Self.prepared(name, AttributeBytes(data)) ?? Self.prepared(
          OpaqueExpression(name, data), name, in: table)
        ?? .effect(name)
    }
  }

  /// Expressions that depend on more than the registers that they read and write; nil if it is none of these.
  private static func prepared(_ name: String, _ attributes: AttributeBytes) -> PreparedExpression? {
    typealias Attribute = NFT.Attribute
    switch name {
    case "numgen", "hash":
      let isHash = name == "hash"
      let place = isHash ? Attribute.hashDestination : Attribute.loadDestination
      guard let destination = attributes.u32(place).flatMap({ RegisterNumber.offset($0) }),
        let count = attributes.u32(isHash ? Attribute.hashModulus : Attribute.numberModulus), count > 0
      else { return nil }
      let first = attributes.u32(isHash ? Attribute.hashOffset : Attribute.numberOffset) ?? 0
      return .number(name, first: first, count: count, destination: destination)
    case "socket":
      // NFT_SOCKET_TRANSPARENT
      return attributes.u32(Attribute.keyedLoadDestination).flatMap { RegisterNumber.offset($0) }.map {
        .socket(isTransparent: attributes.u32(Attribute.socketKey) == 0, destination: $0)
      }
    case "xfrm": return .security
    case "rt":
      // NFT_RT_XFRM: whether IPsec will take the packet.
      guard attributes.u32(Attribute.routeKey) == 4,
        let destination = attributes.u32(Attribute.loadDestination).flatMap({ RegisterNumber.offset($0) })
      else { return nil }
      return .routeSecurity(destination: destination)
    case "bitwise":
      // NFT_BITWISE_LSHIFT, NFT_BITWISE_RSHIFT
      guard let operation = attributes.u32(Attribute.bitwiseOperation), operation == 1 || operation == 2,
        attributes.u32(Attribute.bitwiseLength) == 4,
        let source = attributes.u32(Attribute.bitwiseSource).flatMap({ RegisterNumber.offset($0, 4) }),
        let destination = attributes.u32(Attribute.bitwiseDestination).flatMap({
          RegisterNumber.offset($0, 4)
        }),
        // NFTA_DATA_VALUE
        let bits = AttributeBytes(attributes.value(Attribute.bitwiseData) ?? []).value(1)?.hostUInt32(0),
        bits < 32
      else { return nil }
      return .shift(source: source, destination: destination, by: operation == 1 ? Int(bits) : -Int(bits))
    default: return nil
    }
  }

  /// Nil if it is not supported.
  private static func prepared(_ expression: OpaqueExpression, _ name: String, in table: TableIndex)
    -> PreparedExpression?
  {
    switch expression {
    case .match(let name, let revision, let info):
      return .match(XtablesMatch(name: name, revision: revision, info: info, family: table.family))
    case .target(let name, let revision, let info):
      return .target(XtablesTarget(name: name, revision: revision, info: info, family: table.family))
    case .limit(let limit): return .countedLimit(limit)
    case .translation(let name, let attributes):
      return TranslationOrder(expression: name, attributes).map { .translate($0) }
    case .byteOrder(let source, let destination, let length, let size):
      guard let source = RegisterNumber.offset(source), let destination = RegisterNumber.offset(destination)
      else { return nil }
      return .byteOrder(source: source, destination: destination, length: length, size: size)
    case .connectionSet(let key, let source):
      guard let source = RegisterNumber.offset(source) else { return nil }
      // A zone makes it another connection.
      switch key.flatMap(ConnectionKey.init(rawValue:)) {
      case .mark: return .setConnectionMark(source: source)
      case .zone: return .setZone(source: source)
      // Labels and events, which no rule sees; the kernel cannot set the others.
      case nil, .state, .direction, .status, .expiration, .helper, .family, .source, .destination, .transport,
        .sourcePort, .destinationPort, .labels, .packets, .bytes, .average, .ipv4Source, .ipv4Destination,
        .ipv6Source, .ipv6Destination, .identifier:
        return .nothing
      }
    case .dynamicSet(let set):
      return Self.change(set, in: table)
    case .headerLoad(let load):
      guard let register = RegisterNumber.offset(load.destination) else { return .unknown(name) }
      let isPresence = load.result == .presence
      switch load.operation {
      // A packet has no IPv6 extension headers and no IPv4 options.
      case NFT.extensionIPv6: return .absentHeader(.ipv6, presence: isPresence ? register : nil)
      case NFT.extensionIPv4: return .absentHeader(.ipv4, presence: isPresence ? register : nil)
      case NFT.extensionTCPOption:
        return .tcpOption(
          TCPOption.Load(option: TCPOption(kind: load.type), bytes: isPresence ? nil : load.bytes),
          destination: register)
      default: return .unknown(name)
      }
    case .headerWrite: return .writeTCPOption
    case .payloadWrite(let bytes, let source):
      return RegisterNumber.offset(source, bytes.length).map { .writePayload(bytes, source: $0) }
    case .queue(let queue): return .queue(queue)
    case .effect(let name): return name == "synproxy" ? .effectOnTCP(name) : .effect(name)
    case .passing: return .nothing
    case .loads(let name, _, let destination):
      return RegisterNumber.offset(destination).map { .load(name, destination: $0) }
    // A load or a condition inside a tunnel's packets.
    case .unknown("inner"): return .unknown(name)
    case .unknown: return nil
    }
  }

  private static func change(_ change: DynamicSet, in table: TableIndex) -> PreparedExpression? {
    guard let set = change.set.flatMap({ table.sets[$0] }),
      let key = change.key.flatMap({ RegisterNumber.offset($0, table.keyLength(ofSet: set)) })
    else { return nil }
    return .changeSet(
      set: set, key: key, value: change.value.flatMap { RegisterNumber.offset($0) },
      isRemoval: change.isRemoval, change.effect)
  }
}

/// A verdict with its chain looked up.
enum PreparedVerdict: Sendable {
  case accept
  case drop
  case `continue`
  case `return`
  case jump(chain: Int)
  case goto(chain: Int)
  case unknown(String)

  init(_ verdict: VerdictCode, in table: TableIndex) {
    switch verdict {
    case .accept: self = .accept
    case .drop: self = .drop
    case .continue: self = .continue
    case .return: self = .return
    case .jump(let name): self = table.chains[name].map { .jump(chain: $0) } ?? .unknown("jump to \(name)")
    case .goto(let name): self = table.chains[name].map { .goto(chain: $0) } ?? .unknown("goto \(name)")
    // NFT_BREAK
    case .other(-2): self = .continue
    case .other(let number): self = .unknown("verdict \(number)")
    }
  }
}

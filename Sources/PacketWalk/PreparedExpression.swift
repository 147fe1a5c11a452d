// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// An expression prepared for many packets: names looked up, raw bytes decoded. Registers are byte offsets.
enum PreparedExpression: Sendable {
  case meta(key: UInt32, destination: Int)
  case payload(base: UInt32, offset: Int, length: Int, destination: Int)
  case ct(key: UInt32, direction: UInt8?, destination: Int)
  case fib(result: UInt32, flags: UInt32, destination: Int)
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
  /// Tests for an extension header or an IP option, which no packet of the walk has; with a register, loads
  /// whether there is one.
  case absentHeader(presence: Int?)
  /// Changes nothing that a rule can see.
  case nothing
  /// Not supported: it may match or not, and may write any register.
  case unknown(String)

  /// Where a lookup writes what it finds.
  enum LookupDestination: Sendable {
    case nowhere
    case verdict
    case register(Int)
  }

  /// Expressions that let a packet continue unchanged.
  private static let passing: Set<String> = ["log", "last", "dup", "flow_offload"]

  /// Prepares an expression of a table.
  init(_ expression: Expression, in table: TableIndex) {
    switch expression {
    case .meta(let key, let register):
      self = Self.register(register).map { .meta(key: key, destination: $0) } ?? .unknown("meta")
    case .payload(let base, let offset, let length, let register):
      self =
        Self.register(register).map {
          .payload(base: base, offset: Int(offset), length: Int(length), destination: $0)
        } ?? .unknown("payload")
    case .ct(let key, let direction, let register):
      self =
        Self.register(register).map { .ct(key: key, direction: direction, destination: $0) } ?? .unknown("ct")
    case .fib(let result, let flags, let register):
      self =
        Self.register(register).map { .fib(result: result, flags: flags, destination: $0) } ?? .unknown("fib")
    case .compare(let operation, let register, let data):
      self =
        Self.register(register, data.count).map { .compare(operation: operation, source: $0, data: data) }
        ?? .unknown("cmp")
    case .range(let operation, let register, let from, let to):
      self =
        Self.register(register, from.count).map {
          .range(operation: operation, source: $0, from: from, to: to)
        } ?? .unknown("range")
    case .bitwise(let source, let destination, let mask, let xor):
      guard let source = Self.register(source, mask.count),
        let destination = Self.register(destination, mask.count)
      else {
        self = .unknown("bitwise")
        return
      }
      self = .bitwise(source: source, destination: destination, mask: mask, xor: xor)
    case .lookup(let name, let source, let destination, let inverted):
      guard let set = table.sets[name], let source = Self.register(source, table.keyLength(ofSet: set)) else {
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
        case .some(let register): Self.register(register).map(LookupDestination.register)
        }
      self =
        place.map { .lookup(set: set, source: source, destination: $0, inverted: inverted) }
        ?? .unknown("lookup @\(name)")
    case .immediate(let register, let data):
      self = Self.register(register, data.count).map { .immediate(destination: $0, data: data) } ?? .nothing
    case .verdict(let verdict): self = .verdict(PreparedVerdict(verdict, in: table))
    case .counter: self = .nothing
    case .object(let type, let name):
      self =
        switch type {
        case NFT.objectCounter: .counted(name)
        case NFT.objectLimit, NFT.objectQuota, NFT.objectConnectionLimit:
          .limit("limit \(name)", inverted: table.inversion(ofObject: name, type: type))
        default: .nothing
        }
    case .objectMap(let name, let source):
      guard let set = table.sets[name], let source = Self.register(source, table.keyLength(ofSet: set)) else {
        self = .unknown("objref @\(name)")
        return
      }
      self = .objects(set: set, source: source)
    case .reject: self = .reject
    case .notrack: self = .untrack
    case .limit(let rate, let unit, _):
      self = .limit(Self.limitText(rate: rate, unit: unit), inverted: .plain)
    case .log: self = .nothing
    case .metaSet(let key, let source):
      self =
        key == NFT.metaMark
        ? Self.register(source).map { .setMark(source: $0) } ?? .unknown("meta") : .nothing
    case .opaque(let name, let data): self = Self.opaque(name, data, in: table)
    }
  }

  private static func opaque(_ name: String, _ data: [UInt8], in table: TableIndex) -> PreparedExpression {
    let attributes = AttributeBytes(data)
    switch name {
    case "match", "target":
      guard let own = attributes.text(NFT.Attribute.compatName) else { return .unknown(name) }
      let revision = attributes.u32(NFT.Attribute.compatRevision) ?? 0
      let info = attributes.value(NFT.Attribute.compatInfo) ?? []
      return name == "match"
        ? .match(XtablesMatch(name: own, revision: revision, info: info, family: table.family))
        : .target(XtablesTarget(name: own, revision: revision, info: info, family: table.family))
    case "limit", "quota", "connlimit": return limit(name, attributes)
    case "nat", "masq", "redir":
      return TranslationOrder(expression: name, attributes).map { .translate($0) } ?? .unknown(name)
    case "byteorder":
      guard let source = attributes.u32(NFT.Attribute.byteOrderSource).flatMap({ register($0) }),
        let destination = attributes.u32(NFT.Attribute.byteOrderDestination).flatMap({ register($0) }),
        let length = attributes.u32(NFT.Attribute.byteOrderLength),
        let size = attributes.u32(NFT.Attribute.byteOrderSize), [2, 4, 8].contains(size), length <= 64
      else { return .unknown(name) }
      return .byteOrder(source: source, destination: destination, length: Int(length), size: Int(size))
    case "ct":
      guard let register = attributes.u32(NFT.Attribute.ctSourceRegister).flatMap({ register($0) }) else {
        return .unknown(name)
      }
      // Other properties that a rule may set (labels, zones, events): a zone makes it another connection.
      switch attributes.u32(NFT.Attribute.ctKey) {
      case NFT.ctMark: return .setConnectionMark(source: register)
      case NFT.ctZone: return .unknown("ct zone set")
      default: return .nothing
      }
    case "dynset": return dynamicSet(attributes)
    case "exthdr": return extensionHeader(attributes)
    case _ where passing.contains(name): return .nothing
    default: return .unknown(name)
    }
  }

  static func limit(_ name: String, _ attributes: AttributeBytes) -> PreparedExpression {
    switch name {
    case "limit":
      let rate = attributes.number(NFT.Attribute.limitRate) ?? 0
      let unit = attributes.number(NFT.Attribute.limitUnit) ?? 0
      let flags = attributes.u32(NFT.Attribute.limitFlags) ?? 0
      return .limit(limitText(rate: rate, unit: unit), inverted: inversion(flags))
    case "quota":
      return .limit(
        "quota \(attributes.number(NFT.Attribute.quotaBytes) ?? 0) bytes",
        inverted: inversion(attributes.u32(NFT.Attribute.quotaFlags) ?? 0))
    default:
      return .limit(
        "ct count \(attributes.u32(NFT.Attribute.connectionLimitCount) ?? 0)",
        inverted: inversion(attributes.u32(NFT.Attribute.connectionLimitFlags) ?? 0))
    }
  }

  /// A limit in nft's syntax, for a unit in seconds.
  static func limitText(rate: UInt64, unit: UInt64) -> String {
    let units: [UInt64: String] = [1: "second", 60: "minute", 3600: "hour", 86400: "day", 604_800: "week"]
    return "limit rate \(rate)/\(units[unit] ?? "?")"
  }

  private static func inversion(_ flags: UInt32) -> Inversion {
    flags & NFT.limitInverted != 0 ? .inverted : .plain
  }

  /// `exthdr`: a packet has no IPv6 extension headers and no IPv4 options; TCP options are not stated. An
  /// expression that writes an option changes nothing that a rule sees.
  private static func extensionHeader(_ attributes: AttributeBytes) -> PreparedExpression {
    if attributes.u32(NFT.Attribute.extensionSource) != nil { return .nothing }
    let operation = attributes.u32(NFT.Attribute.extensionOperation) ?? NFT.extensionIPv6
    guard operation == NFT.extensionIPv6 || operation == NFT.extensionIPv4,
      let register = attributes.u32(NFT.Attribute.extensionDestination).flatMap({ register($0) })
    else { return .unknown("exthdr") }
    let flags = attributes.u32(NFT.Attribute.extensionFlags) ?? 0
    return .absentHeader(presence: flags & NFT.extensionPresent != 0 ? register : nil)
  }

  /// `dynset`: adds to a set that is assumed to have room; with inner expressions it matches if they match.
  private static func dynamicSet(_ attributes: AttributeBytes) -> PreparedExpression {
    guard (attributes.u32(NFT.Attribute.dynamicSetFlags) ?? 0) & NFT.dynamicSetInverted == 0,
      attributes.u32(NFT.Attribute.dynamicSetOperation) != NFT.dynamicSetDelete
    else { return .unknown("dynset") }
    var inner = attributes.value(NFT.Attribute.dynamicSetExpression).map { [$0] } ?? []
    inner +=
      attributes.value(NFT.Attribute.dynamicSetExpressions).map { AttributeBytes($0).map(\.value) } ?? []
    for expression in inner {
      let parts = AttributeBytes(expression)
      guard let name = parts.text(NFT.Attribute.expressionName) else { return .unknown("dynset") }
      switch name {
      case "counter", "last": continue
      case "limit", "quota", "connlimit":
        return limit(name, AttributeBytes(parts.value(NFT.Attribute.expressionData) ?? []))
      default: return .unknown("dynset \(name)")
      }
    }
    return .nothing
  }

  /// The offset in bytes of a register that holds `count` bytes; nil for the verdict register and for invalid
  /// numbers.
  static func register(_ register: UInt32, _ count: Int = 0) -> Int? {
    let start: Int
    switch register {
    case 1...4: start = Int(register - 1) * 16
    case 8...23: start = Int(register - 8) * 4
    default: return nil
    }
    return start + count <= 64 ? start : nil
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

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

extension WalkRun {
  /// How a rule ended.
  enum RuleEnd {
    case noMatch
    /// It does not match under this assumption about something that the packet does not state.
    case passedOver(assuming: String)
    case next
    case verdict(PreparedVerdict)
    case rejected
    /// It bound a translation, which ends the chain.
    case translated
    case undetermined(String)
  }

  /// The end of a rule that requires more than a limit: the packet is assumed to be within it. If the rule
  /// may fail to match for another reason too, the assumption is not reported.
  private func passedOver(_ limit: String, _ unknown: String?) -> RuleEnd {
    unknown == nil ? .passedOver(assuming: "within \(limit)") : .noMatch
  }

  /// Evaluates a limit that one packet may exceed; nil if the rule goes on. A packet that does not exceed it is assumed to
  /// be below it.
  private mutating func apply(
    _ limit: RuleLimit, _ unknown: String?, _ table: Int, _ chain: Int, _ index: Int
  ) -> RuleEnd? {
    switch (limit.inversion, limit.isExceeded(byPacketOf: UInt64(packet.length ?? headers.length))) {
    case (.plain, true): return .noMatch
    case (.inverted, true): return nil
    case (.inverted, false): return passedOver(limit.text, unknown)
    case (.plain, false):
      note(table, chain, index, .assumed("within \(limit.text)"))
      return nil
    }
  }

  /// Evaluates a rule. After an expression with an unknown result the rule may or may not match. It does not
  /// match if a later expression does not match; it is undetermined if it would affect the packet's verdict.
  mutating func evaluate(_ rule: [PreparedExpression], _ table: Int, _ chain: Int, _ index: Int) -> RuleEnd {
    var unknown: String?
    // What an earlier expression loaded without the walk knowing its value.
    var loaded: String?
    for expression in rule {
      switch expression {
      case .meta(let key, let destination):
        if loadMeta(key, to: destination) == .breaks { return .noMatch }
      case .payload(let bytes, let destination): loadPayload(bytes, to: destination)
      case .ct(let key, let direction, let destination):
        if loadConnection(key, direction, to: destination) == .breaks { return .noMatch }
      case .fib(let result, let flags, let destination): loadRoute(result, flags, to: destination)
      case .compare(let operation, let source, let data):
        switch registers.compare(source, operation, data) {
        case true: break
        case false: return .noMatch
        case nil: unknown = unknown ?? loaded ?? "cmp"
        }
      case .range(let operation, let source, let from, let to):
        switch isInside(source, from, to) {
        case nil: unknown = unknown ?? loaded ?? "range"
        case .some(let isInside): if isInside != (operation == NFT.equal) { return .noMatch }
        }
      case .bitwise(let source, let destination, let mask, let xor):
        registers.bitwise(from: source, to: destination, mask: mask, xor: xor)
      case .byteOrder(let source, let destination, let length, let size):
        registers.swap(from: source, to: destination, length: length, size: size)
      case .lookup(let number, let source, let destination, let inverted):
        let set = walk.tables[table].table.sets[number]
        let count = Int(set.keyLength)
        let found = find(number, table, registers.value(source, count), known: registers.mask(source, count))
        switch (found, inverted) {
        case (.no, .plain), (.yes, .inverted): return .noMatch
        case (.no, .inverted): continue
        case (.unknown, _):
          unknown = unknown ?? loaded ?? "lookup @\(set.name)"
          if case .register(let start) = destination { registers.forget(start, Int(set.dataLength)) }
          if case .verdict = destination { return settle(set, unknown ?? "", table) }
        case (.yes(let value), .plain):
          if let end = take(value, to: destination, set, table, chain, index, &unknown) { return end }
        }
      case .immediate(let destination, let data): registers.write(data, at: destination)
      case .verdict(.continue): break
      case .verdict(let verdict): return settle(unknown) ?? .verdict(verdict)
      case .counted(let name): if unknown == nil { note(table, chain, index, .counted(name)) }
      case .objects(let number, let source):
        let set = walk.tables[table].table.sets[number]
        let count = Int(set.keyLength)
        switch set.find(registers.value(source, count), known: registers.mask(source, count)) {
        case .no: return .noMatch
        case .unknown: unknown = unknown ?? "objref @\(set.name)"
        case .yes(let value):
          guard case .object(let object)? = value?.plain else { continue }
          if set.objectType == NFT.objectCounter {
            if unknown == nil { note(table, chain, index, .counted(object)) }
          } else if set.objectType == NFT.objectLimit || set.objectType == NFT.objectQuota {
            let inverted = walk.tables[table].inversion(ofObject: object, type: set.objectType)
            if inverted == .inverted { return passedOver("limit \(object)", unknown) }
            note(table, chain, index, .assumed("within limit \(object)"))
          }
        }
      case .limit(let text, let inverted):
        // The packet is assumed to be below any limit.
        if inverted == .inverted { return passedOver(text, unknown) }
        note(table, chain, index, .assumed("within \(text)"))
      case .countedLimit(let limit):
        if let end = apply(limit, unknown, table, chain, index) { return end }
      case .writePayload(let bytes, let source):
        if bytes.base == NFT.payloadLink { break }
        guard unknown == nil, registers.isKnown(source, bytes.length),
          write(registers.value(source, bytes.length), to: bytes)
        else { return .undetermined(unknown ?? loaded ?? "a changed header") }
      case .setZone(let source):
        guard tracking != .tracked else { break }
        guard tracking == .unseen, unknown == nil else { return .undetermined(unknown ?? "ct zone set") }
        zone = registers.isKnown(source, 2) ? registers.value(source, 2) : nil
      case .setPacketType(let source):
        hasSetPacketType = true
        packet.packetType =
          unknown == nil && registers.isKnown(source, 1) ? registers.value(source, 1)[0] : nil
      case .requireTCP:
        if packet.transport != .tcp { return .noMatch }
      case .changeSet(let number, let key, let value, let isRemoval, let effect):
        change(number, table, key, value, isRemoval, certain: unknown == nil)
        switch effect {
        case .passes: break
        case .limit(let limit): if let end = apply(limit, unknown, table, chain, index) { return end }
        case .unknown(let name): unknown = unknown ?? name
        }
      case .load(let name, let destination):
        registers.forget(destination, 16)
        loaded = loaded ?? name
      case .effect(let name): return .undetermined(unknown ?? name)
      case .effectOnTCP(let name):
        guard packet.transport == .tcp else { return .noMatch }
        return .undetermined(unknown ?? name)
      case .reject: return settle(unknown) ?? .rejected
      case .untrack:
        // Only packets without a connection: before conntrack, or invalid.
        guard !hasConnection, tracking != .untracked else { continue }
        if let end = settle(unknown) { return end }
        tracking = .untracked
      case .setMark(let source):
        setMark(registers.hostNumber(source), certain: unknown == nil, table, chain, index)
      case .setConnectionMark(let source):
        guard hasConnection else { continue }
        setConnectionMark(registers.hostNumber(source), certain: unknown == nil)
      case .match(let match):
        if match.readsPort { trace.dependsOnPort = true }
        switch match {
        case .limit(let text, .plain):
          note(table, chain, index, .assumed("within \(text)"))
          continue
        case .limit(let text, .inverted): return passedOver(text, unknown)
        case .recent(let asked):
          switch (recent(asked, certain: unknown == nil), asked.inverted) {
          case (.yes, .plain), (.no, .inverted): continue
          case (.yes, .inverted), (.no, .plain): return .noMatch
          case (.rarely, .plain): return passedOver(asked.text, unknown)
          case (.rarely, .inverted): note(table, chain, index, .assumed("within \(asked.text)"))
          case (.unknown, _): unknown = unknown ?? match.name
          }
          continue
        default: break
        }
        switch matches(match) {
        case true: break
        case false: return .noMatch
        case nil: unknown = unknown ?? match.name
        }
      case .target(let target):
        if let end = apply(target, unknown, table, chain, index) { return end }
      case .translate(let order):
        if let family = order.family, family != packet.family.rawValue { continue }
        if let end = settle(unknown) { return end }
        return bind(order, table, chain, index)
      case .absentHeader(let presence):
        guard packet.family == .ipv6, let presence else { return .noMatch }
        registers.write([0], at: presence)
      case .nothing: break
      case .unknown(let name):
        unknown = unknown ?? name
        registers.forgetAll()
      }
    }
    // A rule without a verdict does not affect the packet's verdict.
    return .next
  }

  /// Uses the value that a map holds for a key. Nil if the rule continues.
  private mutating func take(
    _ value: ElementValue?, to destination: PreparedExpression.LookupDestination, _ set: KernelSet,
    _ table: Int,
    _ chain: Int, _ index: Int, _ unknown: inout String?
  ) -> RuleEnd? {
    if case .opaque(_, let attributes)? = value {
      if walk.tables[table].table.name == Ruleset.tableName, unknown == nil,
        let comment = AttributeBytes(attributes).value(NFT.Attribute.elementUserdata)
          .flatMap({ Userdata.text(type: NFT.udataComment, in: $0) })
      {
        note(table, chain, index, .opened(comment))
      }
      switch ElementLimits(attributes) {
      case .none: break
      case .within(let text): note(table, chain, index, .assumed("within \(text)"))
      case .above(let text): return passedOver(text, unknown)
      case .unknown: unknown = unknown ?? "an element of @\(set.name)"
      }
    }
    switch destination {
    case .nowhere: return nil
    case .verdict:
      guard case .verdict(let verdict)? = value?.plain else {
        unknown = unknown ?? "lookup @\(set.name)"
        return nil
      }
      if case .continue = verdict { return nil }
      return settle(unknown) ?? .verdict(PreparedVerdict(verdict, in: walk.tables[table]))
    case .register(let start):
      guard case .data(let data)? = value?.plain else {
        unknown = unknown ?? "lookup @\(set.name)"
        registers.forget(start, Int(set.dataLength))
        return nil
      }
      registers.write(data, at: start)
      return nil
    }
  }

  /// What becomes of a rule that affects the packet's path, and of which it is not known whether it matches: nil if this run
  /// takes it to match.
  mutating func settle(_ unknown: String?) -> RuleEnd? {
    guard let unknown else { return nil }
    guard choices.indices.contains(choicesMade) else {
      isOpen = true
      return .undetermined(unknown)
    }
    choicesMade += 1
    return choices[choicesMade - 1]
      ? nil : .passedOver(assuming: "\(unknown) does not match; the verdict is the same if it does")
  }

  /// A verdict map of which it is not known which element a packet finds: each of its verdicts may be that of the packet, and
  /// the packet may find none.
  private mutating func settle(_ set: KernelSet, _ unknown: String, _ table: Int) -> RuleEnd {
    var verdicts: [VerdictCode] = []
    for index in 0..<set.elements.count {
      guard case .verdict(let verdict)? = set.elements.value(index)?.plain else { continue }
      if !verdicts.contains(verdict) { verdicts.append(verdict) }
    }
    for verdict in verdicts {
      if case .undetermined(let name)? = settle(unknown) { return .undetermined(name) }
      if choices[choicesMade - 1] { return .verdict(PreparedVerdict(verdict, in: walk.tables[table])) }
    }
    return .passedOver(assuming: "\(unknown) finds nothing; the verdict is the same if it does")
  }

  private func isInside(_ source: Int, _ from: [UInt8], _ to: [UInt8]) -> Bool? {
    guard let low = registers.compare(source, NFT.greaterOrEqual, from),
      let high = registers.compare(source, NFT.lessOrEqual, to)
    else {
      if registers.compare(source, NFT.greaterOrEqual, from) == false { return false }
      if registers.compare(source, NFT.lessOrEqual, to) == false { return false }
      return nil
    }
    return low && high
  }

  /// Sets the packet's mark; the mark is unknown if the value is unknown or the rule may not match.
  mutating func setMark(_ mark: UInt32?, certain: Bool, _ table: Int, _ chain: Int, _ index: Int) {
    guard let mark, certain else {
      knowsMark = false
      return
    }
    packet.mark = mark
    knowsMark = true
    note(table, chain, index, .marked(mark))
  }

  mutating func setConnectionMark(_ mark: UInt32?, certain: Bool) {
    knowsConnectionMark = certain && mark != nil
    if let mark, certain { packet.connectionMark = mark }
  }
}

extension ElementValue {
  /// The value without the element's other attributes.
  var plain: ElementValue {
    if case .opaque(let value, _) = self { value.plain } else { self }
  }
}

/// The result of a set element's own expressions for a packet.
enum ElementLimits {
  case none
  case within(String)
  case above(String)
  case unknown

  init(_ attributes: [UInt8]) {
    var inner: [[UInt8]] = []
    for (type, value) in AttributeBytes(attributes) {
      switch type {
      case NFT.Attribute.elementExpression: inner.append(value)
      case NFT.Attribute.elementExpressions: inner += AttributeBytes(value).map(\.value)
      default: break
      }
    }
    self = .none
    for expression in inner {
      let parts = AttributeBytes(expression)
      let name = parts.text(NFT.Attribute.expressionName) ?? ""
      if name == "counter" || name == "last" { continue }
      guard
        let limit = RuleLimit(name, AttributeBytes(parts.value(NFT.Attribute.expressionData) ?? []))
      else {
        self = .unknown
        continue
      }
      self = limit.inversion == .inverted ? .above(limit.text) : .within(limit.text)
    }
  }
}

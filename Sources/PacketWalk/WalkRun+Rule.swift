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
  private func passedOver(_ limit: String, _ unknown: Unknown?) -> RuleEnd {
    unknown == nil ? .passedOver(assuming: "within \(limit)") : .noMatch
  }

  /// The end of a rule that does not match. It is reported on which assumption, if there is no other reason.
  private func missed(_ assumption: String?, _ unknown: Unknown?) -> RuleEnd {
    unknown == nil ? assumption.map { .passedOver(assuming: $0) } ?? .noMatch : .noMatch
  }

  /// Records an assumption about what is loaded, if there is one.
  private mutating func assume(
    _ text: String?, _ assumption: inout LoadAssumption, _ table: Int, _ chain: Int, _ index: Int
  ) {
    if assumption.isFulfilled { assumption = LoadAssumption() }
    guard let text else { return }
    assumption.text = text
    note(table, chain, index, .assumed(text))
  }

  /// Evaluates a limit that one packet may exceed; nil if the rule goes on. A packet that does not exceed it is assumed to
  /// be below it.
  private mutating func apply(
    _ limit: RuleLimit, _ unknown: Unknown?, _ table: Int, _ chain: Int, _ index: Int
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
    var unknown: Unknown?
    // What an earlier expression loaded without the walk knowing its value.
    var loaded: String?
    // What was assumed about what was loaded: the reason if it is not what the rule asks for.
    var assumption = LoadAssumption()
    for expression in rule {
      switch expression {
      case .meta(let key, let destination):
        if loadMeta(key, to: destination) == .breaks { return .noMatch }
        assume(self.assumption(key), &assumption, table, chain, index)
        if !registers.isKnown(destination, 1) {
          loaded = loaded ?? key.map { PacketField.meta($0).name(nil) } ?? "meta"
        }
      case .payload(let bytes, let destination):
        loadPayload(bytes, to: destination)
        assume(self.assumption(bytes), &assumption, table, chain, index)
        if !registers.isKnown(destination, 1) { loaded = loaded ?? bytes.text }
      case .ct(let key, let direction, let destination):
        if loadConnection(key, direction, to: destination) == .breaks { return .noMatch }
        assume(nil, &assumption, table, chain, index)
        if !registers.isKnown(destination, 1) {
          loaded = loaded ?? key.map { PacketField.connection($0, nil).name(nil) } ?? "ct"
        }
      case .fib(let result, let flags, let destination): loadRoute(result, flags, to: destination)
      case .compare(let operation, let source, let data):
        switch registers.compare(source, operation, data) {
        case true: assumption.isFulfilled = true
        case false: return missed(assumption.text, unknown)
        case nil: unknown.join(Unknown(loaded ?? "cmp"))
        }
      case .range(let operation, let source, let from, let to):
        switch isInside(source, from, to) {
        case nil: unknown.join(Unknown(loaded ?? "range"))
        case .some(let isInside):
          if isInside != (operation == NFT.equal) { return missed(assumption.text, unknown) }
          assumption.isFulfilled = true
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
        case (.no, .plain), (.yes, .inverted): return missed(assumption.text, unknown)
        case (.no, .inverted): continue
        case (.unknown, _):
          unknown.join(Unknown(loaded ?? "lookup @\(set.name)"))
          if case .register(let start) = destination { registers.forget(start, Int(set.dataLength)) }
          if case .verdict = destination { return settle(set, unknown, table) }
        case (.yes(let value), .plain):
          assumption.isFulfilled = true
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
        case .unknown: unknown.join(Unknown("objref @\(set.name)"))
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
        guard unknown == nil,
          write(registers.value(source, bytes.length), known: registers.mask(source, bytes.length), to: bytes)
        else { return .undetermined(unknown?.name ?? loaded ?? "a changed header") }
      case .setZone(let source):
        guard tracking != .tracked else { break }
        if let end = settle(unknown) { return end }
        // An untracked packet is tracked again: `nft_ct_set_zone_eval`.
        (tracking, hasTemplate) = (.unseen, true)
        zone = registers.isKnown(source, 2) ? registers.value(source, 2) : nil
      case .setPacketType(let source):
        hasSetPacketType = true
        packet.packetType =
          unknown == nil && registers.isKnown(source, 1) ? registers.value(source, 1)[0] : nil
      case .writeTCPOption:
        if packet.transport != .tcp { return .noMatch }
        hasWrittenOptions = true
      case .tcpOption(let load, let destination):
        let presence = presence(of: load.option)
        assume(presence.assumption(about: load.option), &assumption, table, chain, index)
        switch load.value(presence) {
        case .bytes(let data): registers.write(data, at: destination)
        case .breaks: return missed(assumption.text, unknown)
        case .unknown(let name):
          // Without the option the rule ends.
          if load.bytes != nil { unknown.join(Unknown(name)) }
          registers.forget(destination, max(1, load.bytes?.count ?? 0))
          loaded = loaded ?? name
        }
      case .changeSet(let number, let key, let value, let isRemoval, let effect):
        change(number, table, key, value, isRemoval, certain: unknown == nil)
        switch effect {
        case .passes: break
        case .limit(let limit): if let end = apply(limit, unknown, table, chain, index) { return end }
        case .unknown(let name): unknown.join(Unknown(name))
        }
      case .number(let name, let first, let count, let destination):
        guard count <= Self.mostNumbers else {
          registers.forget(destination, 4)
          loaded = loaded ?? name
          break
        }
        guard let number = chooseNumber(below: Int(count), name) else {
          return .undetermined(unknown?.name ?? name)
        }
        if count > 1 {
          note(table, chain, index, .assumed("\(name) gives \(first &+ UInt32(number)); any number may come"))
        }
        registers.write(HostOrder.bytes(first &+ UInt32(number)), at: destination)
      case .interfaceKind(let isInput, let destination):
        guard let name = isInput ? input : output else { return .noMatch }
        switch environment.facts(of: name)?.kind {
        case nil:
          registers.forget(destination, 16)
          loaded = loaded ?? "meta \(isInput ? "iifkind" : "oifkind")"
        case "": return .noMatch
        case .some(let kind):
          let bytes = Array(kind.utf8.prefix(15))
          registers.write(bytes + repeatElement(0, count: 16 - bytes.count), at: destination)
        }
      case .helper(let destination):
        if isExpected == false { return .noMatch }
        registers.forget(destination, 16)
        loaded = loaded ?? "ct helper"
      case .socket(let isTransparent, let destination):
        if let assumption = assumesNoSocket(isTransparent) {
          return unknown == nil ? .passedOver(assuming: assumption) : .noMatch
        }
        registers.forget(destination, 16)
        loaded = loaded ?? "socket"
      case .security: return .noMatch
      case .shift(let source, let destination, let count):
        registers.shift(from: source, to: destination, by: count)
      case .load(let name, let destination):
        registers.forget(destination, 16)
        loaded = loaded ?? name
      case .queue(let queue): return apply(queue, unknown)
      case .effect(let name): return .undetermined(unknown?.name ?? name)
      case .effectOnTCP(let name):
        guard packet.transport == .tcp else { return .noMatch }
        return .undetermined(unknown?.name ?? name)
      case .reject: return settle(unknown) ?? .rejected
      case .untrack:
        // Only packets without a connection: before conntrack, or invalid.
        guard !hasConnection, tracking != .untracked, !hasTemplate else { continue }
        if let end = settle(unknown) { return end }
        tracking = .untracked
      case .setMark(let source):
        if let end = settleChance(unknown) { return end }
        setMark(registers.hostNumber(source), certain: unknown == nil, table, chain, index)
      case .setConnectionMark(let source):
        guard hasConnection else { continue }
        if let end = settleChance(unknown) { return end }
        setConnectionMark(registers.hostNumber(source), certain: unknown == nil)
      case .match(let match):
        trace.reads.formUnion(match.reads)
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
          case (.unknown, _): unknown.join(Unknown(match.name))
          }
          continue
        case .chance:
          unknown.join(Unknown(match.name, .chance))
          continue
        case .unusual(let what, let inverted):
          guard packet.state == .new, packet.flow == nil else { break }
          if inverted == .plain {
            return unknown == nil ? .passedOver(assuming: "without \(what)") : .noMatch
          }
          note(table, chain, index, .assumed("without \(what)"))
          continue
        case .socket(let isTransparent):
          guard let assumption = assumesNoSocket(isTransparent) else { break }
          return unknown == nil ? .passedOver(assuming: assumption) : .noMatch
        default: break
        }
        switch matches(match) {
        case true: if let text = self.assumption(match) { note(table, chain, index, .assumed(text)) }
        case false: return missed(self.assumption(match), unknown)
        case nil: unknown.join(Unknown(match.name))
        }
        if let asked = match.option {
          let presence = presence(of: asked.option)
          let text = presence.assumption(about: asked.option)
          switch asked.holds(presence) {
          case true: if let text { note(table, chain, index, .assumed(text)) }
          case false: return missed(text, unknown)
          case nil: unknown.join(Unknown(match.name))
          }
        }
      case .target(let target):
        if let end = apply(target, unknown, table, chain, index) { return end }
      case .translate(let order):
        if let family = order.family, family != packet.family.rawValue { continue }
        if let end = settle(unknown) { return end }
        return bind(order, table, chain, index)
      case .absentHeader(let family, let presence):
        guard packet.family == family, let presence else { return .noMatch }
        registers.write([0], at: presence)
      case .routeSecurity(let destination):
        // A packet that arrives has no route yet: `nft_rt_get_eval` of `net/netfilter/nft_rt.c`.
        guard hook != NFT.hookPrerouting else { return .noMatch }
        registers.write([0], at: destination)
      case .nothing: break
      case .unknown(let name):
        unknown.join(Unknown(name))
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
    _ chain: Int, _ index: Int, _ unknown: inout Unknown?
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
      case .unknown: unknown.join(Unknown("an element of @\(set.name)"))
      }
    }
    switch destination {
    case .nowhere: return nil
    case .verdict:
      guard case .verdict(let verdict)? = value?.plain else {
        unknown.join(Unknown("lookup @\(set.name)"))
        return nil
      }
      if case .continue = verdict { return nil }
      return settle(unknown) ?? .verdict(PreparedVerdict(verdict, in: walk.tables[table]))
    case .register(let start):
      guard case .data(let data)? = value?.plain else {
        unknown.join(Unknown("lookup @\(set.name)"))
        registers.forget(start, Int(set.dataLength))
        return nil
      }
      registers.write(data, at: start)
      return nil
    }
  }

  /// What becomes of a rule that affects the packet's path, and of which it is not known whether it matches: nil if this run
  /// takes it to match.
  mutating func settle(_ unknown: Unknown?) -> RuleEnd? {
    guard let unknown else { return nil }
    guard let matches = choose(unknown) else { return .undetermined(unknown.name) }
    if matches { return nil }
    let other =
      switch unknown.nature {
      case .fact: "the verdict is the same if it does"
      case .chance: "it may match as well"
      }
    return .passedOver(assuming: "\(unknown.name) does not match; \(other)")
  }

  /// The same for a rule that affects something other than the path: only chance is walked both ways.
  mutating func settleChance(_ unknown: Unknown?) -> RuleEnd? {
    unknown?.nature == .chance ? settle(unknown) : nil
  }

  /// A verdict map of which it is not known which element a packet finds: each of its verdicts may be that of the packet, and
  /// the packet may find none.
  private mutating func settle(_ set: KernelSet, _ unknown: Unknown?, _ table: Int) -> RuleEnd {
    let unknown = unknown ?? Unknown("lookup @\(set.name)")
    var verdicts: [VerdictCode] = []
    for index in 0..<set.elements.count {
      guard case .verdict(let verdict)? = set.elements.value(index)?.plain else { continue }
      if !verdicts.contains(verdict) { verdicts.append(verdict) }
    }
    for verdict in verdicts {
      guard let isIt = choose(unknown) else { return .undetermined(unknown.name) }
      if isIt { return .verdict(PreparedVerdict(verdict, in: walk.tables[table])) }
    }
    return .passedOver(assuming: "\(unknown.name) finds nothing; the verdict is the same if it does")
  }

  /// What is assumed if no socket of this host has the packet; nil if one may have it. A packet that arrives for another
  /// address can have only a transparent one. Source: `nf_sk_lookup_slow_v4`, `nft_socket_eval`.
  private func assumesNoSocket(_ isTransparent: Bool) -> String? {
    guard packet.input != nil else { return nil }
    let isLocal = environment.addressType(packet.destination, on: nil) != .unicast
    return isTransparent || !isLocal ? "no transparent socket has the packet" : nil
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
}

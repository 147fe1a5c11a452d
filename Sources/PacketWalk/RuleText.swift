// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import Ruleset

/// A rule of any program on one line, close to how nft or iptables writes it. It is for reading only: an
/// expression without such a form is printed as by `ExpressionText`.
public enum RuleText {
  /// A family's name in nft.
  public static func family(_ number: UInt8) -> String {
    switch number {
    case 1: "inet"
    case 2: "ip"
    case 3: "arp"
    case 5: "netdev"
    case 7: "bridge"
    case 10: "ip6"
    default: "family \(number)"
    }
  }

  /// A table's family and name, as nft writes them; for a table of legacy iptables: `legacy ip filter`.
  public static func table(_ family: UInt8, _ name: String, _ subsystem: KernelTable.Subsystem) -> String {
    (subsystem == .legacy ? "legacy " : "") + "\(Self.family(family)) \(name)"
  }

  /// The same of a table.
  public static func name(of table: KernelTable) -> String {
    Self.table(table.family, table.name, table.subsystem)
  }

  /// A rule of a table of this family; `sets` are the sets that it may refer to.
  public static func line(_ rule: KernelRule, family: UInt8, sets: [KernelSet] = []) -> String {
    var writer = RuleWriter(family: family, sets: sets)
    for expression in rule.expressions { writer.add(expression) }
    return writer.words.joined(separator: " ")
  }
}

/// Collects a rule's words.
private struct RuleWriter {
  let family: UInt8
  let sets: [KernelSet]
  var words: [String] = []
  private var flow: RegisterFlow
  /// What expressions load that are not fields, by the first byte of the register.
  private var loads: [Int: Value] = [:]

  init(family: UInt8, sets: [KernelSet]) {
    self.family = family
    self.sets = sets
    flow = RegisterFlow(family: AddressFamily(rawValue: family))
  }

  private func set(_ name: String) -> KernelSet? { sets.first { $0.name == name } }

  package mutating func add(_ expression: Expression) {
    switch expression {
    case .meta, .ct, .payload, .fib, .immediate, .bitwise, .counter: break
    case .compare(let operation, let source, let data): compare(operation, source, data)
    case .range(let operation, let source, let from, let to):
      let value = value(flow.read(source, from.count) ?? [])
      let format = value?.format ?? .hex
      words.append(
        "\(value?.name ?? "?") \(operation == NFT.notEqual ? "!= " : "")\(format.text(from))-\(format.text(to))"
      )
    case .lookup(let set, let source, let destination, let inverted):
      lookup(set, source, destination, inverted)
    case .verdict(let verdict): words.append(text(verdict))
    case .object(let type, let name):
      words.append(type == NFT.objectCounter ? "counter \(name)" : "object \(name)")
    case .objectMap(let set, _): words.append("object \(key(of: expression)) map @\(set)")
    case .reject(let type, _): words.append(type == NFT.rejectReset ? "reject with tcp reset" : "reject")
    case .notrack: words.append("notrack")
    case .limit(let rate, let unit, _): words.append(RuleLimit.text(rate: rate, unit: unit))
    case .log: words.append("log")
    case .metaSet(let key, let source):
      words.append(
        "\(MetaKey(rawValue: key).map { PacketField.meta($0).name(nil) } ?? "meta \(key)") set \(given(source) ?? "…")"
      )
    case .opaque(let name, let data): opaque(expression, name, OpaqueExpression(name, data))
    }
    flow.execute(expression) { [sets] name in sets.first { $0.name == name } }
  }

  private func text(_ verdict: VerdictCode) -> String {
    switch verdict {
    case .jump(let chain): "jump \(chain)"
    case .goto(let chain): "goto \(chain)"
    default: ExpressionText.text(verdict)
    }
  }

  // MARK: Registers

  /// What registers hold, in nft's syntax.
  private struct Value {
    var name: String
    var format: ValueFormat
    var mask: [UInt8]?
    var xor: [UInt8]?

    /// With what happened to it since it was loaded.
    var changed: String {
      let masked = mask.flatMap { mask in mask.allSatisfy { $0 == 0xff } ? nil : " & \(format.text(mask))" }
      return name + (masked ?? "") + (xor.map { " xor \(format.text($0))" } ?? "")
    }
  }

  /// Nil if the rule has written nothing there.
  private func value(_ pieces: [RegisterPiece]) -> Value? {
    guard let first = pieces.first, first.origin != .unwritten else { return nil }
    let parts = pieces.filter { $0.origin != .padding && $0.origin != .unwritten }
    guard parts.count > 1 else { return value(first) }
    // Several fields that are next to each other: as nft writes a concatenation.
    return Value(name: parts.map { value($0).name }.joined(separator: " . "), format: .hex)
  }

  private func value(_ piece: RegisterPiece) -> Value {
    var value =
      switch piece.origin {
      case .field(let field): self.value(piece, of: field)
      case .header(let base):
        Value(
          name: HeaderBytes(base: base, offset: piece.place, length: piece.length).text, format: .hex)
      case .property(let name): Value(name: name, format: .hex)
      case .value(let map, let key): Value(name: "\(names(key)) map @\(map)", format: .hex)
      case .swapped(let pieces): swapped(pieces)
      case .unknown: loads[piece.start] ?? Value(name: "", format: .hex)
      case .data, .padding, .unwritten: Value(name: "", format: .hex)
      }
    if let change = piece.change {
      value.mask = change.mask
      if change.xor.contains(where: { $0 != 0 }) { value.xor = change.xor }
    }
    return value
  }

  private func value(_ piece: RegisterPiece, of field: PacketField) -> Value {
    // The beginning of a field has the field's name: of an address it is a prefix.
    guard piece.place > 0 else { return Value(name: field.name(flow.transport), format: field.form.format) }
    guard case .header(let header) = field else {
      return Value(name: "\(field.name(nil)) from byte \(piece.place)", format: .hex)
    }
    let offset = header.bytes.offset + piece.place
    return Value(
      name: HeaderBytes(base: header.bytes.base, offset: offset, length: piece.length).text, format: .hex)
  }

  /// A number in the other byte order has the same name: nft swaps the bytes for a range of numbers.
  private func swapped(_ pieces: [RegisterPiece]) -> Value {
    var value = value(pieces) ?? Value(name: "", format: .hex)
    switch value.format {
    case .host: value.format = .network
    case .network: value.format = .host
    case .hour(let order): value.format = .hour(order == .host ? .network : .host)
    case .hex, .address, .name, .transport, .states, .addressType, .family, .day: value.format = .hex
    }
    return value
  }

  private func names(_ pieces: [RegisterPiece]) -> String {
    pieces.filter { $0.origin != .padding && $0.origin != .unwritten }.map { value($0).name }
      .joined(separator: " . ")
  }

  private func key(of expression: Expression) -> String { names(flow.operands(of: expression) { set($0) }) }

  /// A value that is used for something: the number, if the rule gives it.
  private func given(_ register: UInt32) -> String? {
    flow.piece(at: register).map { piece in
      piece.data.map { ValueFormat.host.text($0) } ?? value(piece).changed
    }
  }

  /// The bytes that a rule writes into a header.
  private func written(_ register: UInt32, _ bytes: HeaderBytes) -> String {
    guard let piece = flow.piece(at: register) else { return "…" }
    let field = bytes.parts(flow.family).first { $0.length == bytes.length }?.field
    let format = field.map { PacketField.header($0).form.format } ?? .hex
    return piece.data.map { format.text(Array($0.prefix(bytes.length))) } ?? value(piece).changed
  }

  // MARK: Conditions

  private mutating func compare(_ operation: UInt32, _ source: UInt32, _ data: [UInt8]) {
    guard let value = value(flow.read(source, data.count) ?? []) else { return }
    let sign = ["", "!= ", "< ", "<= ", "> ", ">= "][Int(min(operation, 5))]
    if value.xor != nil {
      words.append("\(value.changed) \(sign.isEmpty ? "== " : sign)\(value.format.text(data))")
    } else if let mask = value.mask {
      if let length = PrefixText.length(mask), case .address = value.format {
        words.append("\(value.name) \(sign)\(value.format.text(data))/\(length)")
      } else if operation == NFT.notEqual, data.allSatisfy({ $0 == 0 }) {
        words.append("\(value.name) \(value.format.text(mask))")
      } else {
        words.append(
          "\(value.name) & \(value.format.text(mask)) \(sign.isEmpty ? "== " : sign)\(value.format.text(data))"
        )
      }
    } else {
      words.append("\(value.name) \(sign)\(value.format.text(data))\(prefixLength(value.format, data.count))")
    }
  }

  /// The length of a prefix, if the bytes are only the beginning of an address.
  private func prefixLength(_ format: ValueFormat, _ count: Int) -> String {
    guard case .address(let family) = format else { return "" }
    let isWhole = family.map { count >= $0.byteWidth } ?? (count == 4 || count == 16)
    return isWhole ? "" : "/\(count * 8)"
  }

  private mutating func lookup(
    _ name: String, _ source: UInt32, _ destination: UInt32?, _ inverted: Inversion
  ) {
    // The value of a map is shown where it is used.
    if let destination, destination != NFT.registerVerdict { return }
    let set = set(name)
    var shown = "@\(name)"
    if let set, set.flags & NFT.setAnonymous != 0, destination == nil, set.elements.count <= 8,
      set.fields.isEmpty, let field = flow.piece(at: source)
    {
      let format = value(field).format
      let keys = (0..<set.elements.count).filter { set.elements.flags($0) & NFT.elementIntervalEnd == 0 }
      shown = "{ \(keys.map { format.text(Array(set.elements.key($0))) }.joined(separator: ", ")) }"
    }
    let key = key(of: .lookup(set: name, source: source, destination: destination, inverted: inverted))
    let kind = destination == nil ? "" : "vmap "
    words.append("\(key) \(inverted == .inverted ? "!= " : "")\(kind)\(shown)")
  }

  // MARK: Raw bytes

  private mutating func opaque(_ expression: Expression, _ name: String, _ decoded: OpaqueExpression) {
    switch decoded {
    case .match(let own, let revision, let info):
      let match = XtablesMatch(name: own, revision: revision, info: info, family: family)
      let text = XtablesText.text(match, own)
      if !text.isEmpty { words.append(text) }
    case .target(let own, let revision, let info):
      let target = XtablesTarget(name: own, revision: revision, info: info, family: family)
      words.append(XtablesText.text(target, own))
    case .limit(let limit): words.append(limit.inversion == .inverted ? "\(limit.text) over" : limit.text)
    case .translation(let name, let attributes): words.append(translation(name, attributes))
    case .dynamicSet(let set): words.append("\(set.isRemoval ? "delete" : "add") @\(set.set ?? "?")")
    case .connectionSet(let key, let source):
      switch key.flatMap(ConnectionKey.init(rawValue:)) {
      case .mark: words.append("ct mark set \(given(source) ?? "…")")
      case .zone: words.append("ct zone set \(given(source) ?? "…")")
      default: words.append(name)
      }
    case .payloadWrite(let bytes, let source):
      let fields = bytes.parts(flow.family).map { part in
        part.field.map { PacketField.header($0).name(flow.transport) }
          ?? HeaderBytes(base: bytes.base, offset: part.offset, length: part.length).text
      }
      words.append("\(fields.joined(separator: " . ")) set \(written(source, bytes))")
    case .queue(let queue): words.append(queue.text)
    case .effect(let name): words.append(name)
    case .loads(let name, _, let destination):
      // Shown where it is used.
      if let start = RegisterNumber.offset(destination) {
        loads[start] = Value(name: loaded(name, expression), format: .hex)
      }
    case .headerLoad(let load):
      if let start = RegisterNumber.offset(load.destination) {
        let option = TCPOption(kind: load.type)
        let isSize = option == .maximumSegmentSize && load.bytes == 2..<4 && load.result == .bytes
        loads[start] =
          load.operation == NFT.extensionTCPOption
          ? Value(name: "tcp option \(option.name)\(isSize ? " size" : "")", format: isSize ? .network : .hex)
          : Value(name: name, format: .hex)
      }
    // The text of what it swapped says so.
    case .byteOrder: break
    case .headerWrite, .passing, .unknown: words.append(name)
    }
  }

  /// A number that chance decides, as nft writes it; the name of other loads.
  private func loaded(_ name: String, _ expression: Expression) -> String {
    guard case .opaque(_, let data) = expression else { return name }
    let attributes = AttributeBytes(data)
    typealias Attribute = NFT.Attribute
    switch name {
    case "numgen":
      let count = attributes.u32(Attribute.numberModulus) ?? 0
      // NFT_NG_INCREMENTAL, NFT_NG_RANDOM
      return "numgen \(attributes.u32(Attribute.numberType) == 0 ? "inc" : "random") mod \(count)"
        + offset(attributes.u32(Attribute.numberOffset))
    case "hash":
      let count = attributes.u32(Attribute.hashModulus) ?? 0
      let source = attributes.u32(Attribute.hashSource).flatMap { flow.piece(at: $0) }.map {
        " \(value($0).name)"
      }
      // NFT_HASH_JENKINS, NFT_HASH_SYM
      let isSymmetric = attributes.u32(Attribute.hashType) == 1
      return (isSymmetric ? "symhash" : "jhash\(source ?? "")") + " mod \(count)"
        + offset(attributes.u32(Attribute.hashOffset))
    default: return name
    }
  }

  private func offset(_ first: UInt32?) -> String { first.map { $0 == 0 ? "" : " offset \($0)" } ?? "" }

  private func translation(_ name: String, _ attributes: AttributeBytes) -> String {
    func piece(_ type: UInt16) -> RegisterPiece? { attributes.u32(type).flatMap { flow.piece(at: $0) } }
    switch name {
    case "nat":
      let isSource = attributes.u32(NFT.Attribute.natType) == 0
      func range(_ first: UInt16, _ last: UInt16, _ text: ([UInt8]) -> String) -> String? {
        func end(_ type: UInt16) -> String? {
          piece(type).map { piece in piece.data.map(text) ?? value(piece).name }
        }
        return end(first).map { begin in
          end(last).map { $0 == begin ? begin : "\(begin)-\($0)" } ?? begin
        }
      }
      var target = range(NFT.Attribute.natAddressFirst, NFT.Attribute.natAddressLast) {
        IPAddress(bytes: $0)?.description ?? ValueFormat.hex.text($0)
      }
      if let ports = range(
        NFT.Attribute.natPortFirst, NFT.Attribute.natPortLast, { ValueFormat.network.text($0) })
      {
        target = (target ?? "") + ":" + ports
      }
      return "\(isSource ? "snat" : "dnat") to \(target ?? "?")"
    case "masq": return "masquerade"
    default:
      let port = piece(NFT.Attribute.redirectPortFirst)?.data
      return "redirect" + (port.map { " to :\(ValueFormat.network.text($0))" } ?? "")
    }
  }
}

extension HeaderBytes {
  /// The bytes as nft writes those of no field that it knows; Ethernet addresses by their names.
  var text: String {
    switch (base, offset, length) {
    case (NFT.payloadLink, 0, 6): return "ether daddr"
    case (NFT.payloadLink, 6, 6): return "ether saddr"
    default: break
    }
    let name =
      switch base {
      case NFT.payloadLink: "ll"
      case NFT.payloadNetwork: "nh"
      case NFT.payloadTransport: "th"
      default: "\(base)"
      }
    return "@\(name),\(offset * 8),\(length * 8)"
  }
}

/// Masks as prefix lengths.
enum PrefixText {
  /// The number of leading ones; nil if other bits are set.
  static func length(_ mask: [UInt8]) -> Int? {
    let bits: [Bool] = (0..<(mask.count * 8)).map { mask[$0 / 8] & (0x80 >> UInt8($0 % 8)) != 0 }
    let length = bits.prefix { $0 }.count
    return bits.dropFirst(length).contains(true) ? nil : length
  }
}

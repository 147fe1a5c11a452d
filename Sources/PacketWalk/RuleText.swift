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

  /// A rule of a table of this family; `sets` are the sets that it may refer to.
  public static func line(_ rule: KernelRule, family: UInt8, sets: [KernelSet] = []) -> String {
    var writer = RuleWriter(family: family, sets: sets)
    for expression in rule.expressions { writer.add(expression) }
    return writer.words.joined(separator: " ")
  }
}

/// Collects a rule's words, and remembers what each register was loaded with.
private struct RuleWriter {
  let family: UInt8
  let sets: [KernelSet]
  var words: [String] = []
  /// What was loaded, by the byte offset of the register, in nft's syntax.
  private var loads: [Int: Field] = [:]
  private var protocolName: String?

  init(family: UInt8, sets: [KernelSet]) {
    self.family = family
    self.sets = sets
  }

  struct Field {
    var name: String
    var format: ValueFormat
    var mask: [UInt8]?
    var data: [UInt8]?
  }

  package mutating func add(_ expression: Expression) {
    switch expression {
    case .meta(let key, let register): load(FieldNames.meta(key), register)
    case .ct(let key, let direction, let register): load(FieldNames.connection(key, direction), register)
    case .payload(let base, let offset, let length, let register):
      load(FieldNames.payload(base, offset, length, family: family, protocolName), register)
    case .fib(let result, let flags, let register): load(FieldNames.fib(result, flags), register)
    case .immediate(let register, let data):
      loads[place(register)] = Field(name: "", format: .hex, data: data)
    case .bitwise(let source, let destination, let mask, let xor):
      guard var field = loads[place(source)] else { return }
      field.mask = mask
      if xor.contains(where: { $0 != 0 }) { field.name += " xor \(ValueFormat.hex.text(xor))" }
      loads[place(destination)] = field
    case .compare(let operation, let source, let data): compare(operation, source, data)
    case .range(let operation, let source, let from, let to):
      let field = loads[place(source)]
      let format = field?.format ?? .hex
      words.append(
        "\(field?.name ?? "?") \(operation == NFT.notEqual ? "!= " : "")\(format.text(from))-\(format.text(to))"
      )
    case .lookup(let set, let source, let destination, let inverted):
      lookup(set, source, destination, inverted)
    case .verdict(let verdict): words.append(text(verdict))
    case .counter: break
    case .object(let type, let name):
      words.append(type == NFT.objectCounter ? "counter \(name)" : "object \(name)")
    case .objectMap(let set, let source): words.append("object \(key(source, set)) map @\(set)")
    case .reject(let type, _): words.append(type == NFT.rejectReset ? "reject with tcp reset" : "reject")
    case .notrack: words.append("notrack")
    case .limit(let rate, let unit, _): words.append(PreparedExpression.limitText(rate: rate, unit: unit))
    case .log: words.append("log")
    case .metaSet(let key, let source):
      words.append("\(FieldNames.meta(key).name) set \(value(source) ?? "…")")
    case .opaque(let name, let data): opaque(name, AttributeBytes(data))
    }
  }

  private func text(_ verdict: VerdictCode) -> String {
    switch verdict {
    case .jump(let chain): "jump \(chain)"
    case .goto(let chain): "goto \(chain)"
    default: ExpressionText.text(verdict)
    }
  }

  private func place(_ register: UInt32) -> Int { PreparedExpression.register(register) ?? -1 }

  private mutating func load(_ field: (name: String, format: ValueFormat), _ register: UInt32) {
    loads[place(register)] = Field(name: field.name, format: field.format)
  }

  private func value(_ register: UInt32) -> String? {
    guard let field = loads[place(register)] else { return nil }
    return field.data.map { ValueFormat.host.text($0) } ?? field.name
  }

  private mutating func compare(_ operation: UInt32, _ source: UInt32, _ data: [UInt8]) {
    guard let field = loads[place(source)] else { return }
    if field.name == "meta l4proto", operation == NFT.equal, let number = data.first {
      protocolName = IPProtocol(number: number).description
    }
    let sign = ["", "!= ", "< ", "<= ", "> ", ">= "][Int(min(operation, 5))]
    if let mask = field.mask {
      if let length = PrefixText.length(mask), field.format == .address {
        words.append("\(field.name) \(sign)\(field.format.text(data))/\(length)")
      } else if operation == NFT.notEqual, data.allSatisfy({ $0 == 0 }) {
        words.append("\(field.name) \(field.format.text(mask))")
      } else {
        words.append(
          "\(field.name) & \(field.format.text(mask)) \(sign.isEmpty ? "== " : sign)\(field.format.text(data))"
        )
      }
      return
    }
    let isPart = field.format == .address && data.count != 4 && data.count != 16
    words.append("\(field.name) \(sign)\(field.format.text(data))\(isPart ? "/\(data.count * 8)" : "")")
  }

  private func key(_ source: UInt32, _ set: String) -> String {
    let start = place(source)
    let length = Int(sets.first { $0.name == set }?.keyLength ?? 4)
    let fields = loads.filter { $0.key >= start && $0.key < start + length }.sorted { $0.key < $1.key }
    return fields.map(\.value.name).joined(separator: " . ")
  }

  private mutating func lookup(
    _ name: String, _ source: UInt32, _ destination: UInt32?, _ inverted: Inversion
  ) {
    let kind = destination == nil ? "" : destination == NFT.registerVerdict ? "vmap " : "map "
    var shown = "@\(name)"
    if let set = sets.first(where: { $0.name == name }), set.flags & NFT.setAnonymous != 0,
      destination == nil,
      set.elements.count <= 8, set.fields.isEmpty, let field = loads[place(source)]
    {
      let keys = (0..<set.elements.count).filter { set.elements.flags($0) & NFT.elementIntervalEnd == 0 }
      shown = "{ \(keys.map { field.format.text(Array(set.elements.key($0))) }.joined(separator: ", ")) }"
    }
    let text = "\(key(source, name)) \(inverted == .inverted ? "!= " : "")\(kind)\(shown)"
    if let destination, destination != NFT.registerVerdict {
      loads[place(destination)] = Field(name: text, format: .hex)
    } else {
      words.append(text)
    }
  }

  private mutating func opaque(_ name: String, _ attributes: AttributeBytes) {
    switch name {
    case "match", "target":
      let own = attributes.text(NFT.Attribute.compatName) ?? "?"
      let revision = attributes.u32(NFT.Attribute.compatRevision) ?? 0
      let info = attributes.value(NFT.Attribute.compatInfo) ?? []
      if name == "match" {
        let text = XtablesText.text(
          XtablesMatch(name: own, revision: revision, info: info, family: family), own)
        if !text.isEmpty { words.append(text) }
      } else {
        words.append(
          XtablesText.text(XtablesTarget(name: own, revision: revision, info: info, family: family), own))
      }
    case "limit", "quota", "connlimit":
      if case .limit(let text, let inverted) = PreparedExpression.limit(name, attributes) {
        words.append(inverted == .inverted ? "\(text) over" : text)
      }
    case "nat":
      let isSource = attributes.u32(NFT.Attribute.natType) == 0
      var target = attributes.u32(NFT.Attribute.natAddressFirst).flatMap { loads[place($0)] }.map {
        $0.data.map { IPAddress(bytes: $0)?.description ?? ValueFormat.hex.text($0) } ?? $0.name
      }
      if let port = attributes.u32(NFT.Attribute.natPortFirst).flatMap({ loads[place($0)] }) {
        target = (target ?? "") + ":" + (port.data.map { ValueFormat.network.text($0) } ?? port.name)
      }
      words.append("\(isSource ? "snat" : "dnat") to \(target ?? "?")")
    case "masq": words.append("masquerade")
    case "redir":
      let port = attributes.u32(NFT.Attribute.redirectPortFirst).flatMap { loads[place($0)]?.data }
      words.append("redirect" + (port.map { " to :\(ValueFormat.network.text($0))" } ?? ""))
    case "log", "last": words.append(name)
    case "dynset": words.append("add @\(attributes.text(NFT.Attribute.dynamicSetName) ?? "?")")
    case "ct" where attributes.u32(NFT.Attribute.ctKey) == NFT.ctMark:
      words.append(
        "ct mark set \(attributes.u32(NFT.Attribute.ctSourceRegister).flatMap { value($0) } ?? "…")")
    default: words.append(name)
    }
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

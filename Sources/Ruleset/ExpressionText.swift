// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// A table as text, as the kernel executes it: chains, rules and their expressions, sets and their elements.
public enum ExpressionText {
  /// The whole table, with one line for each rule and each element. Bytes are hexadecimal, in memory order.
  public static func text(_ table: KernelTable) -> String {
    var lines = ["table \(table.name) family \(table.family) flags \(table.flags)"]
    for object in table.objects { lines.append("object \(object.name) type \(object.type)") }
    for set in table.sets {
      lines.append(
        "set \(set.name) flags 0x\(String(set.flags, radix: 16)) key \(set.keyType)/\(set.keyLength)"
          + (set.dataType == 0 ? "" : " data 0x\(String(set.dataType, radix: 16))/\(set.dataLength)")
          + (set.objectType == 0 ? "" : " objects \(set.objectType)"))
      for index in 0..<set.elements.count {
        var line = "  element \(hex(set.elements.key(index)))"
        if let end = set.elements.keyEnd(index) { line += "-\(hex(end))" }
        if set.elements.flags(index) != 0 { line += " flags \(set.elements.flags(index))" }
        if let value = set.elements.value(index) { line += " : \(text(value))" }
        lines.append(line)
      }
    }
    for chain in table.chains {
      let base = chain.base.map { " hook \($0.hook) priority \($0.priority) policy \($0.policy)" } ?? ""
      lines.append("chain \(chain.name)\(base)")
      for rule in chain.rules {
        let words = (rule.comment.map { [$0] } ?? []) + rule.expressions.map { "[ \(text($0)) ]" }
        lines.append("  rule \(words.joined(separator: " "))")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// One expression.
  public static func text(_ expression: Expression) -> String {
    switch expression {
    case .meta(let key, let destination): "meta load \(key) => reg \(destination)"
    case .metaSet(let key, let source): "meta set \(key) with reg \(source)"
    case .payload(let base, let offset, let length, let destination):
      "payload load \(length)b @ \(name(base)) + \(offset) => reg \(destination)"
    case .ct(let key, let direction, let destination):
      "ct load \(key)\(direction.map { " dir \($0)" } ?? "") => reg \(destination)"
    case .fib(let result, let flags, let destination): "fib \(result) flags \(flags) => reg \(destination)"
    case .compare(let operation, let source, let data): "cmp \(symbol(operation)) reg \(source) \(hex(data))"
    case .range(let operation, let source, let from, let to):
      "range \(symbol(operation)) reg \(source) \(hex(from)) \(hex(to))"
    case .bitwise(let source, let destination, let mask, let xor):
      "bitwise reg \(destination) = reg \(source) & \(hex(mask)) ^ \(hex(xor))"
    case .lookup(let set, let source, let destination, let inverted):
      "lookup reg \(source) set \(set)\(destination.map { " dreg \($0)" } ?? "")\(inverted == .inverted ? " inverted" : "")"
    case .immediate(let destination, let data): "immediate reg \(destination) \(hex(data))"
    case .verdict(let verdict): "immediate reg 0 \(text(verdict))"
    case .counter: "counter"
    case .object(let type, let name): "objref type \(type) name \(name)"
    case .objectMap(let set, let source): "objref sreg \(source) set \(set)"
    case .reject(let type, let code): "reject type \(type) code \(code)"
    case .notrack: "notrack"
    case .limit(let rate, let unit, let burst): "limit rate \(rate)/\(unit)s burst \(burst)"
    case .log(let prefix, let group, let captured): "log prefix \(prefix) group \(group) snaplen \(captured)"
    case .opaque(let name, let data): "\(name) \(hex(data))"
    }
  }

  package static func text(_ verdict: VerdictCode) -> String {
    switch verdict {
    case .accept: "accept"
    case .drop: "drop"
    case .continue: "continue"
    case .return: "return"
    case .jump(let chain): "jump -> \(chain)"
    case .goto(let chain): "goto -> \(chain)"
    case .other(let number): "verdict \(number)"
    }
  }

  private static func text(_ value: ElementValue) -> String {
    switch value {
    case .verdict(let verdict): text(verdict)
    case .data(let data): hex(data)
    case .object(let name): name
    case .none: ""
    case .opaque(let value, let attributes): "\(text(value)) + \(hex(attributes))"
    }
  }

  private static func name(_ base: UInt32) -> String {
    let names = ["link header", "network header", "transport header"]
    return names.indices.contains(Int(base)) ? names[Int(base)] : "base \(base)"
  }

  private static func symbol(_ operation: UInt32) -> String {
    let names = ["eq", "neq", "lt", "lte", "gt", "gte"]
    return names.indices.contains(Int(operation)) ? names[Int(operation)] : "op \(operation)"
  }

  private static func hex(_ bytes: some Sequence<UInt8>) -> String {
    let digits = bytes.map { $0 < 16 ? "0\(String($0, radix: 16))" : String($0, radix: 16) }.joined()
    return "0x\(digits)"
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import TestSupport
import Testing

@Suite("The contents of registers")
struct RegisterFlowTests {
  /// A load of each kind.
  private static let source = Expression.payload(base: 1, offset: 12, length: 4, destination: 1)
  private static let port = Expression.payload(base: 2, offset: 2, length: 2, destination: 9)

  private static func attribute(_ type: UInt16, _ number: UInt32) -> [UInt8] {
    HostOrder.bytes(UInt16(8)) + HostOrder.bytes(type) + HostOrder.bytes(number.bigEndian)
  }

  /// What each byte of the first registers holds, as text.
  private static func text(_ pieces: [RegisterPiece]) -> String {
    pieces.map { piece in
      let name =
        switch piece.origin {
        case .unwritten: "-"
        case .field(let field): field.name(nil)
        case .header(let base): "@\(base)"
        case .property(let name): name
        case .padding: "0"
        case .data: "\(piece.data ?? [])"
        case .value(let map, let key): "\(text(key)) => \(map)"
        case .swapped(let pieces): "swapped(\(text(pieces)))"
        case .unknown: "?"
        }
      let change = piece.change.map { " & \($0.mask) ^ \($0.xor)" } ?? ""
      return "\(name)\(change) \(piece.place)+\(piece.length)"
    }.joined(separator: ", ")
  }

  private static let map = KernelSet(
    name: "m", flags: NFT.setMap, keyType: 13, keyLength: 2, dataType: 19, dataLength: 4,
    elements: SetElements(keyLength: 2))

  @Test(
    "are the origins of all bytes after each expression",
    arguments: [
      ([], "- 0+8"),
      ([source, port], "ip saddr 0+4, th dport 0+2, 0 0+2"),
      // A field of one byte takes a whole register, and one of 16 bytes four of them.
      ([source, port, .meta(key: 16, destination: 1)], "meta l4proto 0+1, 0 0+3, th dport 0+2, 0 0+2"),
      ([source, port, .meta(key: 6, destination: 1)], "iifname 0+8"),
      // Register 9 is the second quarter of register 1.
      ([.meta(key: 6, destination: 1), port], "iifname 0+4, th dport 0+2, 0 0+2"),
      ([.payload(base: 2, offset: 0, length: 4, destination: 1)], "th sport 0+2, th dport 0+2, - 0+4"),
      ([.payload(base: 1, offset: 12, length: 3, destination: 1)], "ip saddr 0+3, 0 0+1, - 0+4"),
      ([.payload(base: 0, offset: 6, length: 6, destination: 1)], "@0 6+6, 0 0+2"),
      ([.immediate(destination: 1, data: [1, 2, 3])], "[1, 2, 3] 0+3, 0 0+1, - 0+4"),
      ([.immediate(destination: 0, data: [1])], "- 0+8"),
      (
        [source, .bitwise(source: 1, destination: 9, mask: [255, 0, 0, 0], xor: [0, 0, 0, 1])],
        "ip saddr 0+4, ip saddr & [255, 0, 0, 0] ^ [0, 0, 0, 1] 0+4"
      ),
      (
        [
          source, .bitwise(source: 1, destination: 1, mask: [15, 255, 0, 0], xor: [1, 2, 0, 0]),
          .bitwise(source: 1, destination: 1, mask: [3, 0, 255, 0], xor: [4, 0, 0, 0]),
        ], "ip saddr & [3, 0, 0, 0] ^ [5, 0, 0, 0] 0+4, - 0+4"
      ),
      (
        [
          .immediate(destination: 1, data: [255, 1]),
          .bitwise(source: 1, destination: 1, mask: [15, 0, 0, 0], xor: [0, 2, 0, 0]),
        ], "[15, 2] 0+2, 0 & [0, 0] ^ [0, 0] 0+2, - 0+4"
      ),
      // Keys that are not in the catalogue: four bytes, or up to 16.
      ([port, .meta(key: 99, destination: 1)], "meta 99 0+4, ? 0+4"),
      ([.ct(key: 99, direction: 1, destination: 1)], "ct reply 99 0+4, ? 0+4"),
      // The addresses of a connection have the width of its family.
      ([.ct(key: 8, direction: 0, destination: 1)], "ct original saddr 0+4, - 0+4"),
      ([.fib(result: 3, flags: 2, destination: 1)], "fib daddr type 0+4, - 0+4"),
      (
        [port, .lookup(set: "m", source: 9, destination: 1, inverted: .plain)],
        "th dport 0+2 => m 0+4, th dport 0+2, 0 0+2"
      ),
      ([port, .lookup(set: "m", source: 9, destination: 0, inverted: .plain)], "- 0+4, th dport 0+2, 0 0+2"),
      (
        [source, .lookup(set: "other", source: 1, destination: 9, inverted: .plain)],
        "ip saddr 0+4, ip saddr 0+4 => other 0+4"
      ),
      ([PacketField.sourceRoute(.strict).load(into: 9)], "- 0+4, ip option ssrr 0+1, 0 0+3"),
      (
        [
          .opaque(
            name: "byteorder", data: attribute(1, 9) + attribute(2, 1) + attribute(4, 2) + attribute(5, 2))
        ],
        "swapped(- 0+2) 0+2, - 0+6"
      ),
      // nft asks for numbers of two bytes in a length of one: the kernel swaps nothing.
      (
        [
          source,
          .opaque(
            name: "byteorder", data: attribute(1, 1) + attribute(2, 1) + attribute(4, 1) + attribute(5, 2)),
        ],
        "ip saddr 0+4, - 0+4"
      ),
      ([source, .opaque(name: "numgen", data: attribute(1, 9))], "ip saddr 0+4, ? 0+4"),
      ([source, .opaque(name: "rt", data: attribute(1, 9))], "ip saddr 0+4, ? 0+4"),
      ([source, .opaque(name: "osf", data: attribute(1, 9))], "ip saddr 0+4, ? 0+4"),
      ([source, .opaque(name: "xfrm", data: attribute(1, 9))], "ip saddr 0+4, ? 0+4"),
      ([source, .opaque(name: "socket", data: attribute(1, 0) + attribute(2, 9))], "ip saddr 0+4, ? 0+4"),
      ([source, .opaque(name: "tunnel", data: attribute(1, 0) + attribute(2, 9))], "ip saddr 0+4, ? 0+4"),
      ([source, .opaque(name: "hash", data: attribute(1, 1) + attribute(2, 9))], "ip saddr 0+4, ? 0+4"),
      ([source, .opaque(name: "exthdr", data: attribute(1, 9) + attribute(5, 1))], "ip saddr 0+4, ? 0+4"),
      // Without a register, or unknown: it may write any of them.
      ([source, .opaque(name: "exthdr", data: attribute(1, 9))], "? 0+8"),
      ([source, .opaque(name: "hash", data: [])], "? 0+8"),
      ([source, .opaque(name: "new", data: [])], "? 0+8"),
      ([source, .meta(key: 16, destination: 7)], "? 0+8"),
      // These write no register.
      (
        [source, .opaque(name: "match", data: attribute(2, 0) + [6, 0, 1, 0, 97, 0, 0, 0])],
        "ip saddr 0+4, - 0+4"
      ),
      ([source, .opaque(name: "dynset", data: attribute(4, 1))], "ip saddr 0+4, - 0+4"),
      ([source, .opaque(name: "nat", data: attribute(3, 1))], "ip saddr 0+4, - 0+4"),
      ([source, .opaque(name: "limit", data: [])], "ip saddr 0+4, - 0+4"),
      ([source, .metaSet(key: 3, source: 1), .notrack, .counter], "ip saddr 0+4, - 0+4"),
    ] as [([Expression], String)])
  func contents(_ expressions: [Expression], _ text: String) {
    var flow = RegisterFlow(family: .ipv4)
    for expression in expressions { flow.execute(expression) { $0 == "m" ? Self.map : nil } }
    #expect(flow.read(1, 8).map(Self.text) == text)
  }

  @Test("an address of an unknown family may be longer than four bytes")
  func unknownFamily() {
    var flow = RegisterFlow(family: nil)
    flow.execute(.ct(key: 8, direction: 0, destination: 1)) { _ in nil }
    #expect(flow.read(1, 8).map(Self.text) == "ct original saddr 0+4, ? 0+4")
  }

  @Test(
    "what a rule has required decides what header bytes mean",
    arguments: [
      ([.meta(key: 15, destination: 1), .compare(operation: 0, source: 1, data: [2])], "ip ttl 0+1, 0 0+3"),
      (
        [.meta(key: 15, destination: 1), .compare(operation: 0, source: 1, data: [10])],
        "ip6 saddr 0+1, 0 0+3"
      ),
      (
        [.meta(key: 1, destination: 1), .compare(operation: 0, source: 1, data: [0x86, 0xdd])],
        "ip6 saddr 0+1, 0 0+3"
      ),
      // Not a requirement: another comparison, or only some bits.
      ([.meta(key: 15, destination: 1), .compare(operation: 1, source: 1, data: [10])], "ip ttl 0+1, 0 0+3"),
      (
        [
          .meta(key: 15, destination: 1), .bitwise(source: 1, destination: 1, mask: [8], xor: [0]),
          .compare(operation: 0, source: 1, data: [10]),
        ], "ip ttl 0+1, 0 0+3"
      ),
    ] as [([Expression], String)])
  func requirements(_ expressions: [Expression], _ text: String) {
    var flow = RegisterFlow(family: nil)
    for expression in expressions + [.payload(base: 1, offset: 8, length: 1, destination: 1)] {
      flow.execute(expression) { _ in nil }
    }
    #expect(flow.read(1, 4).map(Self.text) == text)
  }

  @Test("a rule requires a protocol by each field that has it, if the family is certain")
  func protocols() {
    let ip: [Expression] = [
      .payload(base: 1, offset: 9, length: 1, destination: 1), .compare(operation: 0, source: 1, data: [1]),
    ]
    let meta: [Expression] = [
      .meta(key: 16, destination: 1), .compare(operation: 0, source: 1, data: [58]),
    ]
    for (expressions, family, transport) in [
      (meta, nil, .icmpv6), (ip, .ipv4, .icmp), (ip, nil, nil), (ip, .ipv6, nil),
    ] as [([Expression], AddressFamily?, IPProtocol?)] {
      var flow = RegisterFlow(family: family)
      for expression in expressions { flow.execute(expression) { _ in nil } }
      #expect(flow.transport == transport)
    }
  }

  @Test("an expression reads the bytes that it needs")
  func operands() {
    var flow = RegisterFlow(family: .ipv4)
    for expression in [Self.source, Self.port] { flow.execute(expression) { _ in nil } }
    func operands(_ expression: Expression) -> String {
      Self.text(flow.operands(of: expression) { $0 == "m" ? Self.map : nil })
    }
    #expect(operands(.compare(operation: 0, source: 1, data: [10])) == "ip saddr 0+1")
    #expect(operands(.lookup(set: "m", source: 9, destination: nil, inverted: .plain)) == "th dport 0+2")
    // The length of the key is not known.
    #expect(
      operands(.lookup(set: "x", source: 1, destination: nil, inverted: .plain))
        == "ip saddr 0+4, th dport 0+2, 0 0+2")
    #expect(operands(.metaSet(key: 3, source: 9)) == "th dport 0+2, 0 0+2")
    #expect(operands(.opaque(name: "nat", data: Self.attribute(5, 9))) == "th dport 0+2, 0 0+2")
    #expect(operands(.opaque(name: "new", data: [])) == "ip saddr 0+4, th dport 0+2, 0 0+2")
    #expect(operands(.opaque(name: "match", data: [])) == "ip saddr 0+4, th dport 0+2, 0 0+2")
    #expect(flow.read(0, 1) == nil)
    #expect(flow.read(23, 5) == nil)
  }

  @Test("agree with an execution on bytes, for random expressions", arguments: 0..<200)
  func agrees(_ seed: UInt64) {
    var machine = Machine(seed: seed)
    var flow = RegisterFlow(family: .ipv4)
    for _ in 0..<machine.random.number(1...12) {
      flow.execute(machine.step()) { _ in nil }
      for piece in flow.read(1, 64) ?? [] {
        #expect(Array(machine.bytes[piece.start..<piece.end]) == machine.bytes(of: piece), "\(piece)")
      }
    }
  }
}

/// Registers as bytes: a second, simple implementation of what the kernel does.
private struct Machine {
  var random: SeededGenerator
  var bytes: [UInt8?] = Array(repeating: nil, count: 64)
  let network: [UInt8]
  let transport: [UInt8]
  let name: [UInt8]

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    network = random.bytes(64)
    transport = random.bytes(64)
    name = random.bytes(16)
  }

  /// A random expression, executed.
  mutating func step() -> Expression {
    let register = UInt32(random.number(1...19))
    let destination = register > 4 ? register + 4 : register
    let start = destination > 4 ? Int(destination - 8) * 4 : Int(destination - 1) * 16
    let room = 64 - start
    switch random.number(0...3) {
    case 0:
      write(Array(name.prefix(min(16, room))), start)
      return .meta(key: 6, destination: destination)
    case 1:
      let base = UInt32(random.number(1...2))
      let (offset, length) = (random.number(0...24), random.number(1...min(16, room)))
      write(Array((base == 1 ? network : transport)[offset..<(offset + length)]), start)
      return .payload(base: base, offset: UInt32(offset), length: UInt32(length), destination: destination)
    case 2:
      let data = random.bytes(random.number(1...min(16, room)))
      write(data, start)
      return .immediate(destination: destination, data: data)
    default:
      let from = random.number(1...4)
      let count = random.number(1...min(16, room))
      let (mask, xor) = (random.bytes(count), random.bytes(count))
      let old = Array(bytes[((from - 1) * 16)..<((from - 1) * 16 + count)])
      write(old.indices.map { index in old[index].map { $0 & mask[index] ^ xor[index] } }, start)
      return .bitwise(source: UInt32(from), destination: destination, mask: mask, xor: xor)
    }
  }

  private mutating func write(_ data: [UInt8?], _ start: Int) {
    for index in 0..<((data.count + 3) / 4 * 4) {
      bytes[start + index] = index < data.count ? data[index] : 0
    }
  }

  /// The bytes that a piece stands for.
  func bytes(of piece: RegisterPiece) -> [UInt8?] {
    let range = piece.place..<(piece.place + piece.length)
    let old: [UInt8?] =
      switch piece.origin {
      case .unwritten, .unknown, .property, .value, .swapped: Array(repeating: nil, count: piece.length)
      case .padding: Array(repeating: 0, count: piece.length)
      case .data(let data): Array(data[range])
      case .header(let base): Array((base == 1 ? network : transport)[range])
      case .field(.header(let field)):
        range.map { (field.bytes.base == 1 ? network : transport)[field.bytes.offset + $0] }
      case .field: Array(name[range])
      }
    guard let change = piece.change else { return old }
    return old.indices.map { index in old[index].map { $0 & change.mask[index] ^ change.xor[index] } }
  }
}

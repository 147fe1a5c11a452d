// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel

/// What the registers hold while a rule is executed, without a packet: after each expression the origin of every
/// byte. What an expression might write, if that is not known exactly, is `unknown`.
///
/// It also keeps the family and the protocol that the rule has required so far, since the meaning of header
/// bytes depends on them.
package struct RegisterFlow {
  /// What is written, ascending and disjoint.
  private var pieces: [RegisterPiece] = []
  /// The family of the packets that the rule has not excluded; nil if both are possible.
  package private(set) var family: AddressFamily?
  /// The protocol of the packets that the rule has not excluded; nil if several are possible.
  package private(set) var transport: IPProtocol?

  /// The beginning of a rule in a table; `family` is the only one of its packets, nil if there are several.
  package init(family: AddressFamily?) { self.family = family }

  // MARK: Reading

  /// The origins of `count` bytes from a register on, without gaps; nil if there is no such register.
  package func read(_ register: UInt32, _ count: Int) -> [RegisterPiece]? {
    guard let start = RegisterNumber.offset(register, count) else { return nil }
    return read(start..<(start + count))
  }

  private func read(_ range: Range<Int>) -> [RegisterPiece] {
    var found: [RegisterPiece] = []
    var place = range.lowerBound
    for piece in pieces where piece.end > place && piece.start < range.upperBound {
      guard let part = piece.clipped(place..<range.upperBound) else { continue }
      if part.start > place {
        found.append(RegisterPiece(.unwritten, start: place, length: part.start - place))
      }
      found.append(part)
      place = part.end
    }
    if place < range.upperBound {
      found.append(RegisterPiece(.unwritten, start: place, length: range.upperBound - place))
    }
    return found
  }

  /// The piece to which a register's first byte belongs, from this byte on; nil if it is not written.
  package func piece(at register: UInt32) -> RegisterPiece? {
    guard let start = RegisterNumber.offset(register) else { return nil }
    guard let piece = pieces.first(where: { $0.start <= start && $0.end > start }) else { return nil }
    return piece.start == start ? piece : piece.clipped(start..<RegisterNumber.size)
  }

  /// Everything that is written from a register on, up to the first gap: what an expression may read whose
  /// length is not known.
  private func written(from register: UInt32) -> [RegisterPiece] {
    guard let start = RegisterNumber.offset(register) else { return [] }
    return Array(read(start..<RegisterNumber.size).prefix { $0.origin != .unwritten })
  }

  /// What an expression may read, before it is executed. `sets` finds a set of the table.
  package func operands(of expression: Expression, _ sets: (String) -> KernelSet?) -> [RegisterPiece] {
    func key(_ set: String, _ source: UInt32) -> [RegisterPiece] {
      guard let set = sets(set) else { return written(from: source) }
      return read(source, Int(set.keyLength)) ?? []
    }
    switch expression {
    case .meta, .payload, .ct, .fib, .immediate, .verdict, .counter, .object, .reject, .notrack, .limit, .log:
      return []
    case .metaSet(let key, let source):
      return read(source, MetaKey(rawValue: key)?.form.length ?? 4) ?? []
    case .compare(_, let source, let data), .range(_, let source, let data, _):
      return read(source, data.count) ?? []
    case .bitwise(let source, _, let mask, _): return read(source, mask.count) ?? []
    case .lookup(let set, let source, _, _), .objectMap(let set, let source): return key(set, source)
    case .opaque(let name, let data):
      switch OpaqueExpression(name, data).reads {
      case .nothing: return []
      case .registers(let sources): return sources.flatMap { written(from: $0) }
      case .anything: return pieces
      }
    }
  }

  // MARK: Executing

  /// Executes the next expression. `sets` finds a set of the table.
  package mutating func execute(_ expression: Expression, _ sets: (String) -> KernelSet?) {
    switch expression {
    case .meta(let key, let destination):
      load(MetaKey(rawValue: key).map(PacketField.meta), else: "meta \(key)", destination)
    case .payload(let base, let offset, let length, let destination):
      load(HeaderBytes(base: base, offset: Int(offset), length: Int(length)), destination)
    case .ct(let key, let direction, let destination):
      let side = direction.flatMap(ConnectionDirection.init(rawValue:))
      let field = ConnectionKey(rawValue: key).map { PacketField.connection($0, side) }
      load(
        side?.rawValue == direction ? field : nil,
        else: "ct \(side.map { "\($0) " } ?? "")\(key)", destination)
    case .fib(let result, let flags, let destination):
      load(
        RouteResult(rawValue: result).map { .route($0, flags: flags) }, else: "fib \(result)", destination)
    case .compare(NFT.equal, let source, let data): require(data, source)
    case .bitwise(let source, let destination, let mask, let xor):
      change(source, destination, mask: mask, xor: xor)
    case .lookup(let set, _, let destination?, _) where destination != NFT.registerVerdict:
      let value = RegisterPiece.Origin.value(map: set, key: operands(of: expression, sets))
      if let length = sets(set)?.dataLength {
        write(value, Int(length), to: destination)
      } else {
        write(value, 4, longest: RegisterNumber.size, to: destination)
      }
    case .immediate(let destination, let data): write(.data(data), data.count, to: destination)
    case .opaque(let name, let data):
      if let (route, destination) = expression.sourceRouteLoad {
        return write(.field(.sourceRoute(route)), 1, to: destination)
      }
      let decoded = OpaqueExpression(name, data)
      if case .byteOrder(let source, let destination, let length, let size) = decoded {
        return swap(source, destination, length / size * size)
      }
      switch decoded.writes {
      case .nothing: break
      case .registers(let destinations):
        // All of these expressions write 16 bytes at most.
        for destination in destinations { write(.unknown, 16, to: destination) }
      case .anything: pieces = [RegisterPiece(.unknown, start: 0, length: RegisterNumber.size)]
      }
    case .metaSet, .compare, .range, .lookup, .verdict, .counter, .object, .objectMap, .reject, .notrack,
      .limit,
      .log:
      break
    }
  }

  private mutating func load(_ field: PacketField?, else name: String, _ destination: UInt32) {
    guard let field else { return write(.property(name), 4, longest: 16, to: destination) }
    let form = field.form
    if form.length == form.longest {
      write(.field(field), form.length, to: destination)
    } else if let family {
      write(.field(field), family.byteWidth, to: destination)
    } else {
      write(.field(field), form.length, longest: form.longest, to: destination)
    }
  }

  private mutating func load(_ bytes: HeaderBytes, _ destination: UInt32) {
    guard let start = RegisterNumber.offset(destination, bytes.length) else { return forget(destination) }
    clear(start..<(start + RegisterNumber.padded(bytes.length)))
    var place = start
    for part in bytes.parts(family) {
      let origin = part.field.map { RegisterPiece.Origin.field(.header($0)) } ?? .header(base: bytes.base)
      add(
        RegisterPiece(
          origin, start: place, length: part.length,
          place: part.field.map { part.offset - $0.bytes.offset } ?? part.offset))
      place += part.length
    }
    pad(from: place)
  }

  private mutating func change(_ source: UInt32, _ destination: UInt32, mask: [UInt8], xor: [UInt8]) {
    guard let from = RegisterNumber.offset(source, mask.count),
      let to = RegisterNumber.offset(destination, mask.count), xor.count == mask.count
    else { return forget(destination) }
    let parts = read(from..<(from + mask.count)).map { piece in
      let range = (piece.start - from)..<(piece.end - from)
      return piece.changed(mask: mask[range], xor: xor[range], moved: to - from)
    }
    clear(to..<(to + RegisterNumber.padded(mask.count)))
    for part in parts { add(part) }
    pad(from: to + mask.count)
  }

  /// Only whole numbers are swapped; nothing else is written. Source: `nft_byteorder_eval` of
  /// `net/netfilter/nft_byteorder.c`.
  private mutating func swap(_ source: UInt32, _ destination: UInt32, _ length: Int) {
    guard let pieces = read(source, length), let to = RegisterNumber.offset(destination, length) else {
      return forget(destination)
    }
    guard length > 0 else { return }
    clear(to..<(to + length))
    add(RegisterPiece(.swapped(pieces), start: to, length: length))
  }

  /// Remembers what the packets that continue have in common.
  private mutating func require(_ data: [UInt8], _ source: UInt32) {
    guard let piece = piece(at: source), piece.change == nil, piece.length <= data.count else { return }
    switch piece.wholeField {
    case .meta(.family): family = data.first.flatMap(AddressFamily.init(rawValue:)) ?? family
    case .meta(.etherType) where data == [0x08, 0x00]: family = .ipv4
    case .meta(.etherType) where data == [0x86, 0xdd]: family = .ipv6
    case .meta(.transport): transport = data.first.map(IPProtocol.init(number:))
    // In a packet of IPv6 this byte is a part of an address.
    case .header(.ipv4Protocol) where family == .ipv4:
      transport = data.first.map(IPProtocol.init(number:))
    default: break
    }
  }

  // MARK: Writing

  /// Writes `length` bytes, padded to whole registers. Up to `longest` bytes may be written too.
  private mutating func write(
    _ origin: RegisterPiece.Origin, _ length: Int, longest: Int? = nil, to register: UInt32
  ) {
    guard let start = RegisterNumber.offset(register) else { return forget(register) }
    let end = min(start + length, RegisterNumber.size)
    let last = min(start + RegisterNumber.padded(max(length, longest ?? 0)), RegisterNumber.size)
    clear(start..<last)
    add(RegisterPiece(origin, start: start, length: end - start))
    pad(from: end)
    let next = RegisterNumber.padded(end)
    if next < last { add(RegisterPiece(.unknown, start: next, length: last - next)) }
  }

  /// The kernel refuses an invalid register; the verdict register is none of these bytes.
  private mutating func forget(_ register: UInt32) {
    guard register != NFT.registerVerdict else { return }
    pieces = [RegisterPiece(.unknown, start: 0, length: RegisterNumber.size)]
  }

  /// Zeros up to the end of a register.
  private mutating func pad(from place: Int) {
    let end = RegisterNumber.padded(place)
    if place < end { add(RegisterPiece(.padding, start: place, length: end - place)) }
  }

  private mutating func clear(_ range: Range<Int>) {
    var index = 0
    while index < pieces.count {
      let piece = pieces[index]
      if piece.end <= range.lowerBound || piece.start >= range.upperBound {
        index += 1
      } else if piece.start >= range.lowerBound, piece.end <= range.upperBound {
        pieces.remove(at: index)
      } else {
        let rest = [
          piece.clipped(0..<range.lowerBound), piece.clipped(range.upperBound..<RegisterNumber.size),
        ]
        .compactMap { $0 }
        pieces.replaceSubrange(index...index, with: rest)
        index += rest.count
      }
    }
  }

  /// Adds a piece where nothing is.
  private mutating func add(_ piece: RegisterPiece) {
    pieces.insert(piece, at: pieces.firstIndex { $0.start > piece.start } ?? pieces.count)
  }
}

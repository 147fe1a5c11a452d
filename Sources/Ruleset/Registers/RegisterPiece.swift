// SPDX-License-Identifier: GPL-3.0-or-later

/// Successive bytes of the registers that come from one place.
package struct RegisterPiece: Sendable, Hashable {
  /// Where the bytes come from.
  package enum Origin: Sendable, Hashable {
    /// No expression of the rule has written them.
    case unwritten
    case field(PacketField)
    /// Bytes of a header that belong to no known field; `base` is an `nft_payload_bases`.
    case header(base: UInt32)
    /// A property that is not a known field: its name with its number.
    case property(String)
    /// Zeros after a value, up to the end of a register.
    case padding
    /// Given in the rule.
    case data([UInt8])
    /// The value that a map has for a key.
    case value(map: String, key: [RegisterPiece])
    /// Numbers with their bytes in the opposite order (`byteorder`); the pieces are what was swapped.
    case swapped([RegisterPiece])
    /// The result of an expression that is not evaluated, or what was there before.
    case unknown
  }

  /// What happened to the bytes since: `byte & mask ^ xor`.
  package struct Change: Sendable, Hashable {
    package let mask: [UInt8]
    package let xor: [UInt8]
  }

  /// The first byte, counted from the beginning of the registers.
  package private(set) var start: Int
  package private(set) var length: Int
  package let origin: Origin
  /// The first byte within its origin. For bytes of a header it is the offset in the header.
  package private(set) var place: Int
  package private(set) var change: Change?

  init(_ origin: Origin, start: Int, length: Int, place: Int = 0) {
    self.origin = origin
    self.start = start
    self.length = length
    self.place = place
  }

  package var end: Int { start + length }

  /// The field, if these are all of its bytes.
  package var wholeField: PacketField? {
    guard case .field(let field) = origin, place == 0, length >= field.form.length else { return nil }
    return field
  }

  /// The bytes, if the rule gives them.
  package var data: [UInt8]? {
    if case .data(let data) = origin { Array(data[place..<(place + length)]) } else { nil }
  }

  /// The bytes of it that are in a range; nil if there are none.
  func clipped(_ range: Range<Int>) -> RegisterPiece? {
    let (first, last) = (max(start, range.lowerBound), min(end, range.upperBound))
    guard first < last else { return nil }
    var piece = self
    piece.start = first
    piece.length = last - first
    piece.place = place + first - start
    piece.change = change.map {
      let part = (first - start)..<(last - start)
      return Change(mask: Array($0.mask[part]), xor: Array($0.xor[part]))
    }
    return piece
  }

  /// The same bytes, `distance` bytes further, after a mask and an xor of this length.
  func changed(mask: ArraySlice<UInt8>, xor: ArraySlice<UInt8>, moved distance: Int) -> RegisterPiece {
    if let data {
      let result = zip(data, zip(mask, xor)).map { $0 & $1.0 ^ $1.1 }
      return RegisterPiece(.data(result), start: start + distance, length: length)
    }
    var piece = self
    piece.start += distance
    if let change {
      // (b & m ^ x) & n ^ y = b & (m & n) ^ (x & n ^ y)
      piece.change = Change(
        mask: zip(change.mask, mask).map { $0 & $1 },
        xor: zip(zip(change.xor, mask), xor).map { $0.0 & $0.1 ^ $1 })
    } else {
      piece.change = Change(mask: Array(mask), xor: Array(xor))
    }
    return piece
  }
}

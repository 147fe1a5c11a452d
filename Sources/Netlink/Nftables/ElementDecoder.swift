// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import Ruleset

/// The elements of a set as one dump gave them.
struct ReadElements: Equatable {
  let elements: SetElements
  /// What could not be read, of the first element with which this was so.
  let malformed: String?
}

/// Collects the elements of a set from the messages of its dump into packed records.
struct ElementDecoder {
  private let keyLength: Int
  private var hasKeyEnd: Bool
  private var records: [UInt8] = []
  private var count = 0
  /// Empty until an element comes with a value.
  private var values: [ElementValue] = []
  /// Empty until an element comes with an end of its life.
  private var remaining: [UInt64] = []
  /// What could not be read, of the first element with which this was so.
  private var malformed: String?

  /// The longest key that the kernel has, in bytes: `NFT_DATA_VALUE_MAXLEN` of `linux/netfilter/nf_tables.h`.
  private static let keyLimit: UInt32 = 64

  /// A decoder for this set's elements. Only a set of concatenated ranges has a key's end.
  init(of set: KernelSet) {
    keyLength = Int(min(set.keyLength, Self.keyLimit))
    if set.keyLength > Self.keyLimit { malformed = "keys of \(set.keyLength) bytes" }
    let ranges = NFT_SET_INTERVAL.rawValue
    hasKeyEnd = set.flags & ranges != 0 && (set.flags & NFT_SET_CONCAT.rawValue != 0 || set.fields.count > 1)
  }

  /// Messages read: the kernel begins a new one where a datagram is full.
  private(set) var messages = 0

  /// Reads a message of a dump of elements.
  package mutating func read(_ message: NetlinkMessage) {
    messages += 1
    for attribute in message.attributes {
      switch attribute.type {
      case NFTA_SET_ELEM_LIST_ELEMENTS:
        for element in attribute.nested { read(element: element.nested) }
      default: break
      }
    }
  }

  /// All that was read, in the model's order.
  func finished() -> ReadElements {
    ReadElements(
      elements: SetElements(
        keyLength: keyLength, hasKeyEnd: hasKeyEnd, unsorted: records, values: values,
        remaining: remaining),
      malformed: malformed)
  }

  private mutating func read(element attributes: AttributeList) {
    var key = UnsafeRawBufferPointer(start: nil, count: 0)
    var end: UnsafeRawBufferPointer?
    var flags: UInt32 = 0
    var value = ElementValue.none
    var extras: [UInt8] = []
    var life: UInt64 = 0
    for attribute in attributes {
      switch attribute.type {
      case NFTA_SET_ELEM_KEY: key = attribute.rawValue
      case NFTA_SET_ELEM_KEY_END: end = attribute.rawValue
      case NFTA_SET_ELEM_FLAGS: flags = attribute.u32 ?? 0
      case NFTA_SET_ELEM_DATA:
        if let data = attribute.dataValue {
          value = .data(data)
        } else if let verdict = attribute.dataVerdict {
          value = .verdict(verdict)
        } else {
          extras += attribute.encoded
        }
      case NFTA_SET_ELEM_OBJREF: value = .object(attribute.text)
      // The rest of its life is state: it differs from one moment to the next, and is kept apart.
      case NFTA_SET_ELEM_EXPIRATION: life = attribute.u64 ?? 0
      case NFTA_SET_ELEM_PAD: break
      default: extras += attribute.encoded
      }
    }
    if !extras.isEmpty { value = .opaque(value, attributes: extras) }
    append(key: key, end: end, flags: flags, value: value)
    if life != 0, remaining.isEmpty { remaining = Array(repeating: 0, count: count - 1) }
    if life != 0 || !remaining.isEmpty { remaining.append(life) }
  }

  private mutating func append(
    key: UnsafeRawBufferPointer, end: UnsafeRawBufferPointer?, flags: UInt32, value: ElementValue
  ) {
    if end != nil, !hasKeyEnd { addKeyEnds() }
    append(key: key, flags: flags)
    if hasKeyEnd { append(key: end ?? key, flags: flags) }
    records.append(UInt8(truncatingIfNeeded: flags))
    if flags > UInt32(UInt8.max) { malformed = malformed ?? "flags \(flags)" }
    count += 1
    if value != .none, values.isEmpty { values = Array(repeating: .none, count: count - 1) }
    if value != .none || !values.isEmpty { values.append(value) }
  }

  private mutating func append(key: UnsafeRawBufferPointer, flags: UInt32) {
    if key.count == keyLength {
      records.append(contentsOf: key)
    } else {
      // The element that catches all else has no key.
      if !key.isEmpty || flags & NFT_SET_ELEM_CATCHALL.rawValue == 0 {
        malformed = malformed ?? "a key of \(key.count) bytes in a set whose keys have \(keyLength)"
      }
      records.append(contentsOf: repeatElement(0, count: keyLength))
    }
  }

  /// Gives every record so far an end that is its key: one element of the set came with an end of its own.
  private mutating func addKeyEnds() {
    var wider: [UInt8] = []
    for start in stride(from: 0, to: records.count, by: keyLength + 1) {
      let key = records[start..<(start + keyLength)]
      wider += key
      wider += key
      wider.append(records[start + keyLength])
    }
    records = wider
    hasKeyEnd = true
  }
}

extension NetlinkAttribute {
  /// The bytes of the one `NFTA_DATA_VALUE` within; none where there is something else.
  @inline(__always)
  fileprivate var rawValue: UnsafeRawBufferPointer {
    var list = nested
    guard let value = list.next(), value.type == UInt16(NFTA_DATA_VALUE.rawValue) else {
      return UnsafeRawBufferPointer(start: nil, count: 0)
    }
    return value.payload
  }

  /// The attribute with its header and padding, as it goes into a message again.
  fileprivate var encoded: [UInt8] {
    let length = Netlink.attributeHeader + payload.count
    var bytes: [UInt8] = []
    withUnsafeBytes(of: UInt16(truncatingIfNeeded: length)) { bytes.append(contentsOf: $0) }
    withUnsafeBytes(of: type) { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: payload)
    bytes.append(contentsOf: repeatElement(0, count: Netlink.align(length) - length))
    return bytes
  }
}

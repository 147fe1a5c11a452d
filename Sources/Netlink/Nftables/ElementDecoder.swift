// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import Ruleset

/// The elements of a set from one dump.
struct ReadElements: Equatable {
  let elements: SetElements
  /// What could not be decoded in the first malformed element; nil if everything was decoded.
  let malformed: String?
}

/// Collects the elements of a set from the messages of its dump into packed records.
struct ElementDecoder {
  private let keyLength: Int
  private var hasKeyEnd: Bool
  private var records: [UInt8] = []
  private var count = 0
  /// Empty until an element has a value.
  private var values: [ElementValue] = []
  /// Empty until an element has an expiration time.
  private var remaining: [UInt64] = []
  /// What could not be decoded in the first malformed element; nil if everything was decoded.
  private var malformed: String?

  /// The kernel's maximum size of a key in bytes: `NFT_DATA_VALUE_MAXLEN` of `linux/netfilter/nf_tables.h`.
  private static let keyLimit: UInt32 = 64

  /// Creates a decoder for the elements of a set. Only elements of a set of concatenated ranges have an end
  /// of the key.
  init(of set: KernelSet) {
    keyLength = Int(min(set.keyLength, Self.keyLimit))
    if set.keyLength > Self.keyLimit { malformed = "its keys have \(set.keyLength) bytes" }
    let ranges = NFT_SET_INTERVAL.rawValue
    hasKeyEnd = set.flags & ranges != 0 && (set.flags & NFT_SET_CONCAT.rawValue != 0 || set.fields.count > 1)
  }

  /// The number of messages read. The kernel begins a new one when a datagram is full.
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

  /// All elements that were read, in the model's order.
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
      // The remaining lifetime is state: it changes with time, and is stored separately.
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
    if flags > UInt32(UInt8.max) { malformed = malformed ?? "an element has the flags \(flags)" }
    count += 1
    if value != .none, values.isEmpty { values = Array(repeating: .none, count: count - 1) }
    if value != .none || !values.isEmpty { values.append(value) }
  }

  private mutating func append(key: UnsafeRawBufferPointer, flags: UInt32) {
    if key.count == keyLength {
      records.append(contentsOf: key)
    } else {
      // The catch-all element has no key.
      if !key.isEmpty || flags & NFT_SET_ELEM_CATCHALL.rawValue == 0 {
        malformed = malformed ?? "a key has \(key.count) bytes, but the set's keys have \(keyLength)"
      }
      records.append(contentsOf: repeatElement(0, count: keyLength))
    }
  }

  /// Adds an end to every record so far, equal to its key, because one element of the set has an end of its
  /// own.
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
  /// The bytes of the nested `NFTA_DATA_VALUE`; empty if there is another attribute.
  @inline(__always)
  fileprivate var rawValue: UnsafeRawBufferPointer {
    var list = nested
    guard let value = list.next(), value.type == UInt16(NFTA_DATA_VALUE.rawValue) else {
      return UnsafeRawBufferPointer(start: nil, count: 0)
    }
    return value.payload
  }

  /// The attribute with its header and padding, as it is written to a message.
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

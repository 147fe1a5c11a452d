// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import Ruleset

/// The declaration of a set, decoded from `NFT_MSG_NEWSET`.
struct SetDecoder {
  /// The set, without elements.
  private(set) var set = KernelSet(name: "", keyType: 0, keyLength: 0, elements: SetElements(keyLength: 0))
  /// The bytes of its name from the kernel.
  private(set) var rawName: [UInt8] = []
  /// Notes about properties that the model cannot represent.
  private(set) var notes: [String] = []

  /// The length of a verdict in a map: `struct nft_verdict` of the kernel on 64-bit machines. On other
  /// machines the kernel reports 8, which does not change the meaning of the map.
  private static let verdictLength: UInt32 = 16

  /// The number of elements of the set, if the kernel reports it (Linux 6.17 and later).
  private(set) var count: UInt32?

  /// `NFTA_SET_TYPE`, the kernel's choice of a backend, and `NFTA_SET_COUNT` (Linux 6.17 and later). The
  /// headers of older systems lack both.
  private static let (backendType, countType): (UInt16, UInt16) = (19, 20)

  /// Decodes the message. Nil if it has no name.
  init?(_ message: NetlinkMessage) {
    for attribute in message.attributes { read(attribute) }
    guard !rawName.isEmpty else { return nil }
    if set.dataType == NFT_DATA_VERDICT.rawValue { set.dataLength = Self.verdictLength }
    set.elements = SetElements(keyLength: Int(set.keyLength))
  }

  private mutating func read(_ attribute: NetlinkAttribute) {
    switch attribute.type {
    case NFTA_SET_NAME:
      rawName = Array(attribute.textBytes)
      set.name = attribute.text
    case NFTA_SET_FLAGS: set.flags = attribute.u32 ?? 0
    case NFTA_SET_KEY_TYPE: set.keyType = attribute.u32 ?? 0
    case NFTA_SET_KEY_LEN: set.keyLength = attribute.u32 ?? 0
    case NFTA_SET_DATA_TYPE: set.dataType = attribute.u32 ?? 0
    case NFTA_SET_DATA_LEN: set.dataLength = attribute.u32 ?? 0
    case NFTA_SET_OBJ_TYPE: set.objectType = attribute.u32 ?? 0
    case NFTA_SET_TIMEOUT: set.timeout = attribute.u64 ?? 0
    case NFTA_SET_USERDATA: set.userdata = attribute.bytes
    case NFTA_SET_DESC: readDescription(attribute.nested)
    case NFTA_SET_POLICY: if let policy = attribute.u32, policy != 0 { notes.append("policy \(policy)") }
    case NFTA_SET_GC_INTERVAL: notes.append("garbage collection every \(attribute.u32 ?? 0) ms")
    case NFTA_SET_EXPR, NFTA_SET_EXPRESSIONS: notes.append("expressions of its elements")
    case NFTA_SET_TABLE, NFTA_SET_HANDLE, NFTA_SET_PAD, NFTA_SET_ID: break
    case _ where attribute.type == Self.backendType: break
    case _ where attribute.type == Self.countType: count = attribute.u32
    default: notes.append("attribute \(attribute.type)")
    }
  }

  private mutating func readDescription(_ attributes: AttributeList) {
    for attribute in attributes {
      switch attribute.type {
      case NFTA_SET_DESC_SIZE: set.size = attribute.u32 ?? 0
      case NFTA_SET_DESC_CONCAT:
        for element in attribute.nested {
          for field in element.nested where field.type == UInt16(NFTA_SET_FIELD_LEN.rawValue) {
            set.fields.append(field.u32 ?? 0)
          }
        }
      default: notes.append("description \(attribute.type)")
      }
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import CSys
import Glibc
import Netlink
import Ruleset
import Testing

/// Bytes that no kernel sends and no encoder writes, as in damaged or forged files. Each case was found by
/// `make fuzz`, or by reading code that it had not reached yet.
@Suite("Hostile bytes as a batch")
struct HostileBytesTests {
  private static func number<N: FixedWidthInteger>(_ number: N) -> [UInt8] {
    withUnsafeBytes(of: number) { Array($0) }
  }

  private static func attribute(_ type: some BinaryInteger, _ value: [UInt8]) -> [UInt8] {
    number(UInt16(value.count + 4)) + number(UInt16(type)) + value
      + [UInt8](repeating: 0, count: -value.count & 3)
  }

  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }

  /// A message for the table `inet t`.
  private static func message(_ type: some BinaryInteger, _ attributes: [UInt8] = []) -> [UInt8] {
    let body = [UInt8(CSYS_NFPROTO_INET), 0, 0, 0] + attributes
    return number(UInt32(16 + body.count)) + number(UInt16(type)) + number(UInt16(0)) + number(UInt64(0))
      + body
  }

  private static func batch(_ messages: [[UInt8]]) -> [UInt8] {
    message(NFNL_MSG_BATCH_BEGIN) + messages.flatMap { $0 } + message(NFNL_MSG_BATCH_END)
  }

  private static func nfTables(_ type: nf_tables_msg_types, _ attributes: [UInt8]) -> [UInt8] {
    message(Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(type.rawValue), attribute(1, text("t")) + attributes)
  }

  @Test("an object of an unknown type is decoded", arguments: [UInt32.max, 1 << 31, 99])
  func objectType(type: UInt32) throws {
    let object = Self.nfTables(
      NFT_MSG_NEWOBJ,
      Self.attribute(NFTA_OBJ_NAME.rawValue, Self.text("o"))
        + Self.attribute(NFTA_OBJ_TYPE.rawValue, Self.number(type.bigEndian)))
    let table = TableBatch.decode(Self.batch([object]), family: UInt8(CSYS_NFPROTO_INET), name: "t")
    #expect(try #require(table).objects.map(\.type) == [type])
  }

  @Test("a set whose keys are longer than the kernel's limit is refused, and allocates no memory")
  func keyLength() {
    let set = Self.nfTables(
      NFT_MSG_NEWSET,
      Self.attribute(NFTA_SET_NAME.rawValue, Self.text("s"))
        + Self.attribute(NFTA_SET_KEY_LEN.rawValue, Self.number(UInt32.max.bigEndian)))
    let element = Self.attribute(1, Self.attribute(NFTA_SET_ELEM_FLAGS.rawValue, [0, 0, 0, 2]))
    let elements = Self.nfTables(
      NFT_MSG_NEWSETELEM,
      Self.attribute(NFTA_SET_ELEM_LIST_SET.rawValue, Self.text("s"))
        + Self.attribute(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue, element))
    #expect(
      TableBatch.decode(Self.batch([set, elements]), family: UInt8(CSYS_NFPROTO_INET), name: "t") == nil)
  }
}

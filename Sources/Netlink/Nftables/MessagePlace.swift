// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl

/// Describes what is at the offset in a message that the kernel reported with an error.
enum MessagePlace {
  /// `expression fib` for an offset in an expression of a rule, else the number of the attribute: `attribute
  /// 4`. Nil if the offset is not in an attribute.
  static func describe(_ offset: Int, in message: UnsafeRawBufferPointer) -> String? {
    var messages = MessageList(message)
    guard let message = messages.next() else { return nil }
    let isRule = message.type == Netlink.nfTables(NFT_MSG_NEWRULE)
    guard let attribute = find(offset, in: message.attributes, of: message) else { return nil }
    if isRule, attribute.type == UInt16(NFTA_RULE_EXPRESSIONS.rawValue),
      let element = find(offset, in: attribute.nested, of: message),
      let expression = ExpressionDecoder.decode(element.nested)
    {
      return "expression \(ExpressionEncoder.name(of: expression))"
    }
    return "attribute \(attribute.type)"
  }

  /// The attribute of the list that contains the byte at this offset of the message.
  private static func find(
    _ offset: Int, in list: AttributeList, of message: NetlinkMessage
  ) -> NetlinkAttribute? {
    guard let start = message.payload.baseAddress.map({ $0 - Netlink.messageHeader }) else { return nil }
    return list.first { attribute in
      guard let payload = attribute.payload.baseAddress else { return false }
      let begin = payload - start - Netlink.attributeHeader
      return (begin..<(payload - start + attribute.payload.count)).contains(offset)
    }
  }
}

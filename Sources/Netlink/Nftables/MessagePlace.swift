// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl

/// Says in words what is at the offset in a message to which the kernel objects.
enum MessagePlace {
  /// `expression fib` for an offset within a rule's expression, else the attribute's number: `attribute 4`. Nil where the
  /// offset lies in no attribute.
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

  /// The attribute of the list that holds the byte at this offset of the message.
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

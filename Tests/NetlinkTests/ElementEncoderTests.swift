// SPDX-License-Identifier: GPL-3.0-or-later

import CMnl
import CNftnl
import CSys
import Ruleset
import TestSupport
import Testing

@testable import Netlink

@Suite struct ElementEncoderTests {
  @Test(arguments: 0..<400 as Range<UInt64>)
  func `elements have the same bytes as those of libnftnl`(seed: UInt64) throws {
    let table = RandomTable.make(seed: seed)
    for set in table.sets where !set.elements.isEmpty && !set.elements.values.contains(where: \.isOpaque) {
      let own = own(set, table: table)
      let theirs = theirs(set, table: table)
      #expect(own == theirs, "seed \(seed), set \(set.name)")
    }
  }

  @Test func `no attribute grows beyond its length field`() {
    let keys = (0..<20_000 as Range<UInt32>).flatMap { (number) -> [UInt8] in
      withUnsafeBytes(of: number.bigEndian) { Array($0) } + [0]
    }
    let set = KernelSet(
      name: "many", keyType: 7, keyLength: 4, elements: SetElements(keyLength: 4, unsorted: keys))
    var (next, messages) = (0, 0)
    while next < set.elements.count {
      var buffer = MessageBuffer(capacity: 64)
      let offset = buffer.beginMessage(type: 0, flags: 0, family: CSYS_NFPROTO_INET, sequence: 1)
      next = ElementEncoder.append(set.elements, from: next, set: set, table: "wgfence", to: &buffer)
      buffer.endMessage(offset)
      var list = MessageList(buffer.bytes)
      let message = list.next()
      let lists = message.map { Array($0.attributes) } ?? []
      #expect(lists.count == 3)
      var nested = lists.last?.nested ?? AttributeList(UnsafeRawBufferPointer(start: nil, count: 0))
      var count = 0
      while nested.next() != nil { count += 1 }
      #expect(nested.unread == 0)
      #expect(count > 4000 || next == set.elements.count)
      messages += 1
    }
    #expect(messages == 5)
  }

  private func own(_ set: KernelSet, table: KernelTable) -> [UInt8] {
    var buffer = MessageBuffer(capacity: 64)
    let offset = buffer.beginMessage(
      type: Netlink.nfTables(NFT_MSG_NEWSETELEM), flags: NLM_F_CREATE, family: table.family, sequence: 7)
    let end = ElementEncoder.append(set.elements, from: 0, set: set, table: table.name, to: &buffer)
    #expect(end == set.elements.count)
    buffer.endMessage(offset)
    return Array(buffer.bytes)
  }

  private func theirs(_ set: KernelSet, table: KernelTable) -> [UInt8] {
    guard let built = Nftnl.Set() else { return [] }
    built.set(NFTNL_SET_NAME, set.name)
    built.set(NFTNL_SET_TABLE, table.name)
    for index in 0..<set.elements.count {
      let element = nftnl_set_elem_alloc()
      func put(_ attribute: Int, _ bytes: some Collection<UInt8>) {
        nftnl_set_elem_set(element, UInt16(attribute), Array(bytes), UInt32(bytes.count))
      }
      let flags = UInt32(set.elements.flags(index))
      if flags != 0 { nftnl_set_elem_set_u32(element, UInt16(NFTNL_SET_ELEM_FLAGS), flags) }
      if flags & NFT_SET_ELEM_CATCHALL.rawValue == 0 {
        put(NFTNL_SET_ELEM_KEY, set.elements.key(index))
        if let end = set.elements.keyEnd(index) { put(NFTNL_SET_ELEM_KEY_END, end) }
      }
      switch set.elements.value(index) {
      case nil, .some(.none), .opaque: break
      case .verdict(let verdict):
        nftnl_set_elem_set_u32(element, UInt16(NFTNL_SET_ELEM_VERDICT), UInt32(bitPattern: verdict.number))
        if let chain = verdict.chain { nftnl_set_elem_set_str(element, UInt16(NFTNL_SET_ELEM_CHAIN), chain) }
      case .data(let data): put(NFTNL_SET_ELEM_DATA, data)
      case .object(let name): nftnl_set_elem_set_str(element, UInt16(NFTNL_SET_ELEM_OBJREF), name)
      }
      nftnl_set_elem_add(built.pointer, element)
    }
    var buffer = MessageBuffer(capacity: 64)
    let offset = buffer.beginMessage(
      type: Netlink.nfTables(NFT_MSG_NEWSETELEM), flags: NLM_F_CREATE, family: table.family, sequence: 7)
    buffer.extend(offset) { nftnl_set_elems_nlmsg_build_payload($0, built.pointer) }
    return Array(buffer.bytes)
  }
}

extension ElementValue {
  fileprivate var isOpaque: Bool {
    switch self {
    case .opaque: true
    case .verdict, .data, .object, .none: false
    }
  }
}

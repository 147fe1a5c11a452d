// SPDX-License-Identifier: GPL-3.0-or-later

import CMnl
import CNftnl
import CSys
import Glibc
internal import NetworkModel
public import Ruleset

/// The family and name that identify a table.
public struct TableName: Sendable, Hashable, CustomStringConvertible {
  /// `NFPROTO_…` of `linux/netfilter.h`.
  public let family: UInt8
  /// The name. Bytes that are not valid UTF-8 are replaced.
  public let name: String

  /// Creates a name.
  public init(family: UInt8, name: String) {
    self.family = family
    self.name = name
  }

  /// The text as nft writes it: `inet wgfence`.
  public var description: String {
    let family =
      switch family {
      case CSYS_NFPROTO_INET: "inet"
      case CSYS_NFPROTO_IPV4: "ip"
      case CSYS_NFPROTO_IPV6: "ip6"
      case CSYS_NFPROTO_ARP: "arp"
      case CSYS_NFPROTO_BRIDGE: "bridge"
      case CSYS_NFPROTO_NETDEV: "netdev"
      default: "family \(family)"
      }
    return "\(family) \(name)"
  }
}

extension NFTablesSocket {
  /// The tables of all families, sorted by family and name.
  public mutating func tableNames() throws(NetlinkError) -> [(family: UInt8, name: String)] {
    let names = try consistently(attempt: "listing the tables") { socket throws(NetlinkError) in
      try socket.rawTableNames()
    }
    return names.map { (family: $0.family, name: String(decoding: $0.name, as: UTF8.self)) }
  }

  /// Reads a table with everything in it, consistently for one generation of the ruleset. Nil if there is no
  /// table of this name.
  public mutating func read(family: UInt8, name: String) throws(NetlinkError) -> KernelTable? {
    let attempt = "reading table \(TableName(family: family, name: name))"
    return try consistently(attempt: attempt) { socket throws(NetlinkError) in
      try socket.readOnce(family: family, name: Array(name.utf8), attempt: attempt)
    }
  }

  /// Reads all tables of all families, consistently for one generation of the ruleset; sorted by family and
  /// name.
  public mutating func readAll() throws(NetlinkError) -> [KernelTable] {
    let attempt = "reading all tables"
    return try consistently(attempt: attempt) { socket throws(NetlinkError) in
      guard case .value(let names) = try socket.rawTableNames() else { return .interrupted }
      var tables: [KernelTable] = []
      for (family, name) in names {
        guard case .value(let table) = try socket.readOnce(family: family, name: name, attempt: attempt)
        else {
          return .interrupted
        }
        if let table { tables.append(table) }
      }
      return .value(tables)
    }
  }

  /// The values of the named counters of a table, by name. Empty if there is no such table.
  public mutating func counters(family: UInt8, name: String) throws(NetlinkError) -> [String: CounterState] {
    let table = Array(name.utf8)
    let attempt = "reading the counters of table \(TableName(family: family, name: name))"
    return try consistently(attempt: attempt) { socket throws(NetlinkError) in
      var counters: [String: CounterState] = [:]
      let end = try socket.ask(
        NFT_MSG_GETOBJ, flags: NLM_F_DUMP, family: family, attempt: attempt,
        attributes: { message in
          message.append(UInt16(NFTA_OBJ_TABLE.rawValue), text: table)
          message.append(UInt16(NFTA_OBJ_TYPE.rawValue), UInt32(NFT_OBJECT_COUNTER))
        },
        { message in
          guard let (name, state) = CounterState.read(message, table: table) else { return }
          counters[name] = state
        })
      return end == .complete ? .value(counters) : .interrupted
    }
  }

  /// The maximum number of dumps of a set until one is complete.
  private static let elementAttempts = 8

  /// Reads the elements of a set.
  ///
  /// A dump of a growing hash set can lack elements without an error. If it needs more than one datagram, the
  /// kernel continues by counting from the table's beginning, and a worker may change the order at the same
  /// time, because it moves the elements to a larger table (which continues after the commit, in the same
  /// generation). Seen on Linux 6.18 with 100,000 elements that were read directly after they were written:
  /// up to a sixth of them was missing. Therefore a dump of several datagrams counts as complete only if it
  /// has as many elements as the kernel reports, or if the next dump is equal. Sets of intervals are stored
  /// in trees, which do not move.
  private mutating func readElements(
    of declaration: SetDecoder, family: UInt8, table: [UInt8], attempt: String
  ) throws(NetlinkError) -> Reading<ReadElements> {
    var last: ReadElements?
    for _ in 0..<Self.elementAttempts {
      var decoder = ElementDecoder(of: declaration.set)
      let end = try ask(
        NFT_MSG_GETSETELEM, flags: NLM_F_DUMP, family: family, attempt: attempt,
        attributes: { message in
          message.append(UInt16(NFTA_SET_ELEM_LIST_TABLE.rawValue), text: table)
          message.append(UInt16(NFTA_SET_ELEM_LIST_SET.rawValue), text: declaration.rawName)
        },
        { decoder.read($0) })
      guard end == .complete else { return .interrupted }
      let elements = decoder.finished()
      let isTree = declaration.set.flags & NFT_SET_INTERVAL.rawValue != 0
      if decoder.messages <= 1 || isTree || elements.elements.count == declaration.count.map(Int.init)
        || elements == last
      {
        return .value(elements)
      }
      last = elements
    }
    return .interrupted
  }

  private mutating func rawTableNames() throws(NetlinkError) -> Reading<[(family: UInt8, name: [UInt8])]> {
    var names: [(family: UInt8, name: [UInt8])] = []
    let end = try ask(
      NFT_MSG_GETTABLE, flags: NLM_F_DUMP, family: CSYS_NFPROTO_UNSPEC, attempt: "listing the tables"
    ) { message in
      for attribute in message.attributes {
        switch attribute.type {
        case NFTA_TABLE_NAME: names.append((message.family, Array(attribute.textBytes)))
        default: break
        }
      }
    }
    names.sort { left, right in
      left.family == right.family
        ? left.name.lexicographicallyPrecedes(right.name) : left.family < right.family
    }
    return end == .complete ? .value(names) : .interrupted
  }

  private mutating func readOnce(
    family: UInt8, name: [UInt8], attempt: String
  ) throws(NetlinkError) -> Reading<KernelTable?> {
    var decoder = TableDecoder(family: family, name: String(decoding: name, as: UTF8.self))
    do throws(NetlinkError) {
      _ = try ask(
        NFT_MSG_GETTABLE, family: family, attempt: attempt,
        attributes: { $0.append(UInt16(NFTA_TABLE_NAME.rawValue), text: name) },
        { decoder.readTable($0) })
    } catch {
      guard error.code == ENOENT else { throw error }
      return .value(nil)
    }

    /// Dumps one kind of a table's parts. The request is limited to this table if the kernel supports that;
    /// the attribute of the table's name has the same number in all kinds.
    func dump(
      _ type: nf_tables_msg_types, on socket: inout NFTablesSocket, _ body: (NetlinkMessage) -> Void
    ) throws(NetlinkError) -> NetlinkSocket.DumpEnd {
      try socket.ask(
        type, flags: NLM_F_DUMP, family: family, attempt: attempt,
        attributes: { $0.append(UInt16(NFTA_RULE_TABLE.rawValue), text: name) }, body)
    }
    var declarations: [SetDecoder] = []
    guard try dump(NFT_MSG_GETCHAIN, on: &self, { decoder.readChain($0, table: name) }) == .complete,
      try dump(NFT_MSG_GETRULE, on: &self, { decoder.readRule($0, table: name) }) == .complete,
      try dump(NFT_MSG_GETOBJ, on: &self, { decoder.readObject($0, table: name) }) == .complete,
      try dump(NFT_MSG_GETFLOWTABLE, on: &self, { decoder.readFlowtable($0, table: name) }) == .complete,
      try dump(
        NFT_MSG_GETSET, on: &self,
        { if let set = decoder.readSet($0, table: name) { declarations.append(set) } })
        == .complete
    else { return .interrupted }

    for (index, declaration) in declarations.enumerated() {
      guard
        case .value(let elements) = try readElements(
          of: declaration, family: family, table: name, attempt: attempt)
      else { return .interrupted }
      decoder.take(elements, ofSet: index)
    }
    if let reason = decoder.malformed {
      throw NetlinkError(attempt: attempt, code: EBADMSG, place: reason)
    }
    return .value(decoder.finished())
  }
}

extension CounterState {
  /// Decodes a counter of this table from `NFT_MSG_NEWOBJ`. Nil if it is another object.
  fileprivate static func read(_ message: NetlinkMessage, table: [UInt8]) -> (
    name: String, state: CounterState
  )? {
    var (name, state): (String?, CounterState?)
    for attribute in message.attributes {
      switch attribute.type {
      case NFTA_OBJ_TABLE: guard attribute.textBytes.elementsEqual(table) else { return nil }
      case NFTA_OBJ_TYPE: guard attribute.u32 == UInt32(NFT_OBJECT_COUNTER) else { return nil }
      case NFTA_OBJ_NAME: name = attribute.text
      case NFTA_OBJ_DATA:
        var read = CounterState.zero
        for value in attribute.nested {
          switch value.type {
          case NFTA_COUNTER_BYTES: read.bytes = value.u64 ?? 0
          case NFTA_COUNTER_PACKETS: read.packets = value.u64 ?? 0
          default: break
          }
        }
        state = read
      default: break
      }
    }
    guard let name, let state else { return nil }
    return (name, state)
  }
}

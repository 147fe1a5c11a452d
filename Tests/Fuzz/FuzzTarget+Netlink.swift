// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import NetworkModel
import Ruleset

@testable import Netlink
@testable import LinuxHost

/// Answers of the kernel.
extension FuzzTarget {
  /// A batch, and the same messages as a dump of our own table.
  static func nftables(_ bytes: [UInt8]) {
    let name = Array("wgfence".utf8)
    let family = UInt8(truncatingIfNeeded: NFT.familyInet)
    if let table = TableBatch.decode(bytes, family: family, name: "wgfence") { check(table) }
    bytes.withUnsafeBytes { bytes in
      var decoder = TableDecoder(family: family, name: "wgfence")
      var elements: [ElementDecoder] = []
      for message in MessageList(bytes) {
        switch message.type {
        case Netlink.nfTables(NFT_MSG_NEWTABLE): decoder.readTable(message)
        case Netlink.nfTables(NFT_MSG_NEWOBJ): decoder.readObject(message, table: name)
        case Netlink.nfTables(NFT_MSG_NEWCHAIN): decoder.readChain(message, table: name)
        case Netlink.nfTables(NFT_MSG_NEWFLOWTABLE): decoder.readFlowtable(message, table: name)
        case Netlink.nfTables(NFT_MSG_NEWSET):
          if let set = decoder.readSet(message, table: name) { elements.append(ElementDecoder(of: set.set)) }
        case Netlink.nfTables(NFT_MSG_NEWSETELEM):
          if !elements.isEmpty { elements[elements.count - 1].read(message) }
        case Netlink.nfTables(NFT_MSG_NEWRULE): decoder.readRule(message, table: name)
        default: for _ in message.extendedAcknowledgement {}
        }
      }
      for (index, one) in elements.enumerated() { decoder.take(one.finished(), ofSet: index) }
      let table = decoder.finished()
      // The program reports an incomplete table as an error before it uses it.
      if decoder.malformed == nil { check(table) }
    }
  }

  private static func check(_ table: KernelTable) {
    _ = Plan(desired: table, observed: table)
    _ = try? TableBatch.encode(table)
  }

  /// One expression of a rule.
  static func expressions(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { bytes in
      _ = ExpressionDecoder.decode(AttributeList(bytes))
      _ = VerdictCode(attributes: AttributeList(bytes))
    }
  }

  static func links(_ bytes: ArraySlice<UInt8>) {
    _ = LinkTable.Link(bytes)
    _ = LinkTable.address(bytes)
    _ = Routes.output(bytes)
    _ = RouteReader.fact(bytes, [1: .loopback])
    _ = InterfaceSettings(bytes)
    _ = TrafficControl.filter(bytes)
  }

  static func sockets(_ bytes: ArraySlice<UInt8>) {
    var sockets: [SocketDiagnostics.Socket] = []
    SocketDiagnostics.Message(.sctp, bytes)?.add(to: &sockets)
    _ = SocketAddress.read(bytes)
  }

  /// A table of legacy iptables: family, hooks, the offsets of its chains and policies, the number of entries, the entries.
  static func legacy(_ bytes: [UInt8]) {
    guard let family = bytes.first, bytes.count >= Seeds.legacyHead else { return }
    let numbers = (0..<12).map { bytes[(1 + 4 * $0)...].number(UInt32.self, at: 0) ?? 0 }
    let table = try? KernelTable(
      legacy: LegacyTableBytes(
        family: family & 1 == 0 ? .ipv4 : .ipv6, name: "filter", hooks: numbers[0],
        beginnings: Array(numbers[1...5]), policies: Array(numbers[6...10]), count: numbers[11],
        entries: Array(bytes[Seeds.legacyHead...])))
    if let table { check(table) }
  }

  /// Two messages of one answer, as for a device with many peers.
  static func wireguardKernel(_ bytes: [UInt8]) {
    let middle = Int(bytes.first ?? 0)
    let parts = [bytes.dropFirst().prefix(middle), bytes.dropFirst(1 + middle)].compactMap {
      WireGuardNetlink.DevicePart($0)
    }
    _ = WireGuardNetlink.assemble(parts, name: .loopback)
  }

  static func packetLog(_ bytes: [UInt8]) {
    var decoder = PacketLogDecoder()
    bytes.withUnsafeBytes { _ = decoder.decode($0) }
  }
}

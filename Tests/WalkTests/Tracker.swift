// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import PacketWalk

/// What conntrack knows, tracked by the test, so that each packet can state its connection before it is sent.
struct Tracker {
  struct Key: Hashable {
    let transport: IPProtocol
    let tuple: FlowTuple
    let ident: UInt16
  }

  struct Entry {
    var flow: Flow
    var hasReply = false
    var mark: UInt32 = 0
    /// Where its initiator and its responder are: an interface, or nil for the host itself.
    var opener: InterfaceName?
    var answerer: InterfaceName?
    /// Its state in conntrack cannot be predicted any more: no more packets of it are sent.
    var isLost = false
  }

  private var entries: [Entry] = []
  private var places: [Key: (index: Int, direction: ConnectionDirection)] = [:]

  /// The connection of a packet, by its addresses and ports on the wire.
  func find(_ packet: Packet, ident: UInt16) -> (entry: Entry, index: Int, direction: ConnectionDirection)? {
    places[Self.key(packet, ident)].map { (entries[$0.index], $0.index, $0.direction) }
  }

  /// Whether some connection has this tuple, in either direction.
  func has(_ tuple: FlowTuple, _ transport: IPProtocol, ident: UInt16) -> Bool {
    places[Key(transport: transport, tuple: tuple, ident: ident)] != nil
  }

  mutating func add(_ entry: Entry, _ transport: IPProtocol, ident: UInt16) -> Int {
    entries.append(entry)
    let index = entries.count - 1
    places[Key(transport: transport, tuple: entry.flow.reply, ident: ident)] = (index, .reply)
    places[Key(transport: transport, tuple: entry.flow.original, ident: ident)] = (index, .original)
    return index
  }

  subscript(_ index: Int) -> Entry {
    get { entries[index] }
    set { entries[index] = newValue }
  }

  private static func key(_ packet: Packet, _ ident: UInt16) -> Key {
    Key(
      transport: packet.transport,
      tuple: FlowTuple(
        source: packet.source, destination: packet.destination, sourcePort: packet.sourcePort,
        destinationPort: packet.destinationPort), ident: ident)
  }
}

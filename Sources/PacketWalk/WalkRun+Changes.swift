// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// A set, as the numbers of its table and of the set.
struct SetPlace: Hashable, Sendable {
  let table: Int
  let set: Int
}

/// What rules changed in a set on a packet's way: later rules see it.
struct SetChanges: Sendable {
  /// The elements that were added, with their values, or removed.
  var elements: [[UInt8]: KernelSet.Found] = [:]
  /// Whether there may be other changes.
  var isUncertain = false
}

extension WalkRun {
  /// Looks up a key in a set, with the changes that rules made to it before.
  func find(_ number: Int, _ table: Int, _ key: [UInt8], known: [UInt8]) -> KernelSet.Found {
    let set = walk.tables[table].table.sets[number]
    let isKnown = known.allSatisfy { $0 == 0xff }
    if let changes = changes[SetPlace(table: table, set: number)] {
      if changes.isUncertain || (!isKnown && !changes.elements.isEmpty) { return .unknown }
      if let found = changes.elements[key] { return found }
    }
    return isKnown ? set.find(key) : set.find(key, known: known)
  }

  /// Adds an element to a set, or removes it. An element that exists keeps its value.
  mutating func change(
    _ number: Int, _ table: Int, _ key: Int, _ value: Int?, _ isRemoval: Bool, certain: Bool
  ) {
    let set = walk.tables[table].table.sets[number]
    let (place, width) = (SetPlace(table: table, set: number), Int(set.keyLength))
    guard certain, registers.isKnown(key, width) else {
      changes[place, default: SetChanges()].isUncertain = true
      return
    }
    let bytes = registers.value(key, width)
    if isRemoval {
      changes[place, default: SetChanges()].elements[bytes] = .no
      return
    }
    switch find(number, table, bytes, known: [UInt8](repeating: 0xff, count: width)) {
    case .yes: break
    case .unknown: changes[place, default: SetChanges()].isUncertain = true
    case .no:
      let length = Int(set.dataLength)
      let data = value.flatMap { registers.isKnown($0, length) ? registers.value($0, length) : nil }
      if value != nil, data == nil {
        changes[place, default: SetChanges()].isUncertain = true
      } else {
        changes[place, default: SetChanges()].elements[bytes] = .yes(data.map { .data($0) })
      }
    }
  }

  /// Writes bytes of a header, of which some bits may be unknown, and what follows from them into the packet. False if they change what the walk cannot follow:
  /// the protocol, or the connection of a packet of which one is stated.
  mutating func write(_ bytes: [UInt8], known: [UInt8], to place: HeaderBytes) -> Bool {
    let isNetwork = place.base == NFT.payloadNetwork
    guard isNetwork || place.base == NFT.payloadTransport else { return false }
    let count = isNetwork ? headers.network.bytes.count : headers.transport.bytes.count
    // What is behind the header no rule sees.
    let inside = Array(bytes.prefix(max(0, count - place.offset)))
    let before = packet
    headers.put(inside, known: known, isNetwork ? .network : .transport, at: place.offset)
    if isNetwork, place.offset < 2 { hasWrittenTrafficClass = true }
    guard headers.read(into: &packet) else { return false }
    packet.trafficClass = trafficClass(0xff)
    let tuple = { (packet: Packet) in
      FlowTuple(
        source: packet.source, destination: packet.destination, sourcePort: packet.sourcePort,
        destinationPort: packet.destinationPort)
    }
    if tracking == .unseen, tuple(packet) != tuple(before) {
      // Conntrack sees the packet as it is now.
      guard packet.flow == nil else { return false }
      flow = Flow(packet.direction == .original ? tuple(packet) : tuple(packet).inverted)
    }
    return true
  }

  /// Sets the packet's mark; the mark is unknown if the value is unknown or the rule may not match.
  mutating func setMark(_ mark: UInt32?, certain: Bool, _ table: Int, _ chain: Int, _ index: Int) {
    guard let mark, certain else {
      knowsMark = false
      return
    }
    packet.mark = mark
    knowsMark = true
    note(table, chain, index, .marked(mark))
  }

  mutating func setConnectionMark(_ mark: UInt32?, certain: Bool) {
    knowsConnectionMark = certain && mark != nil
    if let mark, certain { packet.connectionMark = mark }
  }

  /// What a rule does that gives the packet to a program: if none listens, the kernel decides.
  mutating func apply(_ queue: UserQueue, _ unknown: Unknown?) -> RuleEnd {
    if let end = settle(unknown) { return end }
    guard queue.numbers.allSatisfy({ environment.hasListener(toQueue: $0) == false }) else {
      return .undetermined("queue")
    }
    return .verdict(queue.absence == .drops ? .drop : .accept)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// Finds grants that another grant covers completely. Names are replaced by numbers first, so that ten
/// thousand grants are compared in milliseconds.
struct CoveredGrants {
  /// A grant with numbers instead of names.
  private struct Entry {
    let to: [Int32]
    let from: [Int32]
    /// `from`, and the machines that are only in one of its tunnels.
    let reached: [Int32]
    let ports: [ServicePort]
    let until: CalendarDate?
    let limit: ConnectionLimit?
  }

  /// The key for looking up grants: the first target, the first source and the rarest port. A covering grant
  /// has all three.
  private struct Key: Hashable {
    let target: Int32
    let source: Int32
    let port: ServicePort?
  }

  /// How many combinations of target, source and port of a grant are looked up.
  private static let combinationLimit = 4096
  /// How many grants with more combinations are compared with all others; the rest is not compared.
  private static let wideLimit = 16
  /// How many grants with the same key are compared. A policy with more has many repetitions anyway.
  private static let chainLimit = 256

  private var targets: [GrantTarget: Int32] = [:]
  private var sources: [GrantSource: Int32] = [:]
  private var members: [InterfaceName: [Int32]] = [:]
  private var entries: [Entry] = []
  /// For each grant, the one that covers it, if one was found.
  private var by: [Int?]

  /// The grants that another one covers, by index, each with the index of the covering grant. Of equal
  /// grants, the first one is not in the result.
  static func find(in grants: [Grant], of policy: Policy) -> [(Int, by: Int)] {
    guard grants.count > 1 else { return [] }
    var search = CoveredGrants(grants, policy)
    search.run()
    return search.by.indices.compactMap { index in search.by[index].map { (index, by: $0) } }
  }

  private init(_ grants: [Grant], _ policy: Policy) {
    by = Array(repeating: nil, count: grants.count)
    // A grant from a tunnel also lets in the machines that are only in this tunnel.
    for machine in policy.machines where machine.addresses.count == 1 {
      members[machine.addresses[0].tunnel, default: []].append(Self.number(.machine(machine.name), &sources))
    }
    entries.reserveCapacity(grants.count)
    for grant in grants {
      let from = grant.from.map { Self.number($0, &sources) }
      var reached = from
      for case .tunnel(let name) in grant.from { reached += members[name] ?? [] }
      entries.append(
        Entry(
          to: grant.to.map { Self.number($0, &targets) }.sorted(), from: from.sorted(),
          reached: reached.sorted(),
          ports: grant.services.count == 1 ? grant.services[0].ports : grant.services.flatMap(\.ports),
          until: grant.until, limit: grant.limit))
    }
  }

  private static func number<Thing: Hashable>(_ thing: Thing, _ numbers: inout [Thing: Int32]) -> Int32 {
    if let known = numbers[thing] { return known }
    let number = Int32(clamping: numbers.count)
    numbers[thing] = number
    return number
  }

  private mutating func run() {
    // The last grant with a key, and for each grant the one before it with the same key.
    var heads: [Key: Int] = [:]
    heads.reserveCapacity(2 * entries.count)
    var next = [Int](repeating: -1, count: entries.count)
    var nextOfPair = next
    var uses: [ServicePort: Int] = [:]
    for entry in entries { for port in entry.ports { uses[port, default: 0] += 1 } }
    for (index, entry) in entries.enumerated() {
      guard let target = entry.to.first, let source = entry.from.first,
        let port = entry.ports.min(by: { uses[$0, default: 0] < uses[$1, default: 0] })
      else { continue }
      next[index] = heads.updateValue(index, forKey: Key(target: target, source: source, port: port)) ?? -1
      nextOfPair[index] =
        heads.updateValue(index, forKey: Key(target: target, source: source, port: nil)) ?? -1
    }
    var wide = 0
    for index in entries.indices {
      let entry = entries[index]
      let ranges = entry.ports.contains { port in
        switch port {
        case .ports(_, let range): range.count > 1
        case .everything: true
        case .protocol, .echoRequest: false
        }
      }
      let ports = ranges ? 1 : entry.ports.count
      if entry.to.count * entry.reached.count * ports > Self.combinationLimit {
        wide += 1
        if wide <= Self.wideLimit { for other in entries.indices { note(index, covers: other) } }
        continue
      }
      for target in entry.to {
        for source in entry.reached {
          if ranges {
            // A range covers ports that are not its own key: compare all grants with this target and source.
            follow(heads[Key(target: target, source: source, port: nil)], nextOfPair, index)
          } else {
            for port in entry.ports {
              follow(heads[Key(target: target, source: source, port: port)], next, index)
            }
          }
        }
      }
    }
  }

  private mutating func follow(_ head: Int?, _ next: [Int], _ index: Int) {
    guard var place = head else { return }
    var steps = 0
    while place >= 0, steps < Self.chainLimit {
      note(index, covers: place)
      place = next[place]
      steps += 1
    }
  }

  /// Records that one grant covers another, if it does.
  private mutating func note(_ wide: Int, covers narrow: Int) {
    guard wide != narrow, by[narrow] == nil, covers(wide, narrow) else { return }
    // If two grants cover each other, the later one is reported.
    if wide > narrow, covers(narrow, wide) { return }
    by[narrow] = wide
  }

  private func covers(_ one: Int, _ two: Int) -> Bool {
    let (wide, narrow) = (entries[one], entries[two])
    if let limit = wide.limit, limit != narrow.limit { return false }
    if let end = wide.until {
      guard let other = narrow.until, other <= end else { return false }
    }
    return Self.isSubset(narrow.to, of: wide.to) && Self.isSubset(narrow.from, of: wide.reached)
      && narrow.ports.allSatisfy { port in wide.ports.contains { $0.covers(port) } }
  }

  /// Whether every number of `few` is in `many`; both are sorted.
  private static func isSubset(_ few: [Int32], of many: [Int32]) -> Bool {
    var place = 0
    for number in few {
      while place < many.count, many[place] < number { place += 1 }
      guard place < many.count, many[place] == number else { return false }
    }
    return true
  }
}

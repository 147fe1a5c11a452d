// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// The grants of a first policy for what a host forwards, in few lines: targets with the same sources share one.
struct PassageLines {
  /// A line of `allow`, with the test that covers it.
  struct Line {
    var to: [String]
    let services: [String]
    var from: [String]
    /// A source and a target for the test: one pair covers the line.
    let example: (from: String, to: String)
  }

  let lines: [Line]
  /// The group of the tunnel's peers; nil if no line uses it.
  let group: (name: String, machines: [String])?

  /// Stands for the list of all peers.
  private static let everyPeer = "*"

  private struct Key: Hashable {
    let services: [String]
    let from: [String]
    let isMachine: Bool
  }

  /// Lines for the passages of a tunnel.
  init(_ passages: Passages, in tunnel: TunnelDraft, _ names: inout FirstPolicyNames) {
    let peers = tunnel.peers.filter { $0.certainty == .known }.map(\.name)
    var isMachine = Dictionary(
      passages.all.flatMap { [($0.to.word, $0.to.isMachine), ($0.from.word, $0.from.isMachine)] },
      uniquingKeysWith: { first, _ in first })
    isMachine[Self.everyPeer] = true
    for peer in peers { isMachine[peer] = true }
    let owners = Dictionary(
      passages.all.map { ($0.to.word, $0.to.owner) }, uniquingKeysWith: { first, _ in first })
    var order: [String] = []
    var byTarget: [String: [[String]: [String]]] = [:]
    for passage in passages.all {
      if byTarget[passage.to.word] == nil { order.append(passage.to.word) }
      byTarget[passage.to.word, default: [:]][passage.services, default: []].append(passage.from.word)
    }
    var targets: [Key: [String]] = [:]
    var keys: [Key] = []
    for target in order {
      for (services, sources) in (byTarget[target] ?? [:]).sorted(by: {
        $0.key.lexicographicallyPrecedes($1.key)
      }) {
        var from = sources.unique
        // Four senders stand for all.
        if passages.isSample, isMachine[target] == true, Self.isUniform(byTarget[target] ?? [:]),
          from.contains(where: { isMachine[$0] == true })
        {
          from = [Self.everyPeer] + from.filter { isMachine[$0] != true }
        }
        if passages.isSample, isMachine[target] != true, let owner = owners[target],
          Self.isUniform(byTarget[target] ?? [:]), from.contains(where: { isMachine[$0] == true })
        {
          from = peers.filter { $0 != owner } + from.filter { isMachine[$0] != true }
        }
        // Anyone in the tunnel: then its peers need no names.
        if from.contains(tunnel.name) { from.removeAll { isMachine[$0] == true } }
        for machine in [true, false] {
          var part = from.filter { isMachine[$0] == machine }
          if part.isEmpty { continue }
          // A machine may be a source of a line to itself: so all peers get the same line.
          if machine, isMachine[target] == true, part != [Self.everyPeer] { part.append(target) }
          let key = Key(services: services, from: part.unique.sorted(), isMachine: machine)
          if targets[key] == nil { keys.append(key) }
          targets[key, default: []].append(target)
        }
      }
    }
    var lines = keys.compactMap { key -> Line? in
      let to = targets[key] ?? []
      var from = key.from == [Self.everyPeer] ? peers : key.from
      if to.count == 1 { from.removeAll { $0 == to[0] } }
      guard let source = from.first, let target = to.first(where: { $0 != source }) else { return nil }
      return Line(
        to: to, services: key.services, from: from,
        example: (source, target))
    }
    group = Self.group(&lines, peers, tunnel.name, &names)
    self.lines = lines
  }

  /// Whether all senders that were walked reach the same.
  private static func isUniform(_ byServices: [[String]: [String]]) -> Bool { byServices.count == 1 }

  /// Replaces a list of all peers by a group.
  private static func group(
    _ lines: inout [Line], _ peers: [String], _ tunnel: String, _ names: inout FirstPolicyNames
  ) -> (name: String, machines: [String])? {
    let all = Set(peers)
    guard all.count > 2, lines.contains(where: { all.isSubset(of: $0.to) || all.isSubset(of: $0.from) })
    else {
      return nil
    }
    let name = names.take("\(tunnel)-peers", or: "peers")
    for index in lines.indices {
      if all.isSubset(of: lines[index].to) {
        lines[index].to = [name] + lines[index].to.filter { !all.contains($0) }
      }
      if all.isSubset(of: lines[index].from) {
        lines[index].from = [name] + lines[index].from.filter { !all.contains($0) }
      }
    }
    return (name, peers)
  }
}

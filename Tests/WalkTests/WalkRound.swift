// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import LinuxHost
import Netlink
import NetworkModel
import PacketWalk
import Ruleset
import TestSupport

/// A ruleset of wgfence and tables of other programs in a test network, and the packets that are sent through
/// them.
struct WalkRound {
  /// The text of the policy; nil if wgfence's table is not loaded.
  var policy: String?
  var tables: [ForeignTables]
  /// How many of the other tables are loaded before wgfence's.
  var before: Int
  /// The seeds of the conversations: a first packet and the packets that follow it.
  var conversations: [UInt64]

  /// The round of a seed.
  init(seed: UInt64, packets: Int) {
    var random = SeededGenerator(seed: seed)
    policy = nil
    if random.oneIn(2) {
      for _ in 0..<8 where policy == nil {
        let text = RandomPolicy.text(&random)
        if RandomPolicy.table(text) != nil { policy = text }
      }
    }
    var maker = ForeignTableMaker(random: random)
    tables = maker.make()
    random = maker.random
    before = random.number(0...tables.count)
    conversations = (0..<max(1, packets / 2)).map { _ in random.next() }
  }

  /// A difference between the walk and the kernel.
  struct Disagreement: CustomStringConvertible {
    let conversation: UInt64
    let packet: Packet
    let sent: String
    let walk: Trace
    let what: String
    let sightings: [World.Sighting]

    var description: String {
      var text = "\(what)\n  sent \(sent): \(packet.transport) \(packet.source):\(packet.sourcePort) -> "
      text +=
        "\(packet.destination):\(packet.destinationPort) flags \(packet.tcpFlags.rawValue) icmp \(packet.icmpType) "
      text += "state \(packet.state.rawValue) direction \(packet.direction) status \(packet.status.rawValue) "
      text +=
        "hops \(packet.hopLimit) connection mark \(packet.connectionMark)\n  the walk: \(walk.verdict)\n"
      for step in walk.steps {
        text += "    \(RuleText.family(step.family)) \(step.table) \(step.chain)"
        if let base = step.base { text += " (\(base.type) hook \(base.hook) priority \(base.priority))" }
        text += "\(step.rule.map { " rule \($0)" } ?? ""): \(step.text) => \(step.outcome)\n"
      }
      return text + "  seen: \(sightings)\n"
    }
  }

  /// The result of a round.
  struct Result {
    var packets = 0
    var verdicts: [TraceVerdict: Int] = [:]
    var undetermined: [String: Int] = [:]
    var disagreements: [Disagreement] = []
    var leftOut: [String] = []
    var translated = 0
    var established = 0
    var clashes = 0
    /// Packets through rulesets with tables of legacy iptables.
    var throughLegacy = 0
    /// Packets of which the walk was right only after it had asked for their routes again.
    var rerouted = 0
    /// Packets that were not compared because earlier ones may have used up a limit, by limit.
    var limited: [String: Int] = [:]
    /// Other packets, the same in all that a walk read, that were walked too.
    var twins = 0

    mutating func add(_ other: Result) {
      packets += other.packets
      verdicts.merge(other.verdicts, uniquingKeysWith: +)
      undetermined.merge(other.undetermined, uniquingKeysWith: +)
      disagreements += other.disagreements
      leftOut += other.leftOut
      translated += other.translated
      established += other.established
      clashes += other.clashes
      throughLegacy += other.throughLegacy
      rerouted += other.rerouted
      twins += other.twins
      limited.merge(other.limited, uniquingKeysWith: +)
    }
  }

  /// Builds the test network, loads the tables, reads them back, and sends the packets.
  func run(stopAt most: Int = 5) throws -> Result {
    try inNetworkNamespace {
      let world = try World()
      var result = Result()
      for table in tables.prefix(before) { result.leftOut += try table.load() }
      if let policy, let table = RandomPolicy.table(policy) {
        var kernel = try KernelRuleset()
        _ = try Enforcer.apply(table, to: &kernel)
      }
      for table in tables.dropFirst(before) { result.leftOut += try table.load() }
      result.add(try Self.send(conversations, .standard, world, stopAt: most))
      return result
    }
  }
  /// Sends the packets of conversations through the tables that are loaded in the calling thread's namespace.
  /// No conversation begins after so many packets.
  static func send(
    _ conversations: [UInt64], packets: Int = .max, _ traffic: Traffic, _ world: World, stopAt most: Int
  ) throws -> Result {
    // A rule must use connections, or the kernel does not track them.
    let tracking =
      "table inet zz-tracking {\nchain x {\ntype filter hook forward priority 400;\nct state new counter\n}\n}\n"
    try nft(load: tracking)
    try world.relaxConntrack()
    let tables = try LoadedTables.read()
    for table in tables where table.subsystem == .legacy && !table.unknown.isEmpty {
      throw World.Failure(description: "\(RuleText.name(of: table)): \(table.unknown)")
    }
    let order = try HookOrder.read()
    let walk = PacketWalk(tables, order: order)
    let fillsSets = tables.contains { table in
      table.chains.flatMap(\.rules).flatMap(\.expressions).contains {
        if case .opaque("dynset", _) = $0 { true } else { false }
      }
    }
    func reread() throws -> PacketWalk {
      PacketWalk(try LoadedTables.read(), order: order)
    }
    var sender = try Sender(
      world: world, tables: tables, walk: walk, traffic: traffic, reread: fillsSets ? reread : nil)
    for conversation in conversations {
      try sender.converse(conversation)
      if sender.result.disagreements.count >= most || sender.result.packets >= packets { break }
    }
    if tables.contains(where: { $0.subsystem == .legacy }) {
      sender.result.throughLegacy = sender.result.packets
    }
    return sender.result
  }
}

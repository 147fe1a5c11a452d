// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import LinuxHost
import NetworkModel
import Ruleset
import PacketWalk
import TestSupport

/// Sends packets through the test network, walks each one first, and compares.
struct Sender {
  let world: World
  private var walk: PacketWalk
  private let traffic: Traffic
  /// Reads the tables again: only if packets change them.
  private let reread: (() throws -> PacketWalk)?
  private var environment: LiveHostEnvironment
  var tracker = Tracker()
  var result = WalkRound.Result()
  private var nextId: UInt32 = 0x1000_0000
  private var nextPort: UInt16 = 1100
  private var conversation: UInt64 = 0
  /// Protocols without ports that have a connection with an unknown translation: a later packet may be its
  /// reply.
  private var vague: Set<IPProtocol> = []

  /// Whether some rule marks connections. Then an ICMP error of the host about a packet belongs to the
  /// packet's connection and may change its mark.
  private let marksConnections: Bool
  /// Whether some rule sets zones: which connection a later packet belongs to is then decided by the rules.
  private let setsZones: Bool

  /// For the packets of `traffic` through tables that were read. Rules that fill sets make `reread` necessary.
  init(
    world: World, tables: [KernelTable], walk: PacketWalk, traffic: Traffic = .standard,
    reread: (() throws -> PacketWalk)? = nil
  ) throws {
    self.world = world
    self.walk = walk
    self.traffic = traffic
    self.reread = reread
    let texts = tables.flatMap { table in
      table.chains.flatMap(\.rules).map { RuleText.line($0, family: table.family, sets: table.sets) }
    }
    marksConnections = texts.contains { $0.contains("ct mark set") || $0.contains("CONNMARK") }
    setsZones = texts.contains { $0.contains("zone set") || $0.contains("CT zone") }
    environment = try LiveHostEnvironment()
  }

  /// Sends the first packet of a connection from a seed, and some packets that follow it.
  mutating func converse(_ seed: UInt64) throws {
    conversation = seed
    var random = SeededGenerator(seed: seed)
    let names = world.network.interfaces.map(\.name)
    nextPort = nextPort >= 64_000 ? 1100 : nextPort + 1
    let ident = nextPort
    guard let packet = traffic.first(&random, in: world.network, sourcePort: nextPort) else { return }
    let transport = packet.transport
    if vague.contains(transport) { return }
    // As an ordinary sender on Ethernet states it, or not at all.
    let segmentSize: UInt16? =
      transport == .tcp && packet.tcpFlags == .syn && random.oneIn(2)
      ? (packet.family == .ipv4 ? 1460 : 1440) : nil
    guard let index = try exchange(packet, ident: ident, segmentSize: segmentSize), !setsZones else { return }
    for _ in 0..<random.number(0...3) {
      let entry = tracker[index]
      if entry.isLost { return }
      let mustReply = transport == .tcp && !entry.hasReply
      let isReply = mustReply || random.oneIn(2)
      let tuple = isReply ? entry.flow.reply : entry.flow.original
      let natural = isReply ? entry.answerer : entry.opener
      let wrong = natural != nil && random.oneIn(7)
      var next = Packet(
        source: tuple.source, destination: tuple.destination, transport: transport,
        sourcePort: tuple.sourcePort,
        destinationPort: tuple.destinationPort, input: wrong ? InterfaceName(random.one(of: names)) : natural)
      // A host does not send broadcasts unless a program asks for it.
      if next.input == nil, world.network.isBroadcast(next.destination) { return }
      if transport == .tcp {
        next.tcpFlags = mustReply ? [.syn, .ack] : random.one(of: [.ack, [.ack, .psh]])
        if mustReply, packet.tcpFlags.contains(.ack) { next.tcpFlags = .ack }
      }
      next.icmpType =
        transport == .icmp ? (isReply ? (packet.icmpType == 13 ? 14 : 0) : packet.icmpType) : next.icmpType
      if transport == .icmpv6, isReply { next.icmpType = 129 }
      _ = try exchange(next, ident: ident)
    }
  }

  /// The verdict of the walk for the last packet.
  private(set) var lastVerdict: TraceVerdict?

  /// Sends one packet, with a TCP option of this maximum segment size in bytes, if there is one. Returns the index of its
  /// connection, if it has one that can continue.
  mutating func exchange(_ described: Packet, ident: UInt16, segmentSize: UInt16? = nil) throws -> Int? {
    var packet = described
    nextId &+= 7
    let id = nextId
    let ident = packet.transport == .icmp || packet.transport == .icmpv6 ? ident : 0
    let known = tracker.find(packet, ident: ident)
    if let known {
      if known.entry.isLost { return nil }
      if setsZones {
        // It may be that connection or one of another zone.
        result.clashes += 1
        return nil
      }
      packet.direction = known.direction
      packet.state = known.direction == .reply || known.entry.hasReply ? .established : .new
      packet.flow = known.entry.flow
      packet.connectionMark = known.entry.mark
    } else {
      packet.state = Self.firstState(packet)
    }
    let bytes = Wire.bytes(packet, id: id, ident: ident, segmentSize: segmentSize)
    packet.length = UInt16(bytes.count)
    packet.packetType = 0
    packet.trafficClass = 0
    packet.time = Int64(time(nil))
    if packet.input == nil { (packet.user, packet.group, packet.controlGroup) = (0, 0, 0) }
    if let reread { walk = try reread() }
    var trace = self.trace(packet)

    if getenv("WGFENCE_WALK_VERBOSE") != nil {
      print(
        "\(packet.input?.description ?? "host") \(packet.transport) \(packet.source):\(packet.sourcePort) -> \(packet.destination):\(packet.destinationPort) icmp \(packet.icmpType) state \(packet.state.rawValue) \(packet.direction): \(trace.verdict)"
      )
    }
    lastVerdict = trace.verdict
    if known == nil, let problem = twin(of: packet, trace) {
      result.disagreements.append(
        WalkRound.Disagreement(
          conversation: conversation, packet: packet, sent: "in by \(packet.input?.description ?? "")",
          walk: trace, what: problem, sightings: []))
    }
    result.packets += 1
    result.verdicts[trace.verdict, default: 0] += 1
    if packet.state == .established { result.established += 1 }
    if trace.steps.contains(where: { if case .translated = $0.outcome { true } else { false } }) {
      result.translated += 1
    }

    var sightings: [World.Sighting] = []
    if let input = packet.input {
      world.inject(bytes, by: input.description)
    } else {
      _ = world.emit(bytes, to: packet.destination)
    }
    sightings += try world.witness()
    var problem = judge(trace, packet, id, sightings)
    // The kernel may have deferred some work.
    for wait in [2_000, 20_000, 200_000] as [UInt32] where problem != nil {
      usleep(wait)
      sightings += try world.witness()
      problem = judge(trace, packet, id, sightings)
    }
    if problem != nil {
      // The kernel may have changed a route since it was asked: a new environment asks again.
      let before = environment
      environment = try LiveHostEnvironment()
      let again = self.trace(packet)
      if Self.routes(again) != Self.routes(trace), judge(again, packet, id, sightings) == nil {
        (trace, problem) = (again, nil)
        result.rerouted += 1
      } else {
        environment = before
      }
    }
    let clashes =
      known == nil
      && trace.packet?.flow.map { tracker.has($0.reply, packet.transport, ident: ident) } ?? false
    let isPortless = !packet.transport.hasPorts && packet.transport != .icmp && packet.transport != .icmpv6
    if clashes
      || (known == nil && isPortless && problem != nil
        && ([trace] + trace.others).contains(where: Self.isVague))
    {
      // Two connections that look the same after a translation: the kernel cannot distinguish them, and
      // drops.
      result.clashes += 1
      vague.insert(packet.transport)
      return nil
    } else if case .undetermined(let expression)? = trace.steps.last?.outcome {
      result.undetermined[expression, default: 0] += 1
      // It is not known what happened to it, so it is not known either which packets are its replies.
      if isPortless { vague.insert(packet.transport) }
    } else if problem != nil, let limit = Self.assumedLimit(trace) {
      // Earlier packets may have used up the limit.
      result.limited[limit, default: 0] += 1
      if isPortless { vague.insert(packet.transport) }
      return nil
    } else if let problem {
      result.disagreements.append(
        WalkRound.Disagreement(
          conversation: conversation, packet: packet,
          sent: packet.input.map { "in by \($0)" } ?? "by the host", walk: trace, what: problem,
          sightings: sightings))
    }
    let ways = self.ways(trace, packet, id, sightings)
    // Of several ways by chance it is known which one it was only if what was seen is that of one.
    let isOneOfSeveral =
      Set(ways.map(\.packet?.flow)).count > 1 || Set(ways.map(\.packet?.connectionMark)).count > 1
      || (trace.verdict != .accept && !trace.others.isEmpty)
    return remember(
      ways.first ?? trace, isOneOfSeveral, packet, id, ident, known?.index, known?.direction, sightings)
  }

  /// What is wrong with the walk of another packet that is the same in all that this walk read; nil if it ends in the same way,
  /// or if there is no such packet.
  private mutating func twin(of packet: Packet, _ trace: Trace) -> String? {
    guard packet.input != nil, trace.reads != .everything else { return nil }
    var random = SeededGenerator(seed: conversation &+ UInt64(nextId))
    for _ in 0..<8 {
      guard let other = traffic.first(&random, in: world.network, sourcePort: packet.sourcePort),
        other.source.family == packet.source.family
      else { continue }
      var twin = packet
      if !trace.reads.contains(.source) { twin.source = other.source }
      if !trace.reads.contains(.destination) { twin.destination = other.destination }
      if !trace.reads.contains(.destinationPort), packet.transport.hasPorts {
        twin.destinationPort = other.destinationPort
      }
      guard
        (twin.source, twin.destination, twin.destinationPort)
          != (packet.source, packet.destination, packet.destinationPort), isAlike(twin, packet)
      else { continue }
      result.twins += 1
      let end = self.trace(twin)
      if end.verdict != trace.verdict || end.packet?.output != trace.packet?.output
        || end.reads != trace.reads
      {
        return
          "a packet that differs in nothing that was read ends otherwise: \(twin.source) -> \(twin.destination):"
          + "\(twin.destinationPort) \(end.verdict) out of \(end.packet?.output?.description ?? "none")"
      }
    }
    return nil
  }

  /// Whether packets are the same in what every walk depends on.
  private func isAlike(_ one: Packet, _ other: Packet) -> Bool {
    func route(_ packet: Packet) -> RouteAnswer {
      environment.route(
        RouteQuestion(
          destination: packet.destination, source: packet.source, input: packet.input, mark: packet.mark,
          transport: RouteQuestion.Transport(packet)))
    }
    func type(_ packet: Packet) -> AddressType? { environment.addressType(packet.destination, on: nil) }
    return route(one) == route(other) && type(one) == type(other)
      && one.source.isForwardable == other.source.isForwardable
  }

  private func trace(_ packet: Packet) -> Trace {
    packet.input == nil ? walk.departure(packet, in: environment) : walk.arrival(packet, in: environment)
  }

  /// The routing decisions of a trace.
  private static func routes(_ trace: Trace) -> [RouteAnswer] {
    trace.steps.compactMap { if case .routed(let answer) = $0.outcome { answer } else { nil } }
  }

  /// The state in which conntrack puts a packet that belongs to no connection.
  private static func firstState(_ packet: Packet) -> ConnectionStates {
    switch packet.transport {
    case .tcp:
      let flags = packet.tcpFlags.subtracting(.psh)
      return flags == .syn || flags == .ack ? .new : .invalid
    // ICMP_ECHO, ICMP_TIMESTAMP, ICMP_INFO_REQUEST, ICMP_ADDRESS: `valid_new` of `nf_conntrack_proto_icmp.c`.
    case .icmp: return [8, 13, 15, 17].contains(packet.icmpType) ? .new : .invalid
    case .icmpv6:
      // Groups and neighbours are not tracked: `noct_valid_new` of `nf_conntrack_proto_icmpv6.c`.
      if (130...136).contains(packet.icmpType) || [143, 151, 152, 153].contains(packet.icmpType) {
        return .untracked
      }
      return packet.icmpType == 128 ? .new : .invalid
    default: return .new
    }
  }

  /// Whether the host itself takes part in a connection after this packet, so that its state in conntrack
  /// cannot be predicted: it resets a TCP connection for which no socket listens, answers a timestamp
  /// request, and, if connections are marked, its own ICMP errors may mark them.
  private func isAnswered(_ packet: Packet, _ trace: Trace, isDelivered: Bool) -> Bool {
    switch packet.transport {
    case .tcp: isDelivered
    case .icmp: isDelivered && packet.icmpType == 13
    default: marksConnections && (isDelivered || trace.verdict == .reject)
    }
  }

  /// Stores what conntrack knows after the packet.
  private mutating func remember(
    _ trace: Trace, _ isOneOfSeveral: Bool, _ packet: Packet, _ id: UInt32, _ ident: UInt16, _ known: Int?,
    _ direction: ConnectionDirection?,
    _ sightings: [World.Sighting]
  ) -> Int? {
    guard let last = trace.packet else { return nil }
    let isUntracked = last.state.contains(.untracked)
    let isDelivered = trace.verdict == .accept && last.output == nil
    if let known {
      if !isUntracked {
        let base = trace.steps.last?.base
        // A packet from the loopback interface was seen when it was sent.
        let firstHook = packet.input == nil ? NFT.hookOutput : NFT.hookPrerouting
        let isEarly =
          trace.verdict != .accept && base?.hook == firstHook && (base?.priority ?? 0) < -200
          || trace.steps.last?.chain == "before the rules"
        if direction == .reply, !isEarly { tracker[known].hasReply = true }
        tracker[known].mark = last.connectionMark
      }
      if trace.verdict == .undetermined || isOneOfSeveral || !trace.knowsConnectionMark
        || isAnswered(packet, trace, isDelivered: isDelivered)
      {
        tracker[known].isLost = true
      }
      return known
    }
    guard packet.state == .new, !isUntracked, var flow = last.flow else { return nil }
    // Over the loopback interface the connection exists once the packet was sent, whatever happens on
    // arrival.
    guard trace.verdict == .accept || trace.verdict == .undetermined || last.input == .loopback else {
      return nil
    }
    let isVague = Self.isVague(trace)
    // The new source that the kernel chose is visible.
    var isSeen = false
    for sighting in sightings {
      let seen =
        switch sighting {
        case .left(_, let seen), .delivered(let seen): seen
        }
      guard isVague, seen.id == id, !seen.flags.contains(.rst), let source = seen.source else { continue }
      (flow.reply.destination, flow.reply.destinationPort) = (source, seen.sourcePort)
      isSeen = true
    }
    if isVague, !isSeen { vague.insert(packet.transport) }
    var entry = Tracker.Entry(
      flow: flow, mark: last.connectionMark, opener: packet.input, answerer: last.output)
    entry.isLost =
      trace.verdict == .undetermined || isOneOfSeveral || !trace.knowsConnectionMark
      || (isVague && !isSeen)
      || isAnswered(packet, trace, isDelivered: isDelivered)
      || (packet.transport == .tcp && trace.verdict != .accept)
    return tracker.add(entry, packet.transport, ident: ident)
  }

  /// The last limit within which the walk assumed the packet to be, of rules of the tables; nil if it assumed none.
  private static func assumedLimit(_ trace: Trace) -> String? {
    trace.steps.lazy.compactMap { step in
      if case .assumed(let text) = step.outcome, step.source != nil, text.hasPrefix("within ") {
        text
      } else {
        nil
      }
    }.last
  }

  /// Whether the packet was translated to an address or port that the walk does not know.
  static func isVague(_ trace: Trace) -> Bool {
    trace.steps.contains {
      if case .translated(let change) = $0.outcome {
        change.address == nil || change.port == nil
      } else {
        false
      }
    }
  }
}

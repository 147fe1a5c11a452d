// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyAnalysis
internal import Ruleset

/// The verdict for the first packet of a flow that arrives at a host, after every table that is loaded there.
struct PacketOutcome: Sendable {
  /// Where an accepted packet goes.
  enum End: Sendable, Hashable {
    /// To the host itself.
    case host
    /// Out of an interface.
    case output(InterfaceName)
  }

  /// The verdict.
  let verdict: TraceVerdict
  /// What decided: a line of the policy, a rule of another table, or `built in`.
  let because: String
  /// The reason of that line or rule.
  let reason: String
  /// Whether a grant of the policy lets it in.
  let isGranted: Bool
  /// Where the packet goes.
  let end: End
  /// The destination address after NAT; nil if it is that of the question.
  let address: IPAddress?
  /// The destination port after all NAT; nil if it is the port of the question.
  let port: UInt16?
  /// Other ways that the packet may go by chance, with the same verdict.
  var others: [PacketOutcome] = []
}

/// Walks packets and caches the outcomes: packets are walked once for all that are the same in what the walk read.
///
/// A class because of the cache. It must be used on the thread of its environment.
final class PacketOutcomes {
  /// The flow that is evaluated.
  struct Question: Hashable {
    var input: InterfaceName
    var source: IPAddress
    var destination: IPAddress
    var transport: IPProtocol
    var port: UInt16

    /// The first packet of the flow.
    var packet: Packet {
      Packet(
        source: source, destination: destination, transport: transport, destinationPort: port, input: input)
    }
  }

  let classes: DestinationPortClasses
  private let walk: PacketWalk
  private let environment: any HostEnvironment
  private let view: SiteView?
  /// By what their walks read.
  private var known: [(reads: PacketParts, outcomes: [Key: PacketOutcome])] = []

  /// What outcomes depend on.
  private struct Key: Hashable {
    // Of every walk (`PacketParts`):
    let input: InterfaceName
    let family: AddressFamily
    let transport: IPProtocol
    let route: RouteAnswer
    let type: AddressType?
    let isForwardable: Bool
    // Of those that read it; else nil:
    var source: IPAddress?
    var destination: IPAddress?
    /// The number of the port's class.
    var port: UInt16?

    /// The same without the parts that are not read.
    func limited(to parts: PacketParts) -> Key {
      var key = self
      if !parts.contains(.source) { key.source = nil }
      if !parts.contains(.destination) { key.destination = nil }
      if !parts.contains(.destinationPort) { key.port = nil }
      return key
    }
  }
  private let words: DecisionWords

  init(_ tables: [KernelTable], order: HookOrder?, environment: any HostEnvironment, view: SiteView?) {
    // Whether a grant covers a packet is asked of the policy's table, loaded or not.
    classes = DestinationPortClasses(tables + (view.map { [$0.table] } ?? []))
    walk = PacketWalk(view.map { tables.withOrigins(of: $0.table) } ?? tables, order: order)
    self.environment = environment
    self.view = view
    words = DecisionWords(view)
  }

  /// The outcome for the first packet of a flow.
  func outcome(_ question: Question) -> PacketOutcome {
    let packet = question.packet
    let key = Key(
      input: question.input, family: packet.family, transport: question.transport,
      route: environment.route(
        RouteQuestion(
          destination: question.destination, source: question.source, input: question.input,
          transport: RouteQuestion.Transport(packet))),
      type: environment.addressType(question.destination, on: nil),
      isForwardable: question.source.isForwardable, source: question.source,
      destination: question.destination, port: classes.number(of: question.port))
    for (reads, outcomes) in known {
      if let outcome = outcomes[key.limited(to: reads)] { return outcome }
    }
    let trace = walk.arrival(packet, in: environment)
    var outcome = outcome(of: trace, question)
    outcome.others = trace.others.map { self.outcome(of: $0, question) }
    // Whether the policy grants it is asked of the whole packet.
    let reads = view != nil && trace.verdict == .accept ? .everything : trace.reads
    let place = known.firstIndex { $0.reads == reads } ?? known.count
    if place == known.count { known.append((reads, [:])) }
    known[place].outcomes[key.limited(to: reads)] = outcome
    return outcome
  }

  private func outcome(of trace: Trace, _ question: Question) -> PacketOutcome {
    let packet = question.packet
    let end = trace.packet?.output.map(PacketOutcome.End.output) ?? .host
    let words = words.words(of: trace)
    return PacketOutcome(
      verdict: trace.verdict, because: words.because, reason: words.reason,
      isGranted: isGranted(packet, trace), end: end,
      address: trace.packet.flatMap { $0.destination == question.destination ? nil : $0.destination },
      port: trace.packet.flatMap { $0.destinationPort == question.port ? nil : $0.destinationPort })
  }

  /// Whether the policy grants it. If the policy's table is not loaded, its compiled ruleset is evaluated.
  private func isGranted(_ packet: Packet, _ trace: Trace) -> Bool {
    guard let view, trace.verdict == .accept else { return false }
    if view.isGranted(trace) { return true }
    if let output = trace.packet?.output, trace.packet?.destination == packet.destination {
      return view.isGranted(view.passage(packet, to: output))
    }
    return view.isGranted(view.arrival(packet))
  }
}

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
  /// The destination address after all NAT.
  let address: IPAddress
  /// The destination port after all NAT; nil if it is the port of the question.
  let port: UInt16?
  /// Other ways that the packet may go by chance, with the same verdict.
  var others: [PacketOutcome] = []
}

/// Walks packets and caches the outcomes: ports that no rule distinguishes are walked once.
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
  /// By question, with the number of the port's class for the port.
  private var known: [Question: PacketOutcome] = [:]
  /// By question with port 0: those for which no port matters.
  private var knownForEveryPort: [Question: PacketOutcome] = [:]
  /// Texts that many outcomes share, each stored once.
  private var texts: [String: String] = [:]

  init(_ tables: [KernelTable], order: HookOrder?, environment: any HostEnvironment, view: SiteView?) {
    // Whether a grant covers a packet is asked of the policy's table, loaded or not.
    classes = DestinationPortClasses(tables + (view.map { [$0.table] } ?? []))
    walk = PacketWalk(view.map { tables.withOrigins(of: $0.table) } ?? tables, order: order)
    self.environment = environment
    self.view = view
  }

  /// The outcome for the first packet of a flow.
  func outcome(_ question: Question) -> PacketOutcome {
    var (key, every) = (question, question)
    key.port = classes.number(of: question.port)
    every.port = 0
    if let outcome = knownForEveryPort[every] ?? known[key] { return outcome }
    let trace = walk.arrival(question.packet, in: environment)
    var outcome = outcome(of: trace, question)
    outcome.others = trace.others.map { self.outcome(of: $0, question) }
    if trace.dependsOnPort || view != nil && trace.verdict == .accept {
      known[key] = outcome
    } else {
      knownForEveryPort[every] = outcome
    }
    return outcome
  }

  private func outcome(of trace: Trace, _ question: Question) -> PacketOutcome {
    let packet = question.packet
    let end = trace.packet?.output.map(PacketOutcome.End.output) ?? .host
    return PacketOutcome(
      verdict: trace.verdict, because: shared(view?.because(trace) ?? TraceWords.because(trace)),
      reason: shared(view?.reason(trace) ?? TraceWords.reason(trace)),
      isGranted: isGranted(packet, trace), end: end,
      address: trace.packet?.destination ?? question.destination,
      port: trace.packet.flatMap { $0.destinationPort == question.port ? nil : $0.destinationPort })
  }

  private func shared(_ text: String) -> String {
    if let same = texts[text] { return same }
    texts[text] = text
    return text
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

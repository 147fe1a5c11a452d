// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyAnalysis
internal import Ruleset

/// What befalls the first packet of a flow that comes to a host, through everything that is loaded there.
struct PacketOutcome: Sendable {
  /// Where a packet ends that nothing stops.
  enum End: Sendable, Hashable {
    /// With the host itself.
    case host
    /// On its way out by an interface.
    case output(InterfaceName)
  }

  /// What befalls it.
  let verdict: TraceVerdict
  /// What decides: a line of the policy, a rule of another table, or what is built in.
  let because: String
  /// What that is about.
  let reason: String
  /// Whether a grant of the policy lets it in.
  let isGranted: Bool
  /// Where it ends.
  let end: End
  /// The address that it is for in the end.
  let address: IPAddress
  /// The port that it is for in the end; nil where that is the port that was asked for.
  let port: UInt16?
}

/// Walks packets and remembers what befell them: ports that no rule tells apart are walked once.
///
/// A class, since it remembers. It is for the thread of its environment.
final class PacketOutcomes {
  /// What is asked.
  struct Question: Hashable {
    var input: InterfaceName
    var source: IPAddress
    var destination: IPAddress
    var transport: IPProtocol
    var port: UInt16

    /// The first packet of such a flow.
    var packet: Packet {
      Packet(
        source: source, destination: destination, transport: transport, destinationPort: port, input: input)
    }
  }

  let classes: DestinationPortClasses
  private let walk: PacketWalk
  private let environment: any HostEnvironment
  private let view: SiteView?
  private var known: [Question: PacketOutcome] = [:]
  /// Words that many outcomes share, each kept once.
  private var words: [String: String] = [:]

  init(_ tables: [KernelTable], order: HookOrder?, environment: any HostEnvironment, view: SiteView?) {
    classes = DestinationPortClasses(tables)
    walk = PacketWalk(tables, order: order)
    self.environment = environment
    self.view = view
  }

  /// Chains that no walk goes through.
  var unwalked: [String] { walk.unwalked }

  /// What befalls the packet.
  func outcome(_ question: Question) -> PacketOutcome {
    var key = question
    key.port = classes.number(of: question.port)
    if let outcome = known[key] { return outcome }
    let outcome = ask(question)
    known[key] = outcome
    return outcome
  }

  private func ask(_ question: Question) -> PacketOutcome {
    let packet = question.packet
    let trace = walk.arrival(packet, in: environment)
    let end = trace.packet?.output.map(PacketOutcome.End.output) ?? .host
    return PacketOutcome(
      verdict: trace.verdict, because: kept(view?.because(trace) ?? TraceWords.because(trace)),
      reason: kept(view?.reason(trace) ?? TraceWords.reason(trace)),
      isGranted: isGranted(packet, trace), end: end,
      address: trace.packet?.destination ?? question.destination,
      port: trace.packet.flatMap { $0.destinationPort == question.port ? nil : $0.destinationPort })
  }

  private func kept(_ text: String) -> String {
    if let same = words[text] { return same }
    words[text] = text
    return text
  }

  /// Whether the policy grants it: where its table is not loaded, by what it compiles to.
  private func isGranted(_ packet: Packet, _ trace: Trace) -> Bool {
    guard let view, trace.verdict == .accept else { return false }
    if view.isGranted(trace) { return true }
    if let output = trace.packet?.output, trace.packet?.destination == packet.destination {
      return view.isGranted(view.passage(packet, to: output))
    }
    return view.isGranted(view.arrival(packet))
  }
}

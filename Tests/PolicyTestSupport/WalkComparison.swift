// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
package import PacketWalk
internal import PolicyAnalysis
package import Ruleset
package import TestSupport

/// Compares the walk of all packets through a table with the walks of single packets, in each base chain alone and at
/// each hook.
package struct WalkComparison {
  /// Which answers are allowed beside equal verdicts.
  package enum Expectation: Sendable {
    /// Compiled from a policy: each packet is in exactly one class, and no verdict is undetermined.
    case compiled
    /// Any table: what one of the walks cannot determine is counted. A packet that lacks a field on which classes
    /// differ is in several classes; then one of them must have its verdict.
    case any
  }

  /// A base chain alone, or all base chains of a hook.
  package struct Point: Sendable, Hashable, CustomStringConvertible {
    /// The base chain; nil for all of the hook.
    let chain: String?
    /// `NFT.hookPrerouting`, …
    let hook: UInt32

    package var description: String { chain.map { "chain \($0)" } ?? "hook \(hook)" }

    var input: PacketSpace.Presence {
      hook == NFT.hookOutput || hook == NFT.hookPostrouting ? .absent : .present
    }
    var output: PacketSpace.Presence {
      hook == NFT.hookPrerouting || hook == NFT.hookInput ? .absent : .present
    }
  }

  /// At which points packets are compared. A large ruleset has thousands of classes at some of them.
  package enum Choice: Sendable {
    case all
    /// This many, at random.
    case some(Int)
  }

  /// A packet for which the walks differ.
  package struct Difference: Sendable, CustomStringConvertible {
    package let point: Point
    package let packet: Packet
    /// What each walk says.
    package let words: String

    package var description: String { "\(point): \(words)\n  \(WalkText.full(packet))" }
  }

  /// How many packets were compared.
  package private(set) var compared = 0
  /// How many of them the walk of all packets could not determine.
  package private(set) var undeterminedSpaces = 0
  /// How many of the others the walk of single packets could not determine.
  package private(set) var undeterminedPackets = 0
  /// The first difference; nil if there is none.
  package private(set) var difference: Difference?

  private let table: KernelTable
  private let space: SpaceWalk
  private let expectation: Expectation

  /// Compares samples of `count` classes, and `count` random packets: at each point, or at random ones.
  package init(
    _ table: KernelTable, _ expectation: Expectation, _ choice: Choice, packets count: Int,
    _ random: inout SeededGenerator
  ) {
    self.init(table, expectation)
    let table = self.table
    let boundaries = BoundaryPackets(table)
    var points = Self.points(of: table)
    if case .some(let number) = choice { points = Array(points.shuffled(using: &random).prefix(number)) }
    for point in points {
      let answers = Answers(table, space, point)
      let chosen = (0..<count).compactMap { _ in answers.ends.randomElement(using: &random) }
      let samples = chosen.map { $0.space.sample() }
      // A sample of a class that no packet of the walk can be in is in another one.
      for (end, sample) in zip(chosen, samples) where end.space.contains(sample) {
        compare(sample, answers)
      }
      for index in 0..<count where difference == nil {
        let isNear = index % 2 == 0 && !samples.isEmpty
        let packet =
          isNear
          ? boundaries.neighbour(of: random.one(of: samples), &random)
          : boundaries.packet(input: point.input, output: point.output, &random)
        compare(packet, answers)
      }
      if difference != nil { return }
    }
  }

  /// Compares one packet.
  package init(_ table: KernelTable, _ expectation: Expectation, _ packet: Packet, at point: Point) {
    self.init(table, expectation)
    let table = self.table
    if Self.points(of: table).contains(point) { compare(packet, Answers(table, space, point)) }
  }

  /// Without the chains that translate addresses, which the walk of all packets leaves out: the proof says what they do.
  private init(_ table: KernelTable, _ expectation: Expectation) {
    var table = table
    table.chains.removeAll { $0.base?.type == "nat" }
    self.table = table
    self.expectation = expectation
    space = SpaceWalk(table)
  }

  /// Each base chain, and each hook that has one.
  private static func points(of table: KernelTable) -> [Point] {
    let bases = table.chains.compactMap { chain in chain.base.map { Point(chain: chain.name, hook: $0.hook) }
    }
    return bases + Set(bases.map(\.hook)).sorted().map { Point(chain: nil, hook: $0) }
  }

  /// What both walks need at a point.
  private struct Answers {
    let point: Point
    /// All classes; the accepted ones of a hook by the walk that only finds these.
    let ends: [SpaceWalk.End]
    let packets: PacketWalk

    init(_ table: KernelTable, _ space: SpaceWalk, _ point: Point) {
      self.point = point
      let spaces = Self.spaces(point)
      guard let chain = point.chain else {
        ends =
          space.ends(of: spaces, hook: point.hook, .accepted)
          + space.ends(of: spaces, hook: point.hook).filter { $0.verdict != .accept }
        packets = PacketWalk([table])
        return
      }
      ends = space.ends(of: spaces, chain: chain)
      var alone = table
      alone.chains = table.chains.filter { $0.base == nil || $0.name == chain }
      packets = PacketWalk([alone])
    }

    /// All packets that a walk of single packets can describe: without a source route, and with the same protocol
    /// before and after a translation.
    private static func spaces(_ point: Point) -> [PacketSpace] {
      let ported = [IPProtocol.tcp, .udp, .sctp].map { PacketSpace.Service.all($0) }
      let transports = ported + [IntervalSet(0, 0xff_ffff).subtracting(IntervalSet.union(ported))]
      return AddressFamily.allCases.flatMap { family in
        transports.compactMap {
          PacketSpace(family, input: point.input, output: point.output)
            .narrowed(.options, to: PacketSpace.Field.noOptions)?.narrowed(.service, to: $0)?
            .narrowed(.originalService, to: $0)
        }
      }
    }
  }

  private mutating func compare(_ packet: Packet, _ answers: Answers) {
    guard difference == nil else { return }
    let trace = answers.packets.trace(packet, hooks: [answers.point.hook])
    // The classes are of the packet as its chain sees it: one that the walk itself translated is another one.
    guard let end = trace.packet, end.source == packet.source, end.destination == packet.destination,
      end.sourcePort == packet.sourcePort, end.destinationPort == packet.destinationPort
    else { return }
    compared += 1
    let holders = answers.ends.filter { $0.space.contains(packet) }
    let isUndetermined = holders.contains { $0.verdict == .undetermined }
    if isUndetermined { undeterminedSpaces += 1 }
    if trace.verdict == .undetermined, !isUndetermined { undeterminedPackets += 1 }
    guard let words = disagreement(trace, holders) else { return }
    difference = Difference(point: answers.point, packet: packet, words: words)
  }

  /// Why the answers differ; nil if they agree.
  private func disagreement(_ trace: Trace, _ holders: [SpaceWalk.End]) -> String? {
    let found = holders.map { "\($0.kernelVerdict)\($0.unknown.map { " (\($0))" } ?? "")" }.joined(
      separator: ", ")
    let decided = trace.steps.last.map { " (\($0.chain): \(WalkText.text($0.outcome)))" } ?? ""
    let words =
      "the packet's verdict is \(trace.verdict)\(decided), of its classes: \(found.isEmpty ? "none" : found)"
    if expectation == .any {
      if trace.verdict == .undetermined || holders.contains(where: { $0.verdict == .undetermined }) {
        return nil
      }
      if holders.count > 1 { return holders.contains { $0.kernelVerdict == trace.verdict } ? nil : words }
    }
    guard let only = holders.first, holders.count == 1, only.kernelVerdict == trace.verdict else {
      return words
    }
    if let counter = only.counter, counter != trace.counter {
      return "\(words); counted in \(trace.counter ?? "none"), by its class in \(counter)"
    }
    return only.isReset == trace.isReset ? nil : "\(words); only one of them is answered with a reset"
  }
}

extension Trace {
  /// The last counter that counted the packet.
  fileprivate var counter: String? {
    for step in steps.reversed() {
      if case .counted(let name) = step.outcome { return name }
    }
    return nil
  }

  /// Whether the packet is rejected with a TCP reset.
  fileprivate var isReset: Bool {
    verdict == .reject
      && steps.last?.source?.expressions.contains {
        if case .reject(NFT.rejectReset, _) = $0 { true } else { false }
      } == true
  }
}

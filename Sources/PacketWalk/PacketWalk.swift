// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset

/// Walks packets through tables, expression by expression, as the kernel would.
///
/// It uses only what the packet states and what the host environment answers. A rule with an expression that it cannot
/// evaluate is walked both ways; the verdict is undetermined if it depends on that rule.
/// Tables of all families but `arp` are walked: no chain of `arp` sees an IP packet.
public struct PacketWalk: Sendable {
  let tables: [TableIndex]
  /// By family, by hook (`nf_inet_hooks`), for each possible order of legacy chains.
  private let places: [[AddressFamily: [HookPlaces]]]

  /// Whether the walk of a packet with an undetermined verdict finds out between which verdicts an unknown condition decides. It
  /// needs more runs.
  public var findsAlternatives = false

  /// The base chains at devices and in bridges.
  let frames: FrameChains
  let obstacles: Obstacles

  /// A walk through these tables: all tables that see the packet, of all programs. Base chains of equal
  /// priority are called in the kernel's own `order`; without it, in the order of the tables and their
  /// chains. If the place of a legacy table's chains among those of equal priority is not known, the walk is made with all
  /// places, and the verdict is undetermined if it depends on them. The verdict for a packet that passes one of `blindSpots`
  /// is undetermined.
  public init(_ tables: [KernelTable], order: HookOrder? = nil, besides blindSpots: [BlindSpot] = []) {
    let walked: Set<UInt8> = [
      NFT.familyInet, AddressFamily.ipv4.rawValue, AddressFamily.ipv6.rawValue, NFT.familyNetdev,
      NFT.familyBridge,
    ]
    let indices = tables.filter { walked.contains($0.family) }.map(TableIndex.init)
    self.tables = indices
    places = LegacyAges.possible(indices, order).map { ages in
      Dictionary(
        uniqueKeysWithValues: AddressFamily.allCases.map { family in
          (
            family,
            (NFT.hookPrerouting...NFT.hookPostrouting).map {
              HookPlaces(indices, family: family.rawValue, hook: $0, order: order, ages: ages)
            }
          )
        })
    }
    frames = FrameChains(indices, order: order)
    obstacles = Obstacles(blindSpots)
  }

  /// Whether anything looks at packets below IP.
  var seesFrames: Bool { !frames.isEmpty || !obstacles.isEmpty }

  /// The trace of a packet through the base chains of some hooks (`NFT.hookPrerouting`, …), one hook after
  /// another, in the order of the chains' priorities. `drop` is final; `accept` ends one base chain. The
  /// packet itself states its environment.
  public func trace(_ packet: Packet, hooks: [UInt32]) -> Trace {
    trace(packet, hooks: hooks, in: StatedEnvironment(packet))
  }

  /// The trace of a packet through the base chains of some hooks, in a host environment.
  public func trace(_ packet: Packet, hooks: [UInt32], in environment: any HostEnvironment) -> Trace {
    bothWays(packet, environment) { run in
      if let first = hooks.first, first != NFT.hookPrerouting, first != NFT.hookOutput {
        run.tracking = .tracked
      }
      for hook in hooks where !run.pass(hook) { break }
    }
  }

  /// The whole trace of a packet that arrives through its `input`: the chains of the device, prerouting, the routing decision, then
  /// input, or forward and postrouting. Its stated output and destination type are not used.
  public func arrival(_ packet: Packet, in environment: any HostEnvironment) -> Trace {
    bothWays(packet, environment) { $0.arrive() }
  }

  /// The whole trace of a packet that the bridge of its `input` forwards to another port and shows to the rules
  /// (br_netfilter): prerouting, forward and postrouting, without a routing decision.
  public func bridging(_ packet: Packet, in environment: any HostEnvironment) -> Trace {
    bothWays(packet, environment) { $0.bridge() }
  }

  /// The whole trace of a packet that this host sends: output, routing again if the destination or the mark
  /// changed, postrouting; then prerouting and input if it is for this host. Its `output` is the interface
  /// that the host chose first; if it is nil, the environment chooses it.
  public func departure(_ packet: Packet, in environment: any HostEnvironment) -> Trace {
    bothWays(packet, environment) { $0.depart() }
  }

  /// More runs than these are not made for one packet.
  private static let mostRuns = 64

  /// Walks a packet, with all orders of chains that are possible: if the packet ends in the same way with all of them, that is
  /// its verdict.
  private func bothWays(
    _ packet: Packet, _ environment: any HostEnvironment, _ walk: (inout WalkRun) -> Void
  ) -> Trace {
    var first = bothWays(packet, environment, order: 0, walk)
    for order in places.indices.dropFirst() where first.verdict != .undetermined {
      let other = bothWays(packet, environment, order: order, walk)
      first.reads.formUnion(other.reads)
      guard first.endsAlike(other) else { return first.undecided(besides: other) }
    }
    return first
  }

  /// Walks a packet. At a rule that may match or not, the walk goes on both ways: if the packet ends in the same way whatever
  /// such rules do, that is its verdict. Otherwise the trace ends at the first of them. Where chance decides, only the verdict
  /// must be the same; the trace has the other ways.
  private func bothWays(
    _ packet: Packet, _ environment: any HostEnvironment, order: Int, _ walk: (inout WalkRun) -> Void
  ) -> Trace {
    func run(_ choices: [Bool]) -> WalkRun {
      var run = WalkRun(packet, self, environment)
      run.order = order
      run.choices = choices
      walk(&run)
      return run
    }
    let first = run([])
    guard first.isOpen else { return first.finished() }
    var reads = first.trace.reads
    func finished(_ trace: Trace) -> Trace {
      var trace = trace
      trace.reads = reads
      if findsAlternatives, trace.verdict == .undetermined { trace.alternatives = alternatives(run) }
      return trace
    }
    var (pending, agreed): ([[Bool]], Trace?) = ([[true], [false]], nil)
    // Whether the runs differ in more than chance, and whether they have different ends.
    var (choseFact, differs) = (false, false)
    for _ in 1..<Self.mostRuns {
      guard let choices = pending.popLast() else { break }
      let next = run(choices)
      reads.formUnion(next.trace.reads)
      choseFact = choseFact || next.choseFact
      if next.isOpen {
        pending += [choices + [true], choices + [false]]
        continue
      }
      let trace = next.finished()
      guard trace.verdict != .undetermined, agreed.map({ $0.verdict == trace.verdict }) ?? true else {
        return finished(first.finished())
      }
      // The first run takes no such rule to match.
      guard var known = agreed else {
        agreed = trace
        continue
      }
      if !known.endsAlike(trace) { differs = true }
      if differs, choseFact { return finished(first.finished()) }
      if trace.packet != known.packet, !known.others.contains(where: { $0.packet == trace.packet }) {
        known.others.append(trace)
      }
      agreed = known
    }
    guard pending.isEmpty, var agreed else { return finished(first.finished()) }
    if choseFact { agreed.others = [] }
    return finished(agreed)
  }

  /// The verdicts between which the first unknown condition of a packet's walk decides; nil if one side has several itself.
  private func alternatives(_ run: ([Bool]) -> WalkRun) -> Trace.Alternatives? {
    var (runs, isChance) = (0, true)
    func verdict(_ choices: [Bool]) -> TraceVerdict? {
      runs += 1
      guard runs < Self.mostRuns else { return nil }
      let next = run(choices)
      if next.choseFact { isChance = false }
      guard next.isOpen else {
        let verdict = next.finished().verdict
        return verdict == .undetermined ? nil : verdict
      }
      guard let one = verdict(choices + [true]), one == verdict(choices + [false]) else { return nil }
      return one
    }
    guard let matching = verdict([true]), let otherwise = verdict([false]), matching != otherwise else {
      return nil
    }
    return Trace.Alternatives(matching: matching, otherwise: otherwise, isChance: isChance)
  }

  /// What a packet passes at a hook. `order` is the number of an order of legacy chains.
  func entries(_ family: AddressFamily, _ hook: UInt32, order: Int) -> [HookPlaces.Entry] {
    guard places.indices.contains(order), let hooks = places[order][family], hooks.indices.contains(Int(hook))
    else { return [] }
    return hooks[Int(hook)].entries
  }

  /// Maximum depth of nested jumps (`NFT_JUMP_STACK_SIZE`).
  static let deepest = 16
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import Ruleset

/// Walks packets through tables, expression by expression, as the kernel would.
///
/// It asks of a packet only what the packet states, and of the host only what its environment answer. What hangs on an
/// expression that it does not speak is said to be undetermined; a rule that cannot match for another reason is passed
/// over even so. Tables of the families ip, ip6 and inet are walked; `bridge`, `arp`, `netdev` and the hook ingress are
/// not (`unwalked`).
public struct PacketWalk: Sendable {
  let tables: [TableIndex]
  /// By family, by hook (`nf_inet_hooks`).
  private let places: [AddressFamily: [HookPlaces]]

  /// A walk through these tables: all that see the packet, whoever made them. Base chains of equal priority come in the
  /// order of the tables and their chains, or as the kernel's own `order` has them.
  public init(_ tables: [KernelTable], order: HookOrder? = nil) {
    let walked: Set<UInt8> = [NFT.familyInet, AddressFamily.ipv4.rawValue, AddressFamily.ipv6.rawValue]
    let indices = tables.filter { walked.contains($0.family) }.map(TableIndex.init)
    self.tables = indices
    places = Dictionary(
      uniqueKeysWithValues: AddressFamily.allCases.map { family in
        (
          family,
          (NFT.hookPrerouting...NFT.hookPostrouting).map {
            HookPlaces(indices, family: family.rawValue, hook: $0, order: order)
          }
        )
      })
    unwalked = tables.flatMap { table in
      table.chains.filter { chain in
        chain.base.map { !walked.contains(table.family) || $0.hook > NFT.hookPostrouting } ?? false
      }.map { "\(RuleText.family(table.family)) \(table.name) \($0.name)" }
    }
  }

  /// The base chains of the tables that no walk goes through, as "family table chain": of families that see frames, not
  /// packets, and of hooks before prerouting. A drop there is not foreseen.
  public let unwalked: [String]

  /// The way of a packet through the base chains of some hooks (`NFT.hookPrerouting`, …), one after another, in the
  /// order of their priorities. `drop` is final; `accept` ends one base chain. The packet's own statements stand for the
  /// host's.
  public func trace(_ packet: Packet, hooks: [UInt32]) -> Trace {
    trace(packet, hooks: hooks, in: StatedSurroundings(packet))
  }

  /// The way of a packet through the base chains of some hooks, where the host answers for itself.
  public func trace(_ packet: Packet, hooks: [UInt32], in environment: any HostEnvironment) -> Trace {
    var run = WalkRun(packet, self, environment)
    if let first = hooks.first, first != NFT.hookPrerouting, first != NFT.hookOutput {
      run.tracking = .tracked
    }
    for hook in hooks where !run.pass(hook) { break }
    return run.finished()
  }

  /// The whole way of a packet that arrives by its `input`: prerouting, the routing decision, then input, or forward and
  /// postrouting. What it states of its output and of its destination's type is not asked.
  public func arrival(_ packet: Packet, in environment: any HostEnvironment) -> Trace {
    var run = WalkRun(packet, self, environment)
    run.arrive()
    return run.finished()
  }

  /// The whole way of a packet that this host sends: output, the route again where the destination or the mark changed,
  /// postrouting; and back in where it is for this host. Its `output` is the interface that the host chose first; where
  /// it is nil, the environment are asked.
  public func departure(_ packet: Packet, in environment: any HostEnvironment) -> Trace {
    var run = WalkRun(packet, self, environment)
    run.depart()
    return run.finished()
  }

  func entries(_ family: AddressFamily, _ hook: UInt32) -> [HookPlaces.Entry] {
    guard let hooks = places[family], hooks.indices.contains(Int(hook)) else { return [] }
    return hooks[Int(hook)].entries
  }

  /// Most jumps within jumps (`NFT_JUMP_STACK_SIZE`).
  static let deepest = 16
}

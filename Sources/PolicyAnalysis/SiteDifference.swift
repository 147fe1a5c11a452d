// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// Who can newly reach what, and who no longer can, when one site becomes another: exact, over every first packet that
/// there can be, whatever the texts look like.
public struct SiteDifference: Sendable {
  /// A source that reaches a service in one of the two alone.
  public struct Reach: Sendable, Hashable {
    /// The machine that answers, or that routes.
    public let machine: String
    /// What it passes the packets on to; nil for itself.
    public let to: String?
    /// The service's name in the policy or the catalogue, or its port as it is written.
    public let service: String
    /// `tcp`, `udp`, `icmp`, …; `any` for everything.
    public let transport: String
    /// Nil where the protocol has none.
    public let ports: ClosedRange<UInt16>?
    /// A machine, zone, tunnel, list, group or prefix.
    public let from: String
    /// The addresses that it has there.
    public let addresses: [String]
    /// The tunnel or zone by which it comes.
    public let over: String
    /// Whether the way leads through no tunnel, and from anybody or by the internet.
    public let isFromOutside: Bool
  }

  /// Traffic that may leave a machine outside a tunnel in one of the two alone.
  public struct ClearText: Sendable, Hashable {
    /// The machine that sends.
    public let machine: String
    /// The machine that it is for, or addresses.
    public let to: String
    /// Zones by which it may leave.
    public let over: [String]
    /// The services; `any` for everything.
    public let services: [String]
  }

  /// What is reached in the new site alone; the ways from outside first.
  public let gained: [Reach]
  /// What is reached in the old site alone.
  public let lost: [Reach]
  /// What may leave in the clear in the new site alone: a loss of `encrypt`.
  public let clearTextGained: [ClearText]
  /// What may leave in the clear in the old site alone.
  public let clearTextLost: [ClearText]
  /// How many machines enforce something else.
  public let changedMachines: Int

  /// Whether both sites let the same pass.
  public var isEmpty: Bool {
    gained.isEmpty && lost.isEmpty && clearTextGained.isEmpty && clearTextLost.isEmpty
  }

  /// The difference between two sites; `only` is the machine that is asked about, nil all. `progress` is told after each
  /// machine how many are done, and of how many.
  public init(
    from old: CompiledSite, to new: CompiledSite, only: String? = nil,
    workers: any Workers = OneByOne(), progress: (Int, Int) -> Void = { _, _ in }
  ) {
    var comparison = SiteComparison(old, new, workers)
    comparison.compare(only: only, progress: progress)
    gained = comparison.gained.sorted { Self.precedes($0, $1) }
    lost = comparison.lost.sorted { Self.precedes($0, $1) }
    clearTextGained = comparison.clearTextGained
    clearTextLost = comparison.clearTextLost
    changedMachines = comparison.changed.count
  }

  private static func precedes(_ one: Reach, _ two: Reach) -> Bool {
    if one.isFromOutside != two.isFromOutside { return one.isFromOutside }
    return (one.machine, one.to ?? "", one.over, one.from, one.service, one.ports?.lowerBound ?? 0)
      < (two.machine, two.to ?? "", two.over, two.from, two.service, two.ports?.lowerBound ?? 0)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PolicyAnalysis
internal import PolicyLanguage

/// Who gains and who loses access when one site replaces another. The result is exact over every possible
/// first packet and does not depend on how the policies are written.
public struct SiteDifference: Sendable {
  /// A source that reaches a service in only one of the two sites.
  public struct Reach: Sendable, Hashable {
    /// The machine that receives or forwards the packets.
    public let machine: String
    /// The destination to which it forwards the packets; nil for the machine itself.
    public let to: String?
    /// The service's name in the policy or the catalogue, else the port as text.
    public let service: String
    /// `tcp`, `udp`, `icmp`, …; `any` for all.
    public let transport: String
    /// Nil if the protocol has no ports, or for all ports.
    public let ports: ClosedRange<UInt16>?
    /// A machine, zone, tunnel, list, group or prefix.
    public let from: String
    /// The addresses of the source on this machine.
    public let addresses: [String]
    /// The tunnel or zone from which it arrives.
    public let over: String
    /// Whether the packets use no tunnel, and arrive from `internet` or from a whole zone.
    public let isFromOutside: Bool
  }

  /// Traffic that may leave a machine outside a tunnel in only one of the two sites.
  public struct ClearText: Sendable, Hashable {
    /// The machine that sends.
    public let machine: String
    /// The destination machine, or a prefix.
    public let to: String
    /// The zones to which it may leave.
    public let over: [String]
    /// The services; `any` for all.
    public let services: [String]
  }

  /// Traffic that a machine with `confine` in one of the sites may send in only one of them.
  public struct Outbound: Sendable, Hashable {
    /// The machine that sends, or whose containers send.
    public let machine: String
    /// Whether its containers send it, and not the machine itself.
    public let isOfContainers: Bool
    /// The destination machine, a prefix, or `anywhere else`.
    public let to: String
    /// The zones and tunnels to which it leaves.
    public let over: [String]
    /// The services; `any` for all.
    public let services: [String]
  }

  /// What is reachable only in the new site; access from outside first.
  public let gained: [Reach]
  /// What is reachable only in the old site.
  public let lost: [Reach]
  /// What may leave in the clear only in the new site: traffic that `encrypt` no longer covers.
  public let clearTextGained: [ClearText]
  /// What may leave in the clear only in the old site.
  public let clearTextLost: [ClearText]
  /// What confined machines, and their containers, may send only in the new site.
  public let outboundGained: [Outbound]
  /// What they may send only in the old site.
  public let outboundLost: [Outbound]
  /// What only the new policy says about translation, confinement, limits and answers.
  public let statementsGained: [PolicyStatement]
  /// What only the old policy says about them.
  public let statementsLost: [PolicyStatement]
  /// The number of machines with a changed ruleset.
  public let changedMachines: Int

  /// Whether both sites accept the same packets, and translate, limit and answer them alike.
  public var isEmpty: Bool {
    gained.isEmpty && lost.isEmpty && clearTextGained.isEmpty && clearTextLost.isEmpty
      && outboundGained.isEmpty && outboundLost.isEmpty && statementsGained.isEmpty && statementsLost.isEmpty
  }

  /// Computes the difference between two sites. `only` limits it to one machine; nil means all. `progress` is
  /// called after each share of machines with the number of finished machines and their total.
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
    outboundGained = comparison.outboundGained
    outboundLost = comparison.outboundLost
    if let only, old.replaced[only] != nil || old.bare.contains(only) {
      (statementsGained, statementsLost) = PolicyStatement.differences(
        from: old.replaced[only], to: new, on: only)
    } else {
      let (before, after) = (
        PolicyStatement.statements(of: old.policy, only), PolicyStatement.statements(of: new.policy, only)
      )
      let (known, wanted) = (Set(before), Set(after))
      statementsGained = after.filter { !known.contains($0) }
      statementsLost = before.filter { !wanted.contains($0) }
    }
  }

  private static func precedes(_ one: Reach, _ two: Reach) -> Bool {
    if one.isFromOutside != two.isFromOutside { return one.isFromOutside }
    return (one.machine, one.to ?? "", one.over, one.from, one.service, one.ports?.lowerBound ?? 0)
      < (two.machine, two.to ?? "", two.over, two.from, two.service, two.ports?.lowerBound ?? 0)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

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

  /// An address translation in only one of the two policies.
  public struct TranslatedAddresses: Sendable, Hashable {
    /// The machine that translates.
    public let machine: String
    /// What it does, as a clause: `masquerades wg0 over internet`.
    public let what: String
  }

  /// What is reachable only in the new site; access from outside first.
  public let gained: [Reach]
  /// What is reachable only in the old site.
  public let lost: [Reach]
  /// What may leave in the clear only in the new site: traffic that `encrypt` no longer covers.
  public let clearTextGained: [ClearText]
  /// What may leave in the clear only in the old site.
  public let clearTextLost: [ClearText]
  /// Address translations that only the new policy has. They let nothing pass that the old one refuses.
  public let translationsGained: [TranslatedAddresses]
  /// Address translations that only the old policy has.
  public let translationsLost: [TranslatedAddresses]
  /// The number of machines with a changed ruleset.
  public let changedMachines: Int

  /// Whether both sites accept the same packets, and translate them alike.
  public var isEmpty: Bool {
    gained.isEmpty && lost.isEmpty && clearTextGained.isEmpty && clearTextLost.isEmpty
      && translationsGained.isEmpty && translationsLost.isEmpty
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
    if let only, old.replaced[only] != nil || old.bare.contains(only) {
      (translationsGained, translationsLost) = Self.translations(in: old.replaced[only], new, only)
    } else {
      let (before, after) = (Self.translations(old.policy, only), Self.translations(new.policy, only))
      translationsGained = after.filter { !before.contains($0) }
      translationsLost = before.filter { !after.contains($0) }
    }
  }

  private static func translations(_ policy: Policy, _ only: String?) -> [TranslatedAddresses] {
    policy.translations.filter { only == nil || $0.machine == only }.map {
      TranslatedAddresses(machine: $0.machine, what: PolicyWords.text($0))
    }
  }

  /// The translations that a policy has on a machine and that a table has not, and those that only the table has.
  private static func translations(
    in table: KernelTable?, _ new: CompiledSite, _ name: String
  ) -> (gained: [TranslatedAddresses], lost: [TranslatedAddresses]) {
    func rules(_ table: KernelTable?) -> [KernelRule] {
      (table?.chains ?? []).flatMap(\.rules).filter { AddressTranslation.ending($0.expressions) != nil }
    }
    let (before, after) = (
      rules(table), new.policy.machine(named: name).map { rules(new.table(of: $0)) } ?? []
    )
    let (known, wanted) = (Set(before.map(\.expressions)), Set(after.map(\.expressions)))
    let lines = Set(after.filter { !known.contains($0.expressions) }.flatMap { $0.origin?.lines ?? [] })
    let gained = new.policy.translations.filter { $0.machine == name && lines.contains($0.location.line) }
    let lost = before.filter { !wanted.contains($0.expressions) }.compactMap {
      AddressTranslation.ending($0.expressions)?.1.text
    }
    return (
      gained.map { TranslatedAddresses(machine: name, what: PolicyWords.text($0)) },
      lost.unique.map { TranslatedAddresses(machine: name, what: $0) }
    )
  }

  private static func precedes(_ one: Reach, _ two: Reach) -> Bool {
    if one.isFromOutside != two.isFromOutside { return one.isFromOutside }
    return (one.machine, one.to ?? "", one.over, one.from, one.service, one.ports?.lowerBound ?? 0)
      < (two.machine, two.to ?? "", two.over, two.from, two.service, two.ports?.lowerBound ?? 0)
  }
}

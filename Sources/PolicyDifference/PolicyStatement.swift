// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset

/// What a policy says about packets of a machine besides who may send them, as a clause.
public struct PolicyStatement: Sendable, Hashable {
  /// What it is about.
  public enum Kind: String, Sendable, CaseIterable {
    /// Address translation. It lets nothing pass that is refused without it.
    case translation = "translations"
    /// Outbound traffic that needs a grant.
    case confinement = "confinements"
    /// The limit of a grant.
    case limit = "limits"
    /// Zones whose senders get an answer to what no grant allows.
    case refusal = "refusals"
  }

  /// What it is about.
  public let kind: Kind
  /// The machine.
  public let machine: String
  /// The clause: `masquerades wg0 over internet`.
  public let what: String

  // MARK: Policies

  /// The statements of a policy, about one machine or about all.
  static func statements(of policy: Policy, _ only: String?) -> [PolicyStatement] {
    stated(in: policy, only).map(\.statement).unique
  }

  /// The statements with the lines of the policy where they are.
  private static func stated(in policy: Policy, _ only: String?) -> [(statement: PolicyStatement, line: Int)]
  {
    var result: [(statement: PolicyStatement, line: Int)] = []
    func add(_ kind: Kind, _ machine: String, _ what: String, _ line: Int) {
      if let only, machine != only { return }
      result.append((PolicyStatement(kind: kind, machine: machine, what: what), line))
    }
    for one in policy.translations {
      add(.translation, one.machine, PolicyWords.text(one), one.location.line)
    }
    for one in policy.confinements {
      add(.confinement, one.machine, PolicyWords.text(one), one.location.line)
    }
    for grant in policy.grants + policy.failsafe {
      guard let limit = grant.limit else { continue }
      for machine in Set(grant.to.map(\.machine)).sorted() {
        add(.limit, machine, PolicyWords.text(limit, of: grant), grant.location.line)
      }
    }
    for refused in policy.refused {
      for machine in policy.machines where only == nil || machine.name == only {
        guard SiteZone.zones(of: machine, in: policy).contains(where: { $0.name == refused.name }) else {
          continue
        }
        add(.refusal, machine.name, PolicyWords.refusal(of: refused.name), refused.location.line)
      }
    }
    return result
  }

  // MARK: Tables

  /// The statements of a new policy about a machine of which its table does not have all rules, and what the table has
  /// that the policy does not say.
  static func differences(
    from table: KernelTable?, to new: CompiledSite, on name: String
  ) -> (gained: [PolicyStatement], lost: [PolicyStatement]) {
    let after = new.policy.machine(named: name).map { rules(of: new.table(of: $0)) } ?? []
    let before = rules(of: table)
    let (known, wanted) = (Set(before.map(\.rule.expressions)), Set(after.map(\.rule.expressions)))
    var lines: [Kind: Set<Int>] = [:]
    for one in after where !known.contains(one.rule.expressions) {
      lines[one.kind, default: []].formUnion(one.rule.origin?.lines ?? [])
    }
    return (
      stated(in: new.policy, name).filter { lines[$0.statement.kind]?.contains($0.line) == true }.map(
        \.statement
      )
      .unique,
      before.filter { !wanted.contains($0.rule.expressions) }.map {
        PolicyStatement(kind: $0.kind, machine: name, what: $0.words)
      }.unique
    )
  }

  /// The rules of a table that make statements, and what they do.
  private static func rules(of table: KernelTable?) -> [(kind: Kind, rule: KernelRule, words: String)] {
    (table?.chains ?? []).flatMap { chain in
      chain.rules.compactMap { rule -> (kind: Kind, rule: KernelRule, words: String)? in
        if let (_, translation) = AddressTranslation.ending(rule.expressions) {
          return (.translation, rule, translation.text)
        }
        if let limit = rule.expressions.lazy.compactMap(\.connectionLimit).first?.limit {
          return (.limit, rule, "\(chain.rules.last?.comment ?? chain.name): \(limit.text) of each source")
        }
        switch rule.expressions.last {
        case .verdict(.goto("confined-host")), .verdict(.goto("confined-containers")):
          return (.confinement, rule, rule.comment ?? "outbound traffic")
        case .reject where rule.expressions.contains(where: { if case .limit = $0 { true } else { false } }):
          return (.refusal, rule, rule.comment ?? "what no grant allows")
        default: return nil
        }
      }
    }
  }
}

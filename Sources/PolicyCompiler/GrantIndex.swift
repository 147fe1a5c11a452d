// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// The grants of a policy, with everything that does not depend on the machine computed once, and the
/// machines that each grant concerns: with a thousand machines, not every machine needs to read all grants.
struct GrantIndex {
  /// A grant, and what all its entries have in common.
  struct Indexed {
    let grant: Grant
    let template: GrantEntry
  }

  private let all: [Indexed]
  private let byMachine: [String: [Int]]
  private let hubs: Set<String>

  /// The grants that have not ended on this day. `only` names the single machine that will be queried; nil
  /// for any.
  init(_ policy: Policy, today: CalendarDate, restriction: Restriction, only: String?) {
    hubs = Set(policy.tunnels.compactMap(\.hub))
    var all: [Indexed] = []
    var byMachine: [String: [Int]] = [:]
    let subnets = policy.machines.flatMap { machine in machine.subnets.map { ($0, machine.name) } }
    let confined = policy.machines.filter { machine in
      policy.confinements.contains { $0.machine == machine.name } && (only.map { $0 == machine.name } ?? true)
    }
    let lines = restriction == .none ? policy.grants + policy.failsafe : policy.failsafe
    for grant in lines where grant.until.map({ $0 >= today }) ?? true {
      var names = Set(grant.to.map(\.machine))
      for source in grant.from {
        switch source {
        case .machineZone(let name, _): names.insert(name)
        // A prefix in a machine's subnets is routed into the tunnel by that machine.
        case .prefix(let prefix):
          for (subnet, name) in subnets where subnet.contains(prefix) { names.insert(name) }
        case .machine, .tunnel, .zone, .list, .anywhere: break
        }
      }
      for machine in confined where grant.to.contains(where: { !grant.senders(to: $0, on: machine).isEmpty })
      {
        names.insert(machine.name)
      }
      if let only, !hubs.contains(only), !names.contains(only) { continue }
      for name in names { byMachine[name, default: []].append(all.count) }
      all.append(Indexed(grant: grant, template: Self.template(grant, policy)))
    }
    self.all = all
    self.byMachine = byMachine
  }

  /// Grants that concern a machine: to it, from its zones, and all grants if it is a hub. In policy order.
  func concerning(_ machine: Machine) -> [Indexed] {
    if hubs.contains(machine.name) { return all }
    return (byMachine[machine.name] ?? []).map { all[$0] }
  }

  private static func template(_ grant: Grant, _ policy: Policy) -> GrantEntry {
    // What the grant means, independent of the order in which it is written.
    var parts = [
      grant.to.map(canonical).sorted().joined(separator: " "),
      Set(grant.services.flatMap(\.ports)).sorted().map(canonical).joined(separator: " "),
      grant.from.map(canonical).sorted().joined(separator: " "),
    ]
    if let limit = grant.limit { parts.append(limit.text) }
    let canonical = parts.joined(separator: "|")
    let words = [grant.wordsTo.first ?? "", grant.services.first?.name ?? ""].map(Identifier.clean)
    let reason =
      "\(grant.services.map(\.name).joined(separator: " ")) from \(grant.wordsFrom.joined(separator: " "))"
    return GrantEntry(
      counter: "allow-\(words.joined(separator: "-"))-\(Identifier.digest(canonical))",
      origin: Origin(
        file: policy.path, lines: [grant.location.line],
        reason: grant.because.map { "\(reason): \($0)" } ?? reason),
      services: grant.services, sources: .anyone, limit: grant.limit)
  }

  private static func canonical(_ target: GrantTarget) -> String {
    switch target {
    case .machine(let name): name
    case .zone(let machine, let zone): "\(machine).\(zone)"
    case .subnet(let machine, let prefix): "\(machine) \(prefix.description)"
    }
  }

  private static func canonical(_ source: GrantSource) -> String {
    switch source {
    case .machine(let name): name
    case .tunnel(let name): "tunnel \(name.description)"
    case .zone(let name): "zone \(name)"
    case .machineZone(let machine, let zone): "\(machine).\(zone)"
    case .prefix(let prefix): prefix.description
    case .list(let name): "list \(name)"
    case .anywhere: "anywhere"
    }
  }

  private static func canonical(_ port: ServicePort) -> String {
    switch port {
    case .ports(let number, let range): "\(number.number)/\(range.lower)-\(range.upper)"
    case .protocol(let number): "\(number.number)"
    case .echoRequest: "echo"
    case .everything: "any"
    }
  }
}

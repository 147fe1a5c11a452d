// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import PacketSets

/// Which grants of a policy, and which of their combinations, match packets. Only the policy is read, not a
/// ruleset.
struct GrantMatch {
  /// A source, a target and a service of a grant, as indices into its lists.
  struct Combination: Hashable {
    let source: Int
    let target: Int
    package let service: Int
  }

  /// The grants of `allow`, then those of `failsafe`.
  let grants: [Grant]
  private let policy: Policy
  private let machines: [String: Machine]
  /// The addresses of the lists that grants name, by name and family.
  private let lists: [String: [AddressFamily: IntervalSet]]
  /// The packets of the services, by grant and service.
  private let numbers: [[IntervalSet]]
  private let byTarget: [GrantTarget: [Int]]
  private let byLine: [Int: [Int]]

  init(_ policy: Policy) {
    self.policy = policy
    grants = policy.grants + policy.failsafe
    machines = Dictionary(policy.machines.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var byTarget: [GrantTarget: [Int]] = [:]
    var byLine: [Int: [Int]] = [:]
    var lists: [String: [AddressFamily: IntervalSet]] = [:]
    // A policy without tests needs no index, and `apply` must not wait for one.
    for (index, grant) in grants.enumerated() where !policy.tests.isEmpty {
      for target in grant.to { byTarget[target, default: []].append(index) }
      byLine[grant.location.line, default: []].append(index)
      for case .list(let name) in grant.from where lists[name] == nil {
        let prefixes = policy.list(named: name)?.prefixes ?? []
        lists[name] = Dictionary(
          uniqueKeysWithValues: AddressFamily.allCases.map { ($0, PacketSpace.addresses(prefixes, $0)) })
      }
    }
    numbers =
      policy.tests.isEmpty ? [] : grants.map { $0.services.map { RouteWalks.numbers([$0], of: policy) } }
    self.byTarget = byTarget
    self.byLine = byLine
    self.lists = lists
  }

  /// The grants that begin on these lines.
  func grants(onLines lines: [Int]) -> [Int] { lines.flatMap { byLine[$0] ?? [] } }

  /// The combinations of each grant that accept some of these packets to a target. The packets arrive at the
  /// target's machine from a zone, or, without one, the machine itself sends them.
  func combinations(_ spaces: [PacketSpace], to target: GrantTarget, of service: Service, by zone: SiteZone?)
    -> [(grant: Int, combinations: [Combination])]
  {
    (byTarget[target] ?? []).compactMap { index in
      let grant = grants[index]
      let services = grant.services.indices.filter { Self.overlaps(grant.services[$0], service) }
      guard !services.isEmpty, let place = grant.to.firstIndex(of: target) else { return nil }
      var found: [Combination] = []
      for one in services {
        let reached = spaces.filter { $0.mayHave(.service, numbers[index][one]) }
        if reached.isEmpty { continue }
        for source in grant.from.indices where letsIn(grant.from[source], reached, target.machine, zone) {
          found.append(Combination(source: source, target: place, service: one))
        }
      }
      return found.isEmpty ? nil : (index, found)
    }
  }

  /// The addresses whose home is a tunnel, on one of its machines.
  private func homes(in tunnel: SiteZone, on machine: String) -> [Prefix] {
    machines[machine].map {
      AddressHomes(on: $0, tunnels: policy.tunnels, machines: policy.machines).prefixes(of: tunnel.name)
    } ?? []
  }

  /// Whether the source of a grant contains the source of some packet that arrives at a machine from a zone.
  private func letsIn(
    _ granted: GrantSource, _ spaces: [PacketSpace], _ receiver: String, _ zone: SiteZone?
  ) -> Bool {
    guard let zone else { return granted == .machine(receiver) }
    let isTunnel = zone.kind == .tunnel
    func has(_ prefixes: [Prefix]) -> Bool {
      spaces.contains { $0.mayHave(.source, PacketSpace.addresses(prefixes, $0.family)) }
    }
    switch granted {
    case .machine(let name):
      guard isTunnel, let machine = machines[name] else { return false }
      return machine.addresses.contains { own in
        own.tunnel.description == zone.name
          && own.addresses.contains { address in
            spaces.contains { $0.family == address.family && $0[.source].contains(address.bits) }
          }
      }
    case .machineZone(receiver, let name), .zone(let name): return !isTunnel && zone.name == name
    case .machineZone(let name, let home):
      return isTunnel && has(machines[name].map { policy.hosts(of: home, on: $0) } ?? [])
    case .anywhere: return !isTunnel || has(homes(in: zone, on: receiver))
    case .tunnel(let name):
      return isTunnel && zone.name == name.description
        && has(policy.tunnel(named: zone.name)?.prefixes ?? [])
    case .prefix(let prefix):
      // In a tunnel, a prefix is a network behind another of its machines.
      let isThere =
        !isTunnel
        || policy.machines.contains { machine in
          machine.name != receiver && machine.addresses.contains { $0.tunnel.description == zone.name }
            && machine.subnets.contains { $0.contains(prefix) }
        }
      return isThere && has([prefix])
    case .list(let name):
      return !isTunnel && spaces.contains { $0.mayHave(.source, lists[name]?[$0.family] ?? .empty) }
    }
  }

  private static func overlaps(_ one: Service, _ two: Service) -> Bool {
    one.ports.contains { port in two.ports.contains { port.overlaps($0) } }
  }
}

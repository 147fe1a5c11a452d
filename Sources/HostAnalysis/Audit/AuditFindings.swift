// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PacketWalk
public import PolicyAnalysis
internal import PolicyLanguage
public import Ruleset

extension Audit {
  /// The findings of the audit, the most severe first. `drift` is the difference between the kernel and the policy,
  /// `blindSpots` is what the walk does not evaluate, `health` is what the doctor reads (kernel settings and WireGuard),
  /// and `others` are findings of other analyses.
  public func findings(
    drift: Drift, view: SiteView?, blindSpots: [BlindSpot] = [], health: DoctorSubject? = nil,
    others: [AuditFinding] = []
  ) -> [AuditFinding] {
    var findings = exposures.compactMap { finding(of: $0, drift: drift, view: view) } + others
    findings += undetermined() + wildcards(view)
    switch drift {
    case .none: break
    case .operations(let count):
      findings.append(
        AuditFinding(
          check: .drift, severity: .error, subject: view?.machine.name ?? "",
          found: "the kernel differs from the policy by \(count) operation\(count == 1 ? "" : "s")",
          fix: "run wgfence plan to see the differences, then wgfence apply"))
    case .observing:
      findings.append(
        AuditFinding(
          check: .drift, severity: .error, subject: view?.machine.name ?? "",
          found: "observe mode: the ruleset in the kernel drops nothing",
          fix:
            "see wgfence log --summary for what would be dropped, then end the observe mode with wgfence enforce"
        ))
    case .notLoaded:
      findings.append(
        AuditFinding(
          check: .drift, severity: .error, subject: view?.machine.name ?? "",
          found: "no wgfence ruleset is loaded in the kernel: only other firewalls filter packets",
          fix: "run wgfence apply to load the policy's ruleset"))
    }
    if let view { findings += unusedGrants(view) }
    findings += blindSpots.map(Self.finding(of:))
    if let health { findings += Self.findings(of: health) }
    var seen: Set<String> = []
    return findings.filter { seen.insert($0.fingerprint).inserted }.sorted {
      ($0.severity, $0.check.rawValue, $0.subject) < ($1.severity, $1.check.rawValue, $1.subject)
    }
  }

  /// The difference between the ruleset in the kernel and the policy's.
  public enum Drift: Sendable, Hashable {
    /// No difference, or no policy.
    case none
    /// The number of operations that the plan has.
    case operations(Int)
    /// The kernel does not have the table.
    case notLoaded
    /// The kernel's table only observes: it drops nothing.
    case observing

    /// Compares the table as it was read (nil: the kernel does not have it) with the desired one.
    public init(from observed: KernelTable?, to desired: KernelTable) {
      guard let observed else {
        self = .notLoaded
        return
      }
      if observed.mode == .observing {
        self = .observing
        return
      }
      // Comments name lines of the policy by the path that was given: they change nothing.
      let operations = Plan(desired: desired.withoutComments, observed: observed.withoutComments).operations
        .count
      self = operations == 0 ? .none : .operations(operations)
    }
  }

  private func finding(of exposure: Exposure, drift: Drift, view: SiteView?) -> AuditFinding? {
    let open = exposure.reachable.filter { $0.verdict == .accept && $0.standing == .ungranted }
    guard let first = open.first else { return nil }
    let reason = first.reason.isEmpty ? first.because : "\(first.because): \(first.reason)"
    return AuditFinding(
      check: .exposed, severity: .error, subject: exposure.subject,
      found: "\(exposure.title) is reached from \(sides(open)): \(reason)",
      fix: Self.closing(exposure, open, drift, view))
  }

  /// The sides of some reaches with their senders: at most `mostSides` of those with the same senders by name.
  private func sides(_ reaches: [Exposure.Reach]) -> String {
    var (order, zones) = ([String](), [String: [String]]())
    for reach in reaches {
      let from = reach.from.joined(separator: ", ")
      if zones[from] == nil { order.append(from) }
      if zones[from]?.contains(reach.zone) != true { zones[from, default: []].append(reach.zone) }
    }
    return order.map { "\(summary(zones[$0] ?? [])) (\($0))" }.joined(separator: " and ")
  }

  /// The names of sides: all of many as their number, and of many others the first ones.
  public func summary(_ names: [String]) -> String {
    guard names.count > Self.mostSides else { return names.joined(separator: ", ") }
    // Without a policy each side is an interface.
    let areInterfaces = ingresses.allSatisfy { $0.interfaces.map(\.name.description) == [$0.name] }
    let noun = areInterfaces ? "interfaces" : "zones"
    return names.count == ingresses.count
      ? "all \(names.count) \(noun)" : "\(enumerated(names, most: Self.mostSides)) \(noun)"
  }

  /// The most sides, or sockets, that one line names.
  static let mostSides = 6

  /// One finding for each rule on which the reach of sockets depends.
  private func undetermined() -> [AuditFinding] {
    var (order, found) = ([String](), [String: (titles: [String], zones: [String])]())
    for exposure in exposures {
      for reach in exposure.reachable where reach.verdict == .undetermined {
        if found[reach.because] == nil { order.append(reach.because) }
        var entry = found[reach.because] ?? ([], [])
        if entry.titles.last != exposure.title { entry.titles.append(exposure.title) }
        if !entry.zones.contains(reach.zone) { entry.zones.append(reach.zone) }
        found[reach.because] = entry
      }
    }
    return order.compactMap { rule in
      guard let (titles, zones) = found[rule] else { return nil }
      return AuditFinding(
        check: .undetermined, severity: .warning, subject: rule,
        found:
          "whether \(enumerated(titles, most: Self.mostSides)) \(titles.count == 1 ? "is" : "are") reached from "
          + "\(summary(zones)) depends on a rule wgfence cannot evaluate: \(rule)",
        fix: "run wgfence explain --live, and check that rule yourself")
    }
  }

  private static func finding(of spot: BlindSpot) -> AuditFinding {
    let severity: FindingSeverity
    let fix: String
    switch spot {
    case .bridgedPastRules, .bridgedThroughRules:
      (severity, fix) = (.information, "nothing, if hosts on the same bridge may reach each other")
    case .unseen: (severity, fix) = (.information, "run the audit as root with all capabilities")
    case .legacyTable(_, _, .unknown):
      (severity, fix) = (
        .warning, "list it with that program: what depends on it is undetermined in this audit"
      )
    case .legacyTable(_, _, .count):
      (severity, fix) = (
        .warning, "list it with that program, then move its rules to nf_tables or delete them"
      )
    case .expressDataPath, .trafficControl, .interfacePrograms, .socketLookup, .netfilterProgram,
      .hookFunction,
      .virtualServices, .flowtable:
      (severity, fix) = (
        .warning, "find out which program installed it: the verdicts of this audit do not include it"
      )
    }
    return AuditFinding(
      check: .blindSpot, severity: severity, subject: spot.description, found: spot.description, fix: fix)
  }

  /// The findings of those doctor checks that also affect who reaches what.
  private static func findings(of health: DoctorSubject) -> [AuditFinding] {
    let results: [(AuditCheck, CheckResult)] = [
      (.allowedIPs, health.allowedIPsPolicy()), (.setting, health.reversePathFilter()),
      (.setting, health.sourceValidMark()), (.setting, health.forwarding()),
      (.ipv6LeftOut, health.ipv6LeftOut()),
    ]
    return results.flatMap { check, result in
      result.findings.map {
        AuditFinding(check: check, severity: $0.severity, subject: $0.found, found: $0.found, fix: $0.fix)
      }
    }
  }

  private static func closing(
    _ exposure: Exposure, _ open: [Exposure.Reach], _ drift: Drift, _ view: SiteView?
  ) -> String {
    guard let view else {
      return "bind it to the tunnel's address, or write a policy (wgfence init) and apply it"
    }
    if drift != .none { return "run wgfence apply to close it" }
    let zones = open.map(\.zone).unique
    guard
      let line = view.line(opening: exposure.listener.port, exposure.listener.protocol, to: zones)
    else { return "bind it to another address, or stop it" }
    return "bind it to another address, stop it, or grant it: \(line)"
  }

  /// The sockets that listen on every address of the host although only tunnels may reach them, as one finding for each
  /// combination of tunnels. The kernel's own sockets, such as that of VXLAN, cannot be bound to an address.
  private func wildcards(_ view: SiteView?) -> [AuditFinding] {
    guard let view else { return [] }
    var (order, sockets) = ([[String]](), [[String]: [String]]())
    for exposure in exposures {
      guard exposure.listener.isWildcard, exposure.listener.boundInterface == nil,
        exposure.published == nil, exposure.place == .host, !exposure.isExposed,
        !exposure.listener.isKernelSocket
      else { continue }
      let reached = exposure.reachable.filter { $0.verdict == .accept }.map(\.zone).unique
      let tunnels = ingresses.filter { $0.kind == .tunnel && reached.contains($0.name) }.map(\.name)
      guard !reached.isEmpty, tunnels.count == reached.count else { continue }
      let port = "\(exposure.listener.port)/\(exposure.listener.protocol)"
      let who = exposure.listener.process?.name ?? exposure.service ?? "an unknown process"
      // A program often has one socket for each address family: both are named once.
      let words = "\(who) for \(port)"
      if sockets[tunnels] == nil { order.append(tunnels) }
      if sockets[tunnels]?.contains(words) != true { sockets[tunnels, default: []].append(words) }
    }
    return order.compactMap { tunnels in
      guard let found = sockets[tunnels] else { return nil }
      let addresses = view.policy.tunnels.filter { tunnels.contains($0.name.description) }
        .flatMap { view.machine.addresses(in: $0.name) }
      return AuditFinding(
        check: .wildcard, severity: .information, subject: found.sorted().joined(separator: ", "),
        found: (found.count == 1 ? "a socket listens" : "\(found.count) sockets listen")
          + " on every address, but only \(tunnels.joined(separator: ", ")) may reach "
          + "\(found.count == 1 ? "it" : "them"): \(found.joined(separator: ", "))",
        fix: "bind \(found.count == 1 ? "it" : "them") to "
          + "\(addresses.map(\.description).joined(separator: ", ")) only: then closed even without the firewall"
      )
    }
  }

  /// The findings of grants to this machine for services that no socket listens for.
  private func unusedGrants(_ view: SiteView) -> [AuditFinding] {
    let listeners = exposures.filter { $0.place == .host && !$0.listener.isLoopbackOnly }.map(\.listener)
    var findings: [AuditFinding] = []
    for grant in view.policy.grants where grant.to.contains(.machine(view.machine.name)) {
      for service in grant.services {
        let ports = service.ports.compactMap { port -> (IPProtocol, PortRange)? in
          if case .ports(let transport, let range) = port { (transport, range) } else { nil }
        }
        let isUsed = ports.contains { transport, range in
          listeners.contains {
            $0.protocol == transport && range.lower <= $0.port && $0.port <= range.upper
          }
        }
        if ports.isEmpty || isUsed { continue }
        let text = ports.map { "\($0.1)/\($0.0)" }.joined(separator: ", ")
        let name = service.name == text ? text : "\(service.name) (\(text))"
        findings.append(
          AuditFinding(
            check: .unusedGrant, severity: .information,
            subject: "\(service.name) from \(grant.wordsFrom.joined(separator: ", "))",
            found: "line \(grant.location.line) grants \(name), but no socket listens there",
            fix: "start the service, or remove it from the line", line: grant.location.line))
      }
    }
    return findings
  }
}

extension Exposure {
  /// The socket as `0.0.0.0:5432/tcp`; `*` for both families.
  public var socket: String {
    socket(
      at: listener.isDualStack
        ? "*" : listener.address.family == .ipv6 ? "[\(listener.address)]" : "\(listener.address)")
  }

  /// The socket with a word in the place of its address.
  public func socket(at address: String) -> String {
    "\(address):\(ports)/\(listener.protocol)\(listener.boundInterface.map { "%\($0)" } ?? "")"
  }

  /// The word for its address in both families: `*` for all addresses, `localhost`; nil for any other address, and for a
  /// socket of both families.
  public var addressOfBothFamilies: String? {
    if listener.isDualStack { return nil }
    if listener.address.bits == 0 { return "*" }
    return ["127.0.0.1", "::1"].contains("\(listener.address)") ? "localhost" : nil
  }

  /// The identity of the socket across audits. It contains no process ids.
  public var subject: String { place == .host ? socket : "\(socket) in \(stablePlace)" }

  private var stablePlace: String {
    if case .process(let process) = place { return "process \(process.name)" }
    return "\(place)"
  }

  /// The service's name; nil if it is only the port and protocol.
  public var serviceName: String? { service == "\(listener.port)/\(listener.protocol)" ? nil : service }

  /// The socket, its service, and its container or process.
  public var title: String {
    let who = container.map { "container \($0)" } ?? listener.process?.name
    let names = [serviceName, who].compactMap { $0 }
    return socket + (names.isEmpty ? "" : " (\(names.joined(separator: ", ")))")
      + (place == .host ? "" : " in \(stablePlace)")
  }
}

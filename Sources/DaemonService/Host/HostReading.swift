// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
package import HostAnalysis
internal import LinuxHost
internal import Netlink
internal import OutboundAnalysis
package import NetworkModel
internal import PacketWalk
package import PolicyAnalysis
internal import TemporaryGrants
internal import PolicyFiles
internal import PolicyLanguage
package import Reports
internal import Ruleset

/// One snapshot of this host: its sockets, containers and interfaces, and everything that its kernel has loaded.
package struct HostReading {
  /// The host, as an audit needs it.
  package let host: AuditedHost
  /// The state of WireGuard and the kernel's settings.
  package let facts: HostFacts
  /// The kernel's list of what is registered at its hooks.
  let order: HookOrder
  /// What could not be read, as sentences.
  package let notes: [String]

  /// Reads the host. Throws `HostReadError` or `NetlinkError`.
  package static func read() throws -> HostReading {
    let survey = try HostReader.survey(engines: ContainerEngines.paths, sockets: .listeningAndOpened)
    let facts = HostFactsReader.read(of: survey)
    let rules = try NamespaceTables.read(of: survey.others)
    let tables = try LoadedTables.read()
    let order = try HookOrder.read()
    let devices = facts.wireGuard.devices
    let unread = facts.wireGuard.unread.sorted { $0.key < $1.key }
    var host = AuditedHost(
      survey: survey, tables: tables, order: order, environment: try LiveHostEnvironment(),
      otherTables: rules.tables, otherServices: rules.services, tunnels: Set(devices.map(\.name)),
      tunnelPorts: Set(devices.compactMap(\.listenPort)))
    host.devices = devices
    return HostReading(
      host: host, facts: facts, order: order,
      notes: rules.gaps + unread.map { "the tunnel \($0.key) could not be read: \($0.value)" })
  }

  /// Reads the file of an earlier audit's report.
  package static func baseline(_ path: String) throws(Refusal) -> (bytes: [UInt8], baseline: AuditBaseline) {
    switch FileContent.read(path, limit: AuditBaseline.limit) {
    case .bytes(let bytes): return (bytes, try baseline(bytes, from: path))
    case .unreadable(let reason): throw Refusal("\(path): \(reason)")
    }
  }

  /// The report of an earlier audit; `path` is the file of which the bytes are.
  package static func baseline(_ bytes: [UInt8], from path: String) throws(Refusal) -> AuditBaseline {
    if let baseline = AuditBaseline(json: bytes) { return baseline }
    throw Refusal("\(path) is not a report of wgfence audit --format json")
  }

  /// A policy with which an audit compares the host.
  package struct Role {
    let view: SiteView
    let name: AuditPage.PolicyName

    /// A machine's view, and the policy's file as it was named, with its digest.
    package init(_ view: SiteView, path: String, digest: String) {
      self.view = view
      name = AuditPage.PolicyName(path: path, digest: digest)
    }
  }

  /// Who reaches what on this host. `before` are notes that precede those about what could not be read.
  package func audit(as role: Role?, notes before: [String]) -> AuditReport {
    let view = role?.view
    let audit = Audit(of: host, by: view)
    let outbound = Outbound(of: host, by: view, ingresses: audit.ingresses)
    let own = host.tables.first { $0.name == Ruleset.tableName && $0.family == NFT.familyInet }
    let drift = view.map { Audit.Drift(from: own, to: $0.table) } ?? .none
    return AuditReport(
      machine: view?.machine.name, policy: role?.name, drift: drift, audit: audit,
      outbound: outbound,
      findings: audit.findings(
        drift: drift, view: view, blindSpots: BlindSpotReader.read(order: order),
        health: view.map { health(as: DoctorSubject.Role(policy: $0.policy, machine: $0.machine)) },
        others: outbound.findings(view)),
      temporaryGrants: view.flatMap { view in
        own.map { TemporaryGrant.inForce(in: $0, policy: view.policy, machine: view.machine) }
      } ?? [], notes: before + notes + audit.notes + outbound.notes)
  }

  /// The host as doctor checks it, as far as this affects who reaches what. Needs a policy to compare with.
  private func health(as role: DoctorSubject.Role) -> DoctorSubject {
    var facts = facts
    facts.routes = RouteReader.read(DoctorSubject(facts, as: role).routeQuestions, on: facts.host)
    return DoctorSubject(facts, as: role)
  }
}

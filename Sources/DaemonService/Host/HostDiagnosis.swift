// SPDX-License-Identifier: GPL-3.0-or-later

package import HostAnalysis
internal import LinuxHost
package import Netlink
internal import NetworkModel
internal import PacketWalk
internal import PolicyAnalysis
internal import PolicyFiles
internal import PolicyLanguage
internal import Ruleset

/// Reads what doctor needs from this host, and walks the packets that must be accepted.
package struct HostDiagnosis {
  package let diagnosis: Diagnosis
  /// What could not be read or walked, as sentences.
  package let notes: [String]

  /// Reads this host. `role` is its machine of a policy; nil: without a policy.
  package init(as role: DoctorSubject.Role?) throws(HostReadError) {
    var facts = try HostFactsReader.read(docker: ContainerEngines.docker, engines: ContainerEngines.paths)
    var notes = facts.host.notes.filter { $0 != .protocolNotLoaded(.sctp) }.map(\.description)
    facts.routes = RouteReader.read(DoctorSubject(facts, as: role).routeQuestions, on: facts.host)
    if DoctorSubject(facts, as: role).hasSilentPeers {
      facts.wireGuard.sentMeanwhile = HostFactsReader.sent(since: facts.wireGuard.devices, on: facts.host)
    }
    let subject = DoctorSubject(facts, as: role)
    if role == nil {
      let names = subject.tunnels.map(\.name.description)
      notes.append(
        names.isEmpty
          ? "checked without a policy, and this host has no WireGuard interface"
          : "checked without a policy: the WireGuard interfaces are \(names.joined(separator: ", "))")
    }
    diagnosis = Diagnosis(subject, walks: Self.walks(subject, &notes))
    self.notes = notes
  }

  /// The verdicts of everything that is loaded in the kernel for the packets that must be accepted.
  private static func walks(_ subject: DoctorSubject, _ notes: inout [String]) -> DoctorWalks {
    guard Capability.isNetworkAdministrator else {
      return DoctorWalks(unknown: "only root can read the kernel's rules")
    }
    do {
      let tables = try LoadedTables.read()
      let walk = PacketWalk(tables, order: try HookOrder.read())
      let site = subject.role.map { role in
        let live = LiveReading(for: role.policy, on: role.machine.name, .left)
        notes += live.gaps
        return CompiledSite(role.policy, today: Today.date, live: live.facts)
      }
      return DoctorWalks(subject, of: site, through: walk, in: try LiveHostEnvironment())
    } catch {
      return DoctorWalks(unknown: "\(error)")
    }
  }
}

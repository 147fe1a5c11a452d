// SPDX-License-Identifier: GPL-3.0-or-later

package import HostAnalysis
internal import LinuxHost
package import Netlink
internal import NetworkModel
internal import PacketWalk
internal import PolicyAnalysis
internal import PolicyFiles
internal import PolicyLanguage

/// Reads what a doctor needs of this host, and walks the packets that have to get in.
package struct HostDiagnosis {
  package let diagnosis: Diagnosis
  /// What was not read or not walked, as sentences.
  package let notes: [String]

  /// Looks at this host, as a machine of a policy where one is known.
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
          ? "looked at without a policy, and there is no WireGuard interface here"
          : "looked at without a policy: the WireGuard interfaces here are \(names.joined(separator: ", "))")
    }
    diagnosis = Diagnosis(subject, walks: Self.walks(subject, &notes))
    self.notes = notes
  }

  /// What everything that is loaded in the kernel does with the packets that have to get in.
  private static func walks(_ subject: DoctorSubject, _ notes: inout [String]) -> DoctorWalks {
    guard Capability.isNetworkAdministrator else {
      return DoctorWalks(unknown: "the kernel's rules are told to root alone")
    }
    do {
      var socket = try NFTablesSocket()
      let tables = try socket.readAll()
      let walk = PacketWalk(tables, order: try HookOrder.read())
      let site = subject.role.map { role in
        let heard = LiveEndpoints.read(for: role.policy)
        notes += heard.gaps
        return CompiledSite(role.policy, today: Today.date, live: heard.live)
      }
      if !walk.unwalked.isEmpty {
        notes.append("not walked, and might drop it: \(walk.unwalked.joined(separator: ", "))")
      }
      return DoctorWalks(subject, of: site, through: walk, in: try LiveHostEnvironment())
    } catch {
      return DoctorWalks(unknown: "\(error)")
    }
  }
}

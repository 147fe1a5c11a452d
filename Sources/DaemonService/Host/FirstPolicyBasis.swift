// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import HostAnalysis
internal import LinuxHost
internal import Netlink
internal import NetworkModel
internal import Reports
internal import PolicyFiles
internal import PolicyLanguage
internal import Ruleset

extension HostReading {
  /// A first policy, and what would stop working with it. Refused if it would not be valid.
  package func firstPolicy(
    named: String?, wireGuardDirectory: String, storedIn directory: StateDirectory?, policy: String
  ) throws(Refusal) -> FirstPolicyReport {
    let basis = basis(
      named: named, wireGuardDirectory: wireGuardDirectory, storedIn: directory, policy: policy)
    let first = FirstPolicy(basis)
    let text = first.text
    let decoded = PolicyDecoder.decode(bytes: Array(text.utf8), path: "policy.yaml", today: Today.date) { _ in
      .unreadable(reason: "no lists here")
    }
    guard decoded.isValid else {
      throw Refusal(
        "this host's facts give no valid policy: write it by hand (docs/policy-language.md)\n"
          + "\(DiagnosticText().render(decoded.diagnostics))")
    }
    let impact = decoded.policy.flatMap { policy in
      policy.machine(named: first.machine).map { ImpactCheck.report(of: policy, as: $0).report }
    }
    return FirstPolicyReport(
      machine: first.machine, text: text, impact: impact ?? ImpactReport(nil), notes: notes)
  }

  /// The facts from which a first policy is generated. `named` is the machine's name; nil: the host name up to its
  /// first dot. If a ruleset is in force, the machines of its policy keep their names: its file is the one that
  /// `directory` names, else `policy`.
  func basis(
    named: String?, wireGuardDirectory: String, storedIn directory: StateDirectory?, policy: String
  ) -> FirstPolicy.Basis {
    let anywhere = ["9.9.9.9", "2620:fe::fe"].compactMap { IPAddress($0) }.map { RouteAsk($0) }
    let uplinks = RouteReader.read(Set(anywhere), on: facts.host).values.compactMap {
      fact -> InterfaceName? in
      if case .leaves(let interface, _) = fact { interface } else { nil }
    }
    let devices = facts.wireGuard.devices
    let files = WireGuardFiles.read(directory: wireGuardDirectory)
    let known = machinesInForce(directory?.ruleset(.boot).value?.provenance.path ?? policy)
    let senders = FirstPolicy.senders(of: devices, on: facts.host.interfaces, known: known)
    var basis = FirstPolicy.Basis(
      name: named ?? String(MachineChoice.hostName.prefix { $0 != "." }), today: "\(Today.date)",
      audit: Audit(of: host, by: nil, senders: senders), interfaces: facts.host.interfaces, devices: devices,
      peerNames: WireGuardNames.read(directory: wireGuardDirectory), uplinks: Set(uplinks),
      forwarding: facts.settings[.forwarding(.ipv4)] ?? 0 != 0 ? .on : .off, session: OwnSession.ofFirstPolicy
    )
    basis.host = host
    basis.known = known
    basis.fixedEndpoints = files.endpoints
    basis.writtenPorts = files.listenPorts.mapValues { $0 ? .fixed : .absent }
    if let range = ConnectionReader.ephemeralPorts { basis.ephemeralPorts = range }
    return basis
  }

  /// The machines of the policy that is in force here; none if no ruleset is loaded, or if its policy cannot be read.
  private func machinesInForce(_ path: String) -> [FirstPolicy.KnownMachine] {
    guard host.tables.contains(where: { $0.name == Ruleset.tableName && $0.family == NFT.familyInet }),
      let policy = try? PolicyFile.load(path).decoded.policy
    else { return [] }
    return policy.machines.map { machine in
      FirstPolicy.KnownMachine(
        name: machine.name, addresses: machine.addresses.flatMap(\.addresses),
        key: machine.key.flatMap { WireGuardKey(base64: $0) })
    }
  }
}

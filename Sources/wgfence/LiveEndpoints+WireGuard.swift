// SPDX-License-Identifier: GPL-3.0-or-later

import LinuxKernel
import NetworkModel
import PolicyCompiler
import PolicyLanguage

extension LiveEndpoints {
  /// The addresses at which this host's WireGuard last heard the machines whose policy says `endpoint: live`, told apart
  /// by their keys. WireGuard is not asked where there is no such machine; what it does not tell is said.
  static func heard(by policy: Policy) -> LiveEndpoints {
    let (live, gaps) = read(for: policy)
    for gap in gaps { Console.note("wgfence: warning: \(gap)\n") }
    return live
  }

  /// The same, with what is not known as sentences.
  static func read(for policy: Policy) -> (live: LiveEndpoints, gaps: [String]) {
    let machines = policy.machines.filter { $0.endpoint == .live }
    var (live, gaps): (LiveEndpoints, [String]) = (LiveEndpoints(), [])
    if machines.isEmpty { return (live, gaps) }
    do throws(HostReadError) {
      let found = try WireGuardDevices.read()
      for machine in machines {
        let key = machine.key.flatMap { WireGuardKey(base64: $0) }
        let peers = found.devices.flatMap(\.peers).filter { $0.publicKey == key }
        let addresses = Set(peers.compactMap(\.endpoint?.address)).sorted()
        if addresses.isEmpty {
          gaps.append("WireGuard has not heard \(machine.name) yet: its endpoint is not known")
        }
        live.addresses[machine.name] = addresses
      }
    } catch {
      gaps.append("live endpoints are not known: \(error)")
    }
    return (live, gaps)
  }
}

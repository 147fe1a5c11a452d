// SPDX-License-Identifier: GPL-3.0-or-later

import LinuxKernel
import NetworkModel
import PolicyCompiler
import PolicyLanguage

extension LiveEndpoints {
  /// The addresses at which this host's WireGuard last heard the machines whose policy says `endpoint: live`, told apart
  /// by their keys. WireGuard is not asked where there is no such machine; what it does not tell is said.
  static func heard(by policy: Policy) -> LiveEndpoints {
    let machines = policy.machines.filter { $0.endpoint == .live }
    if machines.isEmpty { return LiveEndpoints() }
    var live = LiveEndpoints()
    do throws(HostReadError) {
      let found = try WireGuardDevices.read()
      for machine in machines {
        let key = machine.key.flatMap { WireGuardKey(base64: $0) }
        let peers = found.devices.flatMap(\.peers).filter { $0.publicKey == key }
        let addresses = Set(peers.compactMap(\.endpoint?.address)).sorted()
        if addresses.isEmpty {
          Console.note(
            "wgfence: warning: WireGuard has not heard \(machine.name) yet: its endpoint is not known\n")
        }
        live.addresses[machine.name] = addresses
      }
    } catch {
      Console.note("wgfence: warning: live endpoints are not known: \(error)\n")
    }
    return live
  }
}

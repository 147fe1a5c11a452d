// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel

extension Policy {
  /// The machines with which `encrypt` lets a machine exchange packets only inside a tunnel, sorted; only the lines of one
  /// tunnel if it is given. `shared`: those whose public address other hosts use too, in every line that names them.
  package func encrypted(with machine: String, in tunnel: InterfaceName? = nil) -> (
    whole: [String], shared: [String]
  ) {
    let lines = encryptions.filter {
      $0.machines.contains(machine) && (tunnel == nil || $0.tunnel == tunnel)
    }
    let whole = Set(lines.flatMap { line in line.machines.filter { !line.shared.contains($0) } })
    let shared = Set(lines.flatMap(\.shared)).subtracting(whole)
    return (whole.subtracting([machine]).sorted(), shared.subtracting([machine]).sorted())
  }

  /// The ports that some grant opens to a machine for sources that arrive in a tunnel, sorted. Grants that have ended count
  /// too.
  package func portsInTunnels(of machine: String) -> [ServicePort] {
    let ports = (grants + failsafe).filter { grant in
      grant.to.contains(.machine(machine))
        && grant.from.contains { source in
          switch source {
          case .machine, .tunnel, .machineZone, .anywhere: true
          case .zone, .prefix, .list: false
          }
        }
    }.flatMap { $0.services.flatMap(\.ports) }
    return Set(ports).sorted()
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

package import DropAnalysis
internal import HostAnalysis
internal import LinuxHost
internal import NetworkModel
package import PolicyLanguage

extension DropHost {
  /// Reads this host's addresses, and its bridges of guests that no zone of the policy covers. What cannot be read is not
  /// known.
  package static func read(for policy: Policy, on machine: Machine, live: LiveFacts) -> DropHost {
    guard let interfaces = try? LinkTable.read().interfaces else { return DropHost() }
    let uncovered = UncoveredBridges(interfaces, on: machine, of: policy, sharedBridges: live.sharedBridges)
    return DropHost(
      addresses: Set(interfaces.flatMap { $0.addresses.map(\.address) }),
      uncovered: Dictionary(
        uncovered.findings.map { ($0.bridge, $0.fix) }, uniquingKeysWith: { first, _ in first }))
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
public import Ruleset

extension PolicyCompiler {
  /// The ruleset of a machine about which nothing is known: no policy, and no stored state of an earlier one.
  /// It accepts loopback, replies to what the host itself sends, ICMP errors, neighbour discovery, the host's
  /// DHCP client, and WireGuard's default port, where WireGuard itself does not answer unknown peers. Nothing
  /// is forwarded.
  ///
  /// It is built from a value, not from a file: the same bytes on every machine.
  public static var lastResort: Ruleset {
    let nowhere = SourceLocation(file: "", line: 0, column: 0)
    let services = ServiceCatalogue.service(named: "wireguard").map { [$0] } ?? []
    let machine = Machine(
      name: "host", addresses: [], endpoint: .roaming, key: nil, subnets: [], zones: [], location: nowhere)
    let handshakes = Grant(
      to: [.machine(machine.name)], services: services, from: [.zone(Zone.internet)],
      because: "WireGuard does not answer unknown peers", until: nil, location: nowhere, wordsTo: ["host"],
      wordsFrom: ["anywhere"])
    let policy = Policy(
      path: "", tunnels: [], machines: [machine], groups: [], services: services, lists: [], block: [],
      grants: [], encryptions: [], translations: [], failsafe: [handshakes], tests: [])
    return SiteCompiler(policy, today: CalendarDate(secondsSince1970: 0), restriction: .lockDown).ruleset(
      of: machine)
  }
}

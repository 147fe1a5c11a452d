// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PolicyLanguage

/// A port of the host at which something answers: a socket, or a published port.
struct HeardService {
  let service: ReachSurvey.Service
  /// The sockets, and the addresses of published ports.
  var listeners: [Listener]
  /// The process or container that answers; nil if it is not known.
  var owner: String?

  /// Everything that other hosts can reach, by protocol and port. What the policy opens without a grant is left out:
  /// WireGuard's ports of its tunnels, and the ports of the host's own DHCP clients.
  static func all(_ audit: Audit, except builtIn: Set<UInt16>) -> [HeardService] {
    var found: [ReachSurvey.Service: HeardService] = [:]
    for exposure in audit.exposures where exposure.place == .host {
      let listener = exposure.listener
      if listener.isLoopbackOnly { continue }
      if listener.protocol == .udp, builtIn.contains(listener.port) { continue }
      let service = ReachSurvey.Service(transport: listener.protocol, port: listener.port)
      let owner = exposure.container.map { "container \($0)" } ?? listener.process?.name
      if found[service] == nil {
        found[service] = HeardService(service: service, listeners: [], owner: owner)
      }
      found[service]?.listeners.append(listener)
    }
    return found.values.sorted { $0.service < $1.service }
  }

  /// Group and broadcast addresses at which a service also receives, by port: DHCP (RFC 2131), SSDP, multicast DNS
  /// (RFC 6762), and name resolution on a link (RFC 4795).
  static let groups: [UInt16: [String]] = [
    67: ["255.255.255.255"], 1900: ["239.255.255.250", "ff02::c"], 5353: ["224.0.0.251", "ff02::fb"],
    5355: ["224.0.0.252", "ff02::1:3"],
  ]
}

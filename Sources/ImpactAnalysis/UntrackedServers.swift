// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PolicyLanguage

/// UDP servers whose sessions may continue after the first `apply`.
///
/// If no connection was tracked before, conntrack takes the sender of the first packet that it sees as the opener. If
/// that is the server, the client's packets are replies, and are accepted. A TCP connection picked up in the middle
/// is reset. In UDP this cannot be detected, so wgfence only reports which servers may be affected.
public enum UntrackedServers {
  /// The sockets of a host that receive UDP from outside on ports that no line grants on the machine, in port order.
  public static func find(among listeners: [Listener], on machine: String, of policy: Policy) -> [Listener] {
    let granted = (policy.grants + policy.failsafe).filter { $0.to.contains(.machine(machine)) }
      .flatMap(\.services).flatMap(\.ports)
    let own = policy.tunnels.compactMap(\.listen)
    var known: Set<UInt16> = []
    return listeners.filter { listener in
      guard listener.protocol == .udp, !listener.isLoopbackOnly, !own.contains(listener.port),
        // RFC 6335 section 6: from 49152 on, ports are ephemeral ports of clients.
        listener.port < 49_152,
        !granted.contains(where: { port in
          if case .ports(.udp, let range) = port {
            range.lower <= listener.port && listener.port <= range.upper
          } else {
            false
          }
        })
      else { return false }
      return known.insert(listener.port).inserted
    }.sorted { $0.port < $1.port }
  }
}

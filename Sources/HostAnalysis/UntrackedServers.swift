// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PolicyLanguage

/// UDP servers whose sessions may outlast the first `apply`.
///
/// Where nothing tracked connections before, conntrack takes the first packet that it sees for the opener's. A server that
/// sends first then has a connection of its own, whose other side's packets are replies. TCP in its middle is reset; UDP has
/// no middle, so all that can be done is to say which servers these may be.
public enum UntrackedServers {
  /// The sockets of a host that take UDP from outside on ports that no line grants on the machine, in order.
  public static func find(among listeners: [Listener], on machine: String, of policy: Policy) -> [Listener] {
    let granted = (policy.grants + policy.failsafe).filter { $0.to.contains(.machine(machine)) }
      .flatMap(\.services).flatMap(\.ports)
    let own = policy.tunnels.compactMap(\.listen)
    var known: Set<UInt16> = []
    return listeners.filter { listener in
      guard listener.protocol == .udp, !listener.isLoopbackOnly, !own.contains(listener.port),
        // RFC 6335 section 6: from there on, ports are given to clients.
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

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketWalk
internal import PolicyLanguage
internal import Ruleset

/// The grants of a first policy: what the tunnels reach now. What other sides reach is listed in comments.
struct FirstGrants {
  private let exposures: [Exposure]
  private let own: String
  private let tunnels: [String]
  private let session: IPAddress?

  init(
    _ audit: Audit, _ own: String, _ tunnels: [String], ports: Set<UInt16>, session: IPAddress?
  ) {
    exposures = audit.exposures.filter { $0.place == .host && !Self.isPassing($0, ports) }
    self.own = own
    self.tunnels = tunnels
    self.session = session
  }

  /// Whether it is not a service for clients: WireGuard's own port, the ephemeral port of a client, or a multicast
  /// protocol.
  private static func isPassing(_ exposure: Exposure, _ tunnelPorts: Set<UInt16>) -> Bool {
    let listener = exposure.listener
    guard listener.protocol == .udp else { return false }
    return tunnelPorts.contains(listener.port) || listener.port >= 32768
      || [68, 546, 5353, 5355].contains(listener.port)
      || listener.isKernelSocket
  }

  package var text: String {
    var text = "allow:\n"
    var granted: [String: String] = [:]
    var order: [String] = []
    for tunnel in tunnels {
      let services = reached(by: tunnel)
      if services.isEmpty { continue }
      text +=
        "  # guess: every machine in \(tunnel) may use what it reaches now. Name machines in 'from', and\n"
      text += "  # remove what they do not need.\n"
      for (service, who) in services {
        text +=
          "  - { to: \(own), services: [\(service)], from: \(tunnel) }\(who.isEmpty ? "" : "  # \(who)")\n"
        if granted.updateValue(service, forKey: "\(tunnel) \(service)") == nil {
          order.append("\(tunnel) \(service)")
        }
      }
    }
    if order.isEmpty { text = "# Nothing is reached through a tunnel now.\nallow: []\n" }
    text += closed
    text += failsafe
    return text + tests(order.map { $0.split(separator: " ").map { String($0) } })
  }

  /// The services that a side reaches, each once, with the process or container that answers.
  private func reached(by side: String) -> [(service: String, who: String)] {
    var found: [(service: String, who: String)] = []
    for exposure in exposures
    where exposure.reachable.contains(where: { $0.zone == side && $0.verdict == .accept }) {
      let service = "\(exposure.listener.port)/\(exposure.listener.protocol)"
      if found.contains(where: { $0.service == service }) { continue }
      let who = exposure.container.map { "container \($0)" } ?? exposure.listener.process?.name
      // A process may choose any name. `PrintableText` escapes line feeds, so that the comment cannot be ended.
      found.append(
        (service, PrintableText.of([exposure.service, who].compactMap { $0 }.joined(separator: ", "))))
    }
    return found.sorted { ($0.service.count, $0.service) < ($1.service.count, $1.service) }
  }

  /// Comments for what other sides reach now and this policy closes.
  private var closed: String {
    let sides = exposures.flatMap(\.reachable).map(\.zone).unique.filter { !tunnels.contains($0) }
    var text = ""
    for side in sides {
      let services = reached(by: side).map(\.service)
      if services.isEmpty { continue }
      text += Self.wrapped("Reached by \(side) now, and closed by this policy:", services)
    }
    return text
  }

  /// A list as a comment, wrapped to 118 columns.
  private static func wrapped(_ words: String, _ list: [String]) -> String {
    var lines = ["  # \(words)"]
    for (place, item) in list.enumerated() {
      let text = " " + item + (place < list.count - 1 ? "," : "")
      if lines[lines.count - 1].count + text.count > 118 { lines.append("  #  ") }
      lines[lines.count - 1] += text
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private var failsafe: String {
    let ssh = exposures.first {
      $0.service == "ssh" && $0.listener.protocol == .tcp && !$0.listener.isLoopbackOnly
    }
    var text =
      "\n# Grants that hold in every state, also in lock-down and panic: access to repair the host.\nfailsafe:\n"
    guard let ssh, !tunnels.isEmpty else {
      return "\n# failsafe: grants that hold in every state. Add SSH from a machine that you always have.\n"
    }
    let service = ssh.listener.port == 22 ? "ssh" : "\(ssh.listener.port)/tcp"
    text += "  - { to: \(own), services: [\(service)], from: [\(tunnels.joined(separator: ", "))] }\n"
    if let session {
      text +=
        "  # Your own session comes from \(session). If that is not in a tunnel, apply refuses to cut it off:\n"
      text +=
        "  # - { to: \(own), services: [\(service)], from: \(FirstPolicy.quoted("\(Prefix(session))")) }\n"
      text += "  # The last test then fails, as intended: remove the port from its 'deny'.\n"
    }
    return text
  }

  private func tests(_ granted: [[String]]) -> String {
    var text = "\n# check and apply run these tests on the compiled rules.\ntests:\n"
    for tunnel in tunnels {
      let services = granted.filter { $0.first == tunnel }.compactMap(\.last)
      if services.isEmpty { continue }
      text += "  - { from: \(tunnel), to: \(own), allow: [\(services.joined(separator: ", "))] }\n"
    }
    let all = Set(
      exposures.filter { !$0.reachable.isEmpty }.map { "\($0.listener.port)/\($0.listener.protocol)" })
    let denied = (all.isEmpty ? ["ssh"] : all.sorted { ($0.count, $0) < ($1.count, $1) }).joined(
      separator: ", ")
    return text + "  - { from: internet, to: \(own), deny: [\(denied)] }\n"
  }
}

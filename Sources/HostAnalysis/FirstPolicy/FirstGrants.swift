// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketWalk
internal import PolicyLanguage
internal import Ruleset

/// The grants of a first policy: what the tunnels reach now, what guests of the host need of it, and the caller's own
/// session. What other sides reach is listed in comments.
struct FirstGrants {
  private let exposures: [Exposure]
  private let own: String
  private let tunnels: [TunnelDraft]
  private let zones: ZoneDrafts
  private let session: FirstPolicy.Session?
  /// What the host forwards now, by tunnel.
  private let passages: [(all: Passages, lines: PassageLines)]
  /// Machines and networks by the names that the audit gives to senders.
  private let senders: [String: [String]]
  /// A line of `tests` for each line of grants.
  private var tests: [String] = []

  init(
    _ basis: FirstPolicy.Basis, _ own: String, _ tunnels: [TunnelDraft], _ zones: ZoneDrafts,
    _ names: inout FirstPolicyNames
  ) {
    let ports = Set(basis.devices.compactMap(\.listenPort))
    exposures = basis.audit.exposures.filter { $0.place == .host && !Self.isPassing($0, ports) }
    self.own = own
    self.tunnels = tunnels
    self.zones = zones
    session = basis.session
    let networks = zones.networks.flatMap { network in
      network.interfaces.map { interface in
        Passages.Place(
          word: "\(own).\(network.name)", owner: own, interface: interface,
          addresses: network.prefixes.compactMap { FirstGrants.neighbour(in: $0, basis) }, isMachine: false)
      }
    }
    passages = tunnels.map { tunnel in
      let passages = Passages(in: tunnel, own, networks, basis)
      return (passages, PassageLines(passages, in: tunnel, &names))
    }
    var senders: [String: [String]] = [:]
    for peer in tunnels.flatMap(\.peers) where peer.certainty == .known {
      for address in peer.addresses.flatMap(\.addresses) {
        senders[Prefix(address).description] = [peer.name]
      }
      for network in peer.networks {
        senders[network.allowed.description] = network.parts.map { FirstPolicy.quoted($0.description) }
      }
    }
    self.senders = senders
  }

  /// An address of a network that is not the host's own.
  private static func neighbour(in network: Prefix, _ basis: FirstPolicy.Basis) -> IPAddress? {
    [6, 5, 9, 2, 1].map { IPAddress(family: network.family, bits: network.address.bits + $0) }.first {
      address in
      network.contains(address) && address != network.last && !basis.interfaces.contains { $0.owns(address) }
    }
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

  /// The groups that the grants use.
  var groups: String {
    let groups = passages.compactMap(\.lines.group)
    if groups.isEmpty { return "" }
    return "groups:\n"
      + groups.map { "  \($0.name): [\($0.machines.joined(separator: ", "))]\n" }.joined() + "\n"
  }

  /// The sections `allow`, `failsafe` and `tests`.
  mutating func text() -> String {
    var lines = zip(tunnels, passages).map { arrivals($0, $1.all) }.joined()
    lines += zip(tunnels, passages).map { forwarded($0, $1.all, $1.lines) }.joined()
    lines += guests
    let allow =
      lines.contains("  - {")
      ? "allow:\n" + lines : "# Nothing is reached through a tunnel now.\nallow: []\n" + lines
    let failsafe = failsafe
    return allow + closed + failsafe + testSection
  }

  // MARK: To this host

  /// What a tunnel reaches of this host.
  private mutating func arrivals(_ tunnel: TunnelDraft, _ passages: Passages) -> String {
    let services = reached(by: tunnel.name)
    if services.isEmpty, passages.pinging.isEmpty { return "" }
    var text =
      "  # guess: every machine in \(tunnel.name) may use what it reaches now. Name machines in 'from', and\n"
      + "  # remove what they do not need.\n"
    var bySource: [String: [String]] = [:]
    var order: [String] = []
    let ping =
      passages.pinging.isEmpty ? [] : [(Reached(service: "ping", who: "", from: []), passages.pinging)]
    for (service, sources) in ping + services.map({ ($0, sources($0.from, tunnel)) }) {
      if sources.isEmpty { continue }
      let from = sources.count == 1 ? sources[0] : "[\(sources.joined(separator: ", "))]"
      text +=
        "  - { to: \(own), services: [\(service.service)], from: \(from) }"
        + "\(service.who.isEmpty ? "" : "  # \(service.who)")\n"
      for source in sources {
        if bySource[source] == nil { order.append(source) }
        bySource[source, default: []].append(service.service)
      }
    }
    if order.isEmpty { return "" }
    for source in order {
      tests.append(
        "{ from: \(source), to: \(own), allow: [\((bySource[source] ?? []).joined(separator: ", "))] }"
      )
    }
    return text
  }

  /// The words of `from` for senders: the tunnel if anyone in it is let in, else its machines.
  private func sources(_ from: [String], _ tunnel: TunnelDraft) -> [String] {
    let known = from.flatMap { senders[$0] ?? [] }.unique
    guard from.contains(Ingress.anyone) else { return known.sorted() }
    let networks = known.filter { word in !tunnel.peers.contains { $0.name == word } }
    return [tunnel.name] + networks.sorted()
  }

  private struct Reached {
    let service: String
    /// The process or container that answers.
    let who: String
    /// The senders, by the audit's names.
    var from: [String]
  }

  /// The services that a side reaches, each once.
  private func reached(by side: String) -> [Reached] {
    var found: [Reached] = []
    for exposure in exposures {
      let from = exposure.reachable.filter { $0.zone == side && $0.verdict == .accept }.flatMap(\.from)
      if from.isEmpty { continue }
      let service = "\(exposure.listener.port)/\(exposure.listener.protocol)"
      if let place = found.firstIndex(where: { $0.service == service }) {
        found[place].from = (found[place].from + from).unique
        continue
      }
      let who = exposure.container.map { "container \($0)" } ?? exposure.listener.process?.name
      // A process may choose any name. `PrintableText` escapes line feeds, so that the comment cannot be ended.
      found.append(
        Reached(
          service: service,
          who: PrintableText.of([exposure.service, who].compactMap { $0 }.joined(separator: ", ")), from: from
        ))
    }
    return found.sorted { ($0.service.count, $0.service) < ($1.service.count, $1.service) }
  }

  // MARK: Through this host

  /// What a tunnel's machines, the networks behind them and this host's networks reach of each other.
  private mutating func forwarded(
    _ tunnel: TunnelDraft, _ passages: Passages, _ lines: PassageLines
  ) -> String {
    var unnamed = passages.unnamed.map {
      "  # \($0) reaches \(tunnel.name) now, and this policy closes that: AllowedIPs do not say which machines are there.\n"
        + "  # Add those machines, and grants to them from \($0).\n"
    }.joined()
    if passages.reachesInternet {
      unnamed +=
        "  # \(tunnel.name) reaches the internet through this host now, and this policy closes that: the policy\n"
        + "  # language has no line for it.\n"
    }
    if lines.lines.isEmpty { return unnamed }
    var text =
      "  # guess: this host forwards now, to and from \(tunnel.name), what these lines allow. Name the services that\n"
      + "  # are needed, and remove the others.\n"
    if passages.isSample {
      text +=
        "  # guess: the peers are many; a few of them were examined, and the others are taken to be alike.\n"
    }
    for line in lines.lines {
      func list(_ words: [String]) -> String {
        words.count == 1 ? words[0] : "[\(words.joined(separator: ", "))]"
      }
      let services = line.services.joined(separator: ", ")
      text += "  - { to: \(list(line.to)), services: [\(services)], from: \(list(line.from)) }\n"
      tests.append(
        "{ from: \(line.example.from), to: \(line.example.to), allow: [\(services)] }")
    }
    return text + unnamed
  }

  // MARK: Guests

  /// The servers of this host that guests need to have a network at all: those of DNS and DHCP that they reach now.
  private var guests: String {
    mutating get {
      let services = guestServices
      if services.isEmpty { return "" }
      let list = services.joined(separator: ", ")
      tests.append("{ from: \(Zone.containers), to: \(own), allow: [\(list)] }")
      return "  # Guests (containers and virtual machines) get their addresses and names from this host.\n"
        + "  - { to: \(own), services: [\(list)], from: \(Zone.containers) }\n"
    }
  }

  private var guestServices: [String] {
    let ports: [(String, UInt16, [IPProtocol])] = [
      ("dns", 53, [.tcp, .udp]), ("dhcp", 67, [.udp]), ("547/udp", 547, [.udp]),
    ]
    return ports.compactMap { service, port, transports in
      let isThere = exposures.contains { exposure in
        exposure.listener.port == port && transports.contains(exposure.listener.protocol)
          && exposure.reachable.contains { reach in
            reach.verdict == .accept && InterfaceName(reach.zone).map { zones.isContainers($0) } == true
          }
      }
      return isThere ? service : nil
    }
  }

  // MARK: Comments

  /// Comments for what other sides reach now and this policy closes: each service once.
  private var closed: String {
    let inTunnels = Set(tunnels.map(\.name))
    let sides = exposures.flatMap(\.reachable).map(\.zone).unique.filter { !inTunnels.contains($0) }
    let granted = Set(guestServices)
    var services: [String] = []
    var byService: [String: [String]] = [:]
    for side in sides {
      for service in reached(by: side).map(\.service) {
        let isGranted =
          InterfaceName(side).map { zones.isContainers($0) } == true
          && (granted.contains(service) || (granted.contains("dns") && service.hasPrefix("53/"))
            || (granted.contains("dhcp") && service == "67/udp"))
        if isGranted { continue }
        if byService[service] == nil { services.append(service) }
        byService[service, default: []].append(side)
      }
    }
    var text = ""
    for places in services.compactMap({ byService[$0] }).unique {
      text += Self.wrapped(
        "Reached by \(places.joined(separator: ", ")) now, and closed by this policy:",
        services.filter { byService[$0] == places }.sorted { ($0.count, $0) < ($1.count, $1) })
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

  // MARK: Failsafe

  /// Where the caller's session comes from, as a word of `from`.
  private struct SessionSource {
    let word: String
    /// `over` of its test; nil if the test does not need it.
    let over: String?
    /// Its zone if it is not in a tunnel.
    let zone: String?
  }

  private var sessionSource: SessionSource? {
    guard let session, !session.client.isLoopback else { return nil }
    let client = session.client
    let word = FirstPolicy.quoted(Prefix(client).description)
    if let tunnel = tunnels.first(where: { $0.prefixes.contains { $0.contains(client) } }) {
      let peer = tunnel.peers.first { peer in
        peer.isWritten && peer.addresses.contains { $0.addresses.contains(client) }
      }
      return SessionSource(word: peer?.name ?? tunnel.name, over: nil, zone: nil)
    }
    let zone = zones.zone(of: client, on: session.interface)
    let tunnel = tunnels.first { tunnel in
      tunnel.peers.contains { peer in peer.isWritten && peer.subnets.contains { $0.contains(client) } }
    }
    if tunnel != nil, zone == Zone.internet { return SessionSource(word: word, over: nil, zone: nil) }
    return zone == Zone.internet
      ? SessionSource(word: word, over: zone, zone: zone) : SessionSource(word: zone, over: nil, zone: zone)
  }

  private var failsafe: String {
    mutating get {
      let ssh = exposures.first {
        $0.service == "ssh" && $0.listener.protocol == .tcp && !$0.listener.isLoopbackOnly
      }
      let source = sessionSource
      var lines = ""
      func service(_ port: UInt16) -> String { port == 22 ? "ssh" : "\(port)/tcp" }
      if let ssh, !tunnels.isEmpty, source == nil || source?.zone != nil {
        let (names, service) = (tunnels.map(\.name), service(ssh.listener.port))
        lines += "  - { to: \(own), services: [\(service)], from: [\(names.joined(separator: ", "))] }\n"
        tests.append("{ from: [\(names.joined(separator: ", "))], to: \(own), allow: [\(service)] }")
      }
      if let source, let session {
        let service = service(session.port)
        lines +=
          "  # Your own SSH session comes from \(session.client)"
          + (source.zone == Zone.internet
            ? ", outside the tunnels: remove this line when you come through a tunnel.\n" : ".\n")
        lines += "  - { to: \(own), services: [\(service)], from: \(source.word) }\n"
        let over = source.over.map { ", over: \($0)" } ?? ""
        tests.append("{ from: \(source.word), to: \(own)\(over), allow: [\(service)] }")
      }
      if lines.isEmpty {
        return "\n# No grant holds in every state (failsafe): add SSH from a machine that you always have.\n"
      }
      return "\n# Grants that hold in every state, also in lock-down and panic: access to repair the host.\n"
        + "failsafe:\n" + lines
    }
  }

  // MARK: Tests

  private var testSection: String {
    var text = "\n# check and apply run these tests on the compiled rules.\ntests:\n"
    for test in tests.unique { text += "  - \(test)\n" }
    var all = Set(
      exposures.filter { !$0.reachable.isEmpty }.map { "\($0.listener.port)/\($0.listener.protocol)" })
    if all.isEmpty { all = ["22/tcp"] }
    // The caller's own session is let in from there.
    if sessionSource?.zone == Zone.internet, let session { all.remove("\(session.port)/tcp") }
    if all.isEmpty { return tests.isEmpty ? "" : text }
    let denied = all.sorted { ($0.count, $0) < ($1.count, $1) }.map {
      $0 == "22/tcp" && all.count == 1 ? "ssh" : $0
    }
    return text + "  - { from: internet, to: \(own), deny: [\(denied.joined(separator: ", "))] }\n"
  }
}

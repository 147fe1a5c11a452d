// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PolicyCompiler
public import PolicyLanguage
public import Ruleset

/// A request for a temporary grant on a machine, in the names of its policy.
public struct TemporaryGrantRequest: Sendable {
  /// A zone of the machine, and what is to be accepted from it.
  public struct Part: Sendable {
    /// The zone.
    public let zone: SiteZone
    /// What is to be accepted. The ranges do not overlap.
    public let ranges: [TemporaryGrantRange]
  }

  /// A hub on the packet path that drops what its own policy does not grant.
  public struct Relay: Sendable, Hashable {
    /// The hub.
    public let hub: String
    /// The tunnel.
    public let tunnel: InterfaceName
  }

  /// The zones of the request.
  public let parts: [Part]
  /// The hubs that relay the packets of its sources to the machine.
  public let relays: [Relay]
  /// Warnings for the user, in words.
  public let warnings: [String]

  /// The limit of elements of a request: sources times ports.
  private static let mostRanges = 4_096

  /// Parses a request. `service` is a service's name or `PORT/PROTOCOL`. `from` is a machine, a group, a
  /// tunnel, a zone of the machine, a prefix or an address, with the same meaning as `from` in the policy.
  /// `who` is the user who asks and `because` the reason: both are stored in the comment of the elements, cut
  /// to 127 bytes together.
  public init(
    _ policy: Policy, machine: Machine, service: String, from: String, lasting duration: GrantDuration,
    who: String, because: String
  ) throws(TemporaryGrantError) {
    let ports = try Self.ports(service, policy)
    let sources = try Self.sources(from, policy, machine)
    let comment = TemporaryGrantComment(who: who, because: because)
    guard !comment.because.isEmpty else {
      throw TemporaryGrantError("a temporary grant needs a reason: give one with --because")
    }
    let life = ElementLife(timeout: duration.milliseconds, comment: comment.text)
    parts = sources.map { zone, prefixes in
      Part(
        zone: zone,
        ranges: prefixes.flatMap { prefix in
          ports.map { transport, range in
            TemporaryGrantRange(
              family: prefix.family, sources: prefix.address.bits...prefix.last.bits, transport: transport,
              ports: range.lower...range.upper, life: life)
          }
        })
    }
    let count = parts.reduce(0) { $0 + $1.ranges.count }
    guard count <= Self.mostRanges else {
      throw TemporaryGrantError(
        "\(count) pairs of source and port are more than the limit of \(Self.mostRanges): request fewer")
    }
    relays = parts.compactMap { part in
      guard part.zone.kind == .tunnel, let tunnel = policy.tunnel(named: part.zone.name),
        let name = tunnel.hub,
        name != machine.name, let hub = policy.machine(named: name)
      else { return nil }
      let own = hub.addresses(in: tunnel.name)
      let isOnlyHub = part.ranges.allSatisfy { range in
        own.contains { $0.family == range.family && range.sources == $0.bits...$0.bits }
      }
      return isOnlyHub ? nil : Relay(hub: name, tunnel: tunnel.name)
    }
    warnings = parts.compactMap { part in
      guard part.zone.kind == .internet,
        part.ranges.contains(where: { $0.sources.lowerBound == 0 && $0.prefixes.first?.length == 0 })
      else { return nil }
      return "'\(service)' will be open to everyone on the internet for \(duration)"
    }
  }

  /// One batch that adds the grant to a table that was read; empty if all of it is already open for longer.
  public func operations(on table: KernelTable) throws(TemporaryGrantError) -> [TableOperation] {
    var operations: [TableOperation] = []
    for part in parts { operations += try sets(part.zone, table).adding(part.ranges) }
    return operations
  }

  /// One batch that closes what the request names before its time, no matter who opened it; empty if nothing
  /// of it is open.
  public func endingOperations(on table: KernelTable) throws(TemporaryGrantError) -> [TableOperation] {
    var operations: [TableOperation] = []
    for part in parts { operations += try sets(part.zone, table).removing(part.ranges) }
    return operations
  }

  private func sets(_ zone: SiteZone, _ table: KernelTable) throws(TemporaryGrantError) -> TemporaryGrantSets
  {
    guard let sets = TemporaryGrantSets(zone: zone.identifier, in: table) else {
      throw TemporaryGrantError(
        "the loaded ruleset takes no temporary grants in zone \(zone.name): it is a lock-down, or not "
          + "compiled from the policy"
      )
    }
    return sets
  }

  // MARK: Ports

  private static func ports(_ word: String, _ policy: Policy) throws(TemporaryGrantError) -> [(
    IPProtocol, PortRange
  )] {
    guard
      let service = policy.services.first(where: { $0.name == word }) ?? ServiceCatalogue.service(named: word)
        ?? Service(written: word)
    else {
      throw unknown(
        word, "is not a service, and not written as PORT/tcp, PORT/udp or PORT/sctp",
        among: policy.services.map(\.name) + ServiceCatalogue.services.map(\.name))
    }
    var result: [(IPProtocol, PortRange)] = []
    for port in service.ports {
      switch port {
      case .ports(let transport, let range): result.append((transport, range))
      case .protocol(let transport):
        throw TemporaryGrantError(
          "'\(word)' uses the protocol \(transport), which has no ports: a temporary grant takes only TCP, "
            + "UDP and SCTP ports; add a grant with 'until' to the policy")
      case .everything:
        throw TemporaryGrantError(
          "'\(word)' is every protocol and port: a temporary grant takes only TCP, UDP and SCTP ports")
      case .echoRequest:
        throw TemporaryGrantError(
          "'\(word)' has no port: a temporary grant takes only TCP, UDP and SCTP ports; add a grant with "
            + "'until' to the policy")
      }
    }
    return result
  }

  // MARK: Sources

  private static func sources(
    _ word: String, _ policy: Policy, _ machine: Machine
  ) throws(TemporaryGrantError) -> [(SiteZone, [Prefix])] {
    let zones = SiteZone.zones(of: machine, in: policy)
    if policy.machine(named: word) != nil { return try peers([word], word, policy, machine, zones) }
    if let group = policy.groups.first(where: { $0.name == word }) {
      return try peers(group.machines.filter { $0 != machine.name }, word, policy, machine, zones)
    }
    if let tunnel = policy.tunnel(named: word) {
      guard !machine.addresses(in: tunnel.name).isEmpty, let zone = zones.first(where: { $0.name == word })
      else {
        throw TemporaryGrantError(
          "'\(machine.name)' has no address in \(word), so it is not reachable over this tunnel")
      }
      return [(zone, tunnel.prefixes)]
    }
    if let zone = zones.first(where: { $0.name == word }) {
      return [(zone, zone.prefixes.isEmpty ? everyone : zone.prefixes)]
    }
    if policy.list(named: word) != nil {
      throw TemporaryGrantError(
        "'\(word)' is a list, which a temporary grant does not take: name a prefix, or add a grant with "
          + "'until' to the policy"
      )
    }
    if let dot = word.firstIndex(of: "."), let router = policy.machine(named: String(word[..<dot])) {
      throw TemporaryGrantError(
        "a temporary grant does not take '\(word)', which \(router.name) routes into the tunnel: name the "
          + "machine, or add a grant with 'until' to the policy")
    }
    if let prefix = Prefix(word) { return try networks(prefix, policy, machine, zones) }
    throw unknown(
      word,
      "is not a machine, group or tunnel of the policy, not a zone of \(machine.name), and not an address",
      among: policy.machines.map(\.name) + policy.groups.map(\.name) + zones.map(\.name))
  }

  private static let everyone = AddressFamily.allCases.map {
    Prefix(containing: IPAddress(family: $0, bits: 0), length: 0)
  }

  /// Machines by their tunnel addresses, on the tunnels in which both ends have addresses.
  private static func peers(
    _ names: [String], _ word: String, _ policy: Policy, _ machine: Machine, _ zones: [SiteZone]
  ) throws(TemporaryGrantError) -> [(SiteZone, [Prefix])] {
    var found: [String: [Prefix]] = [:]
    for name in names {
      guard name != machine.name else {
        throw TemporaryGrantError(
          "'\(name)' is this machine: it reaches itself over loopback, which is always open")
      }
      guard let other = policy.machine(named: name) else { continue }
      let shared = policy.tunnels.filter {
        !machine.addresses(in: $0.name).isEmpty && !other.addresses(in: $0.name).isEmpty
      }
      guard !shared.isEmpty else {
        throw TemporaryGrantError(
          "'\(name)'\(name == word ? "" : " of '\(word)'") shares no tunnel with '\(machine.name)': a "
            + "machine is identified by its tunnel address")
      }
      for tunnel in shared {
        found[tunnel.name.description, default: []] += other.addresses(in: tunnel.name).map { Prefix($0) }
      }
    }
    guard !found.isEmpty else {
      throw TemporaryGrantError("'\(word)' contains no machine other than this one")
    }
    return zones.compactMap { zone in found[zone.name].map { (zone, $0.sorted()) } }
  }

  /// A prefix, in the zones that are not tunnels. Guests can forge any source, so that no prefix but their own is theirs.
  private static func networks(
    _ prefix: Prefix, _ policy: Policy, _ machine: Machine, _ zones: [SiteZone]
  ) throws(TemporaryGrantError) -> [(SiteZone, [Prefix])] {
    if let tunnel = policy.tunnels.first(where: { $0.prefixes.contains { $0.contains(prefix) } }) {
      let owner = policy.machines.first { $0.addresses(in: tunnel.name).contains { Prefix($0) == prefix } }
      throw TemporaryGrantError(
        "\(prefix) is inside the tunnel \(tunnel.name), where machines are known by name: "
          + (owner.map { "write \($0.name)" } ?? "name a machine, or the tunnel"))
    }
    // A zone with prefixes drops other sources before it reaches the sets of temporary grants.
    let arriving = zones.filter { zone in
      switch zone.kind {
      case .tunnel: false
      case .containers: zone.prefixes.contains { $0.overlaps(prefix) }
      case .network, .internet: zone.prefixes.isEmpty || zone.prefixes.contains { $0.overlaps(prefix) }
      }
    }
    return arriving.map { ($0, [prefix]) }
  }

  private static func unknown(_ word: String, _ message: String, among names: [String]) -> TemporaryGrantError
  {
    let nearest = Suggestion.nearest(to: word, among: names)
    return TemporaryGrantError("'\(word)' \(message)" + (nearest.map { ": did you mean '\($0)'?" } ?? ""))
  }
}

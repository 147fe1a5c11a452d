// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyCompiler
public import PolicyLanguage
public import Ruleset

/// What a person wants opened on a machine for a time, understood in the names of its policy.
public struct TemporaryGrantRequest: Sendable {
  /// A zone of the machine, and what is to be let in there.
  public struct Part: Sendable {
    /// The zone.
    public let zone: SiteZone
    /// What is to be let in; none overlapping.
    public let ranges: [TemporaryGrantRange]
  }

  /// The zones that it concerns.
  public let parts: [Part]
  /// What the person should know of it, in words.
  public let warnings: [String]

  /// Most elements of an order: sources times ports.
  private static let mostRanges = 4_096

  /// Understands an order. `service` is a service's name or `PORT/PROTOCOL`; `from` is a machine, a group, a tunnel, a
  /// zone of the machine, a prefix or an address, with the meaning that it has in the policy's `from`. `who` is who asks,
  /// `because` why: they are kept with it, cut to 127 bytes together.
  public init(
    _ policy: Policy, machine: Machine, service: String, from: String, lasting duration: GrantDuration,
    who: String, because: String
  ) throws(TemporaryGrantError) {
    let ports = try Self.ports(service, policy)
    let sources = try Self.sources(from, policy, machine)
    let reason = Self.line(because)
    guard !reason.isEmpty else {
      throw TemporaryGrantError("an opening needs a reason: say why with --because")
    }
    let life = ElementLife(timeout: duration.milliseconds, comment: "\(Self.line(who)): \(reason)")
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
        "that is \(count) sources and ports, more than \(Self.mostRanges): open less at a time")
    }
    warnings = parts.compactMap { part in
      guard part.zone.kind == .internet,
        part.ranges.contains(where: { $0.sources.lowerBound == 0 && $0.prefixes.first?.length == 0 })
      else { return nil }
      return "'\(service)' will be open to everyone on the internet for \(duration)"
    }
  }

  /// One batch that puts it into a table as it was read; nothing where all of it is open for longer already.
  public func operations(on table: KernelTable) throws(TemporaryGrantError) -> [TableOperation] {
    var operations: [TableOperation] = []
    for part in parts { operations += try sets(part.zone, table).adding(part.ranges) }
    return operations
  }

  /// One batch that ends before their time what it names, whoever opened it; nothing where none of it is open.
  public func endingOperations(on table: KernelTable) throws(TemporaryGrantError) -> [TableOperation] {
    var operations: [TableOperation] = []
    for part in parts { operations += try sets(part.zone, table).removing(part.ranges) }
    return operations
  }

  private func sets(_ zone: SiteZone, _ table: KernelTable) throws(TemporaryGrantError) -> TemporaryGrantSets
  {
    guard let sets = TemporaryGrantSets(zone: zone.identifier, in: table) else {
      throw TemporaryGrantError(
        "the loaded ruleset takes no openings in \(zone.name): it is locked down, or not what the policy compiles to"
      )
    }
    return sets
  }

  /// One line without what nft's comments cannot hold, and safe on a terminal: `nft list ruleset` prints it as it is.
  private static func line(_ text: String) -> String {
    let kept = String(
      String.UnicodeScalarView(PrintableText.of(text).unicodeScalars.map { $0 == "\"" ? "'" : $0 }))
    return kept.split(separator: " ").joined(separator: " ")
  }

  // MARK: What is opened

  private static func ports(_ word: String, _ policy: Policy) throws(TemporaryGrantError) -> [(
    IPProtocol, PortRange
  )] {
    guard
      let service = policy.services.first(where: { $0.name == word }) ?? ServiceCatalogue.service(named: word)
        ?? Service(written: word)
    else {
      throw unknown(
        word, "is no service, and not PORT/tcp, PORT/udp or PORT/sctp",
        among: policy.services.map(\.name) + ServiceCatalogue.services.map(\.name))
    }
    var result: [(IPProtocol, PortRange)] = []
    for port in service.ports {
      switch port {
      case .ports(let transport, let range): result.append((transport, range))
      case .protocol(let transport):
        throw TemporaryGrantError(
          "'\(word)' is of the protocol \(transport), which has no ports: only TCP, UDP and SCTP ports can be opened for "
            + "a time; grant it with a line of the policy that has an 'until'")
      case .echoRequest:
        throw TemporaryGrantError(
          "'\(word)' has no port: only TCP, UDP and SCTP ports can be opened for a time; grant it with a line of the "
            + "policy that has an 'until'")
      }
    }
    return result
  }

  // MARK: To whom

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
        throw TemporaryGrantError("'\(machine.name)' has no address in \(word): nobody reaches it over it")
      }
      return [(zone, tunnel.prefixes)]
    }
    if let zone = zones.first(where: { $0.name == word }) {
      return [(zone, zone.prefixes.isEmpty ? everyone : zone.prefixes)]
    }
    if policy.list(named: word) != nil {
      throw TemporaryGrantError(
        "'\(word)' is a list: an opening is for few; name a prefix, or grant it with a line that has an 'until'"
      )
    }
    if let dot = word.firstIndex(of: "."), let router = policy.machine(named: String(word[..<dot])) {
      throw TemporaryGrantError(
        "'\(word)' is what \(router.name) routes into the tunnel, which cannot be opened to for a time: name the "
          + "machine, or grant it with a line that has an 'until'")
    }
    if let prefix = Prefix(word) { return try networks(prefix, policy, machine, zones) }
    throw unknown(
      word, "is no machine, group, tunnel or zone that \(machine.name) knows, and no address",
      among: policy.machines.map(\.name) + policy.groups.map(\.name) + zones.map(\.name))
  }

  private static let everyone = AddressFamily.allCases.map {
    Prefix(containing: IPAddress(family: $0, bits: 0), length: 0)
  }

  /// Machines by their tunnel addresses, on the tunnels that both are in.
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
          "'\(name)'\(name == word ? "" : " of '\(word)'") shares no tunnel with '\(machine.name)': a machine is known by "
            + "its tunnel address")
      }
      for tunnel in shared {
        found[tunnel.name.description, default: []] += other.addresses(in: tunnel.name).map { Prefix($0) }
      }
    }
    guard !found.isEmpty else { throw TemporaryGrantError("'\(word)' is nobody but this machine") }
    return zones.compactMap { zone in found[zone.name].map { (zone, $0.sorted()) } }
  }

  /// A prefix, on the zones that are not tunnels.
  private static func networks(
    _ prefix: Prefix, _ policy: Policy, _ machine: Machine, _ zones: [SiteZone]
  ) throws(TemporaryGrantError) -> [(SiteZone, [Prefix])] {
    if let tunnel = policy.tunnels.first(where: { $0.prefixes.contains { $0.contains(prefix) } }) {
      let owner = policy.machines.first { $0.addresses(in: tunnel.name).contains { Prefix($0) == prefix } }
      throw TemporaryGrantError(
        "\(prefix) is inside the tunnel \(tunnel.name), where machines are known by name: "
          + (owner.map { "write \($0.name)" } ?? "name a machine, or the tunnel"))
    }
    // A zone that says which sources it has drops the others before they come so far.
    let arriving = zones.filter { zone in
      zone.kind != .tunnel && (zone.prefixes.isEmpty || zone.prefixes.contains { $0.overlaps(prefix) })
    }
    return arriving.map { ($0, [prefix]) }
  }

  private static func unknown(_ word: String, _ message: String, among names: [String]) -> TemporaryGrantError
  {
    let nearest = Suggestion.nearest(to: word, among: names)
    return TemporaryGrantError("'\(word)' \(message)" + (nearest.map { ": did you mean '\($0)'?" } ?? ""))
  }
}

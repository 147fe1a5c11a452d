// SPDX-License-Identifier: GPL-3.0-or-later

@testable import DropAnalysis
import NetworkModel
import PolicyDifference
import PacketWalk
import PolicyLanguage
import PolicyTestSupport
import Ruleset
import TestSupport
import Testing

@testable import PolicyAnalysis

/// A line that is advised is a promise: the policy with it is valid, it lets the packet in, and nothing but what it says.
@Suite("Every advised line") struct GrantAdvicePropertyTests {
  private static let today = CalendarDate(secondsSince1970: 1_795_500_000)

  /// A packet that the policy refuses on a machine.
  private struct Case {
    let view: SiteView
    let packet: RefusedPacket
    let service: AdvisedService
  }

  @Test(
    "is valid, lets the packet in, and grants only its service from its source to its target",
    arguments: 0..<6 as Range<UInt64>)
  func isExact(part: UInt64) throws {
    var random = SeededGenerator(seed: part)
    var (lines, none) = (0, 0)
    for seed in part * 6..<(part + 1) * 6 {
      let text = RandomSite(seed: seed).text
      guard let policy = RandomSite.policy(text, today: Self.today) else { continue }
      let site = CompiledSite(policy, today: Self.today)
      for machine in policy.machines {
        let view = site.view(of: machine)
        var advice = GrantAdvice(view, today: Self.today, live: LiveFacts())
        for _ in 0..<6 {
          guard let one = Self.refused(view, &random), let service = one.service.service else { continue }
          let answer = advice.answer(one.packet, service)
          guard case .line(let line) = answer else {
            none += 1
            continue
          }
          lines += 1
          try Self.check(line, one, site, text, "seed \(seed) \(machine.name) \(one.packet): \(line.text)")
        }
      }
    }
    #expect(lines > 0, "\(lines) lines, \(none) without")
  }

  private static func check(
    _ line: GrantLine, _ one: Case, _ site: CompiledSite, _ text: String, _ what: String
  ) throws {
    let change = try #require(
      PolicyInsertion(Array(text.utf8), site.policy, entries: [{ line.text(in: $0) }]), "\(what)")
    let decoded = PolicyDecoder.decode(
      bytes: change.result, path: "random.yaml", today: today,
      readList: { _ in .unreadable(reason: "no lists here") })
    #expect(decoded.isValid, "\(what): \(decoded.diagnostics.filter { $0.severity == .error })\n\(text)")
    guard decoded.isValid, let policy = decoded.policy else { return }
    #expect(policy.grants.count == site.policy.grants.count + 1, "\(what)")
    let new = CompiledSite(policy, today: today)
    let machine = try #require(policy.machine(named: one.view.machine.name))
    #expect(verdict(one.packet, new.view(of: machine), to: line.to) == .accept, "\(what)")
    let difference = SiteDifference(from: site, to: new)
    #expect(difference.clearTextGained.isEmpty && difference.lost.isEmpty, "\(what)")
    for gained in difference.gained {
      #expect(isSaid(gained, by: line, in: policy), "\(what) gives \(gained)")
    }
  }

  /// Whether a line says what was gained by it.
  private static func isSaid(
    _ gained: SiteDifference.Reach, by line: GrantLine, in policy: Policy
  ) -> Bool {
    let isService = line.service.ports.contains { port in
      switch port {
      case .ports(let transport, let range):
        guard let ports = gained.ports else { return false }
        return gained.transport == transport.description && range.lower <= ports.lowerBound
          && ports.upperBound <= range.upper
      case .protocol(let transport):
        return gained.transport == transport.description || gained.transport == "\(transport.number)"
      case .echoRequest: return gained.transport.hasPrefix("icmp")
      case .everything: return false
      }
    }
    // The receiver, or a machine that relays: a hub, or the one that routes the source.
    let hubs = policy.tunnels.compactMap(\.hub)
    let routers = policy.machines.filter { !$0.subnets.isEmpty || !$0.zones.isEmpty }.map(\.name)
    let isPlace =
      gained.machine == line.to.machine
      || (gained.to != nil && (hubs.contains(gained.machine) || routers.contains(gained.machine)))
    let addresses = gained.addresses.compactMap { Prefix($0) }
    func inside(_ prefixes: [Prefix]) -> Bool {
      addresses.count == gained.addresses.count
        && addresses.allSatisfy { one in prefixes.contains { $0.contains(one) } }
    }
    let isSource: Bool
    switch line.from {
    case .machine(let name):
      isSource = inside(policy.machine(named: name)?.addresses.flatMap(\.addresses).map { Prefix($0) } ?? [])
    case .tunnel(let name): isSource = inside(policy.tunnel(named: name.description)?.prefixes ?? [])
    case .prefix(let prefix): isSource = inside([prefix])
    case .machineZone(let name, let zone):
      isSource = inside(policy.machine(named: name)?.zone(named: zone)?.prefixes ?? [])
    case .zone(let name): isSource = gained.over == name
    case .list, .anywhere: isSource = false
    }
    return isService && isPlace && isSource
  }

  // MARK: Packets

  private static func verdict(_ one: RefusedPacket, _ view: SiteView, to target: GrantTarget?) -> TraceVerdict
  {
    var packet = Packet(
      source: one.source, destination: one.destination, transport: one.transport, destinationPort: one.port,
      input: one.input)
    switch one.route {
    case .local: return view.arrival(packet).verdict
    case .through(let output):
      packet.destinationType = .unicast
      return view.passage(packet, to: output ?? one.input).verdict
    case .sent: return view.departure(packet, by: one.input).verdict
    }
  }

  /// A random packet that the machine refuses; nil if it accepts it.
  private static func refused(_ view: SiteView, _ random: inout SeededGenerator) -> Case? {
    let policy = view.policy
    guard let zone = view.zones.randomElement(using: &random), let input = view.interface(of: zone) else {
      return nil
    }
    let family: AddressFamily = Bool.random(using: &random) ? .ipv4 : .ipv6
    func inside(_ prefixes: [Prefix]) -> [IPAddress] {
      prefixes.filter { $0.family == family }.map {
        IPAddress(family: family, bits: min($0.address.bits + 7, $0.last.bits))
      }
    }
    let machines = policy.machines.flatMap { $0.addresses.flatMap(\.addresses) }.filter {
      $0.family == family
    }
    let places =
      machines + inside(policy.tunnels.flatMap(\.prefixes))
      + inside(policy.machines.flatMap { $0.subnets + $0.zones.flatMap(\.prefixes) + $0.endpoint.prefixes })
      + [IPAddress(family: family, bits: family == .ipv4 ? 0x0909_0909 : 0x2620_00fe << 96 | 9)]
    let own =
      zone.kind == .tunnel
      ? machines + inside(policy.machines.flatMap(\.subnets))
      : zone.prefixes.isEmpty ? places : inside(zone.prefixes)
    guard let source = (Bool.random(using: &random) ? own : places).randomElement(using: &random),
      let destination = places.randomElement(using: &random)
    else { return nil }
    let isOwn = view.machine.addresses.contains { $0.addresses.contains(destination) }
    let outputs = view.zones.compactMap { view.interface(of: $0) }
    let route: RefusedPacket.Route =
      isOwn || (Bool.random(using: &random) && !machines.contains(destination))
      ? .local : .through(outputs.randomElement(using: &random))
    let transports: [IPProtocol] = [.tcp, .tcp, .udp, family == .ipv4 ? .icmp : .icmpv6, .esp]
    let transport = transports.randomElement(using: &random) ?? .tcp
    let ports: [UInt16] = [22, 53, 80, 443, 3000, 5432, 8080, 9100, 9443]
    let port = transport.hasPorts ? ports.randomElement(using: &random) ?? 22 : 0
    let packet = RefusedPacket(
      zone: view.zone(of: input, from: source) ?? zone, input: input, source: source,
      destination: destination,
      transport: transport, port: port, route: route)
    guard verdict(packet, view, to: nil) != .accept else { return nil }
    let service = AdvisedService(
      policy, transport, port: transport.hasPorts ? port : nil,
      icmpType: transport == .icmp ? 8 : transport == .icmpv6 ? 128 : nil)
    return Case(view: view, packet: packet, service: service)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyLanguage
internal import Ruleset

/// Who reaches what of a host now, by the rules of a program.
struct ImportedReach {
  /// A service, and who reaches it from each side.
  struct Reached {
    let heard: HeardService
    /// By the index of the side.
    let sources: [OpenSources]
  }

  /// Ports that are open and on which nothing listens.
  struct Unheard {
    let transport: IPProtocol
    let ports: ClosedRange<UInt16>
    /// From where they are open.
    let openings: [Opening]
  }

  /// A side, and the families over which its packets are accepted.
  struct Opening: Hashable {
    let side: Int
    let families: [AddressFamily]
  }

  let survey: ReachSurvey
  /// Sockets, published ports, ping and protocols without ports.
  let services: [Reached]
  /// Sides from which every protocol is accepted that no rule names.
  let everyProtocol: [Int]
  let unheard: [Unheard]
  /// What the host forwards; nil if it forwards nothing.
  let forwarded: ForwardedReach?

  /// The limit of ranges of sources.
  static let mostClasses = 20_000
  /// A protocol for experiments (RFC 3692), which no rule names.
  static let anyProtocol = IPProtocol(number: 253)

  init(
    _ basis: PolicyImport.Basis, _ host: AuditedHost, _ tables: ImportedTables, _ frame: ImportFrame
  ) throws(ImportError) {
    let interfaces = basis.host.interfaces
    let sides = ImportSide.all(of: frame.view, on: interfaces)
    let before = tables.before
    let classes = AddressClasses(before, .source, places: Self.places(of: interfaces))
    guard classes.unread.isEmpty else { throw ImportError.unreadRules(classes.unread) }
    let count = sides.reduce(0) { sum, side in
      sum
        + AddressFamily.allCases.reduce(0) {
          $0 + classes.ranges(of: $1, in: side.sources[$1] ?? .empty).count
        }
    }
    guard count <= Self.mostClasses else {
      throw ImportError.tooManySources(count: count, limit: Self.mostClasses)
    }
    let walk = ImportWalk(before, order: host.order, environment: host.environment)
    let survey = ReachSurvey(
      walk, sides, classes, AddressClasses(before, .destination),
      sourcePorts: SourcePortSamples(before).others, interfaces: interfaces)
    self.survey = survey
    let builtIn = Set(frame.policy.tunnels.compactMap(\.listen))
    let heard = HeardService.all(basis.host.audit, except: builtIn.union([68, 546]))
    var services: [Reached] = []
    let ping = HeardService(service: .ping, listeners: [], owner: nil)
    services.append(
      Reached(
        heard: ping, sources: sides.map { survey.sources(of: .ping, at: .everyAddress, from: $0) }))
    services += heard.map { heard in
      Reached(
        heard: heard,
        sources: sides.map { side in
          var open = survey.sources(of: heard.service, at: .listeners(heard.listeners), from: side)
          // A grant opens the port over both families: where nothing listens over one, it may not open more either.
          let unserved = AddressFamily.allCases.filter { family in
            !heard.listeners.contains { $0.serves(family) }
          }
          if !unserved.isEmpty, open.isOpen {
            open.restrict(
              unserved, by: survey.sources(of: heard.service, at: .everyAddress, from: side))
          }
          return open
        })
    }
    let unnamed = ReachSurvey.Service(transport: Self.anyProtocol, port: 0)
    let free = sides.map { survey.sources(of: unnamed, at: .everyAddress, from: $0) }
    everyProtocol = free.indices.filter { free[$0].isOpen }
    for transport in Self.protocols {
      let service = ReachSurvey.Service(transport: transport, port: 0)
      // A protocol that is let in like any other is not one that the rules open.
      let sources = sides.indices.map { index in
        let open = survey.sources(of: service, at: .everyAddress, from: sides[index])
        return open.accepted == free[index].accepted ? OpenSources() : open
      }
      if sources.contains(where: { $0.isOpen || !$0.undetermined.isEmpty }) {
        services.append(
          Reached(heard: HeardService(service: service, listeners: [], owner: nil), sources: sources))
      }
    }
    self.services = services
    if basis.host.forwarding == .on {
      let grid = ForwardGrid(
        before, order: host.order, environment: host.environment, interfaces: interfaces)
      let unread = grid.sources.unread + grid.destinations.unread
      guard unread.isEmpty else { throw ImportError.unreadRules(unread.unique) }
      let (targets, skipped) = ForwardTarget.all(frame.view, sides)
      forwarded = ForwardedReach(grid, sides, targets, skipped: skipped)
    } else {
      forwarded = nil
    }
    unheard = Self.unheard(survey, Set(heard.map(\.service)), builtIn)
  }

  /// The protocols without ports that policies name. IGMP to groups is always accepted.
  private static let protocols = [
    IPProtocol.gre, .esp, IPProtocol(number: 51), IPProtocol(number: 89), IPProtocol(number: 112),
    IPProtocol(number: 4), IPProtocol(number: 41),
  ]

  /// The protocols without ports that are compared: `icmp` stands for an echo request of either family.
  static let examinedProtocols = protocols + [.icmp, .igmp, anyProtocol]

  /// The host's own addresses and networks: what a rule asks of routes and addresses changes at them.
  static func places(of interfaces: [NetworkInterface]) -> [Prefix] {
    interfaces.flatMap(\.addresses).flatMap { address in
      [Prefix(address.address), address.network]
    }.unique
  }

  /// The ports that are open beside those at which something answers.
  private static func unheard(
    _ survey: ReachSurvey, _ heard: Set<ReachSurvey.Service>, _ builtIn: Set<UInt16>
  ) -> [Unheard] {
    var found: [Unheard] = []
    for transport in [IPProtocol.tcp, .udp] {
      for ports in survey.walk.classes.ranges {
        let service = ReachSurvey.Service(transport: transport, port: ports.lowerBound)
        let open = survey.sides.indices.compactMap { index -> Opening? in
          let sources = survey.sources(of: service, at: .nearestAddress, from: survey.sides[index])
          let families = sources.accepted.filter { !$0.value.isEmpty }.keys.sorted()
          return families.isEmpty ? nil : Opening(side: index, families: families)
        }
        if open.isEmpty { continue }
        var start = ports.lowerBound
        func add(to end: Int) {
          guard end >= Int(start), let end = UInt16(exactly: end) else { return }
          if let last = found.last, last.transport == transport, last.openings == open,
            Int(last.ports.upperBound) + 1 == Int(start)
          {
            found[found.count - 1] = Unheard(
              transport: transport, ports: last.ports.lowerBound...end, openings: open)
          } else {
            found.append(Unheard(transport: transport, ports: start...end, openings: open))
          }
        }
        let taken =
          heard.filter { $0.transport == transport && ports.contains($0.port) }.map(\.port)
          + (transport == .udp ? builtIn.union([68, 546]).filter { ports.contains($0) } : [])
        var isOver = false
        for port in Set(taken).sorted() {
          add(to: Int(port) - 1)
          if port == .max { isOver = true } else { start = port + 1 }
        }
        if !isOver { add(to: Int(ports.upperBound)) }
      }
    }
    return found
  }
}

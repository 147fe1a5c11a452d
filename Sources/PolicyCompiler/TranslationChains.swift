// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// The chains of `translate`. They open nothing: ingress judges a packet before its destination is translated, and by the
/// port that its sender used.
///
/// Other programs come first in the same hook (Docker is at -100 and 100): what they translate stays theirs, since the
/// first chain that translates a connection decides.
extension RulesetBuilder {
  /// Adds the chains that the machine's translations need; none without translations.
  mutating func addTranslations() {
    let own = site.policy.translations.filter { $0.machine == site.machine.name }
    addDestinations(own)
    addSources(own)
  }

  private func origin(_ translation: Translation, _ reason: String) -> Origin {
    site.origin(translation.location.line, reason)
  }

  private mutating func addDestinations(_ own: [Translation]) {
    var byZone: [String: [Rule]] = [:]
    for translation in own {
      switch translation.kind {
      case .masquerade: continue
      case .forward(let services, let to, let port):
        byZone[translation.over, default: []] += forwardRules(translation, services, to, port)
      case .map(let inside, let outside):
        byZone[translation.over, default: []].append(
          Rule(
            [.address(.destination, .equal, outside)], action: .translate(.prefix(.destination, inside)),
            origin: origin(translation, "\(outside) are the hosts of \(inside)")))
      }
    }
    if byZone.isEmpty { return }
    let rules = dispatch(map: "forwards") { builder, zone in
      let origin = builder.site.origin(zone.line, "zone \(zone.name)")
      guard let rules = byZone[zone.name] else { return (.return, origin) }
      let chain = "forwards-\(zone.identifier)"
      builder.add(RuleChain(name: chain, rules: rules))
      return (.goto(chain: chain), origin)
    }
    // Directly after NF_IP_PRI_NAT_DST (-100).
    add(
      RuleChain(
        name: "translate-destinations",
        base: BaseChain(hook: NFT.hookPrerouting, priority: -99, type: "nat", policy: .accept),
        rules: [loopbackRule] + rules))
  }

  private func forwardRules(
    _ translation: Translation, _ services: [Service], _ to: String, _ port: UInt16?
  ) -> [Rule] {
    guard let receiver = site.machine(named: to) else { return [] }
    let addresses = site.tunnels(shared: site.machine, receiver).flatMap { receiver.addresses(in: $0.name) }
    return services.flatMap { service in
      let origin = origin(translation, "\(service.name) is forwarded to \(to)")
      return AddressFamily.allCases.flatMap { family -> [Rule] in
        guard let address = addresses.first(where: { $0.family == family }) else { return [] }
        return service.ports.compactMap { ported in
          guard case .ports(let transport, let range) = ported else { return nil }
          return Rule(
            [.port(transport, .destination, range), .destinationType(.equal, .local)],
            action: .translate(.destination(address, port: port)), origin: origin)
        }
      }
    }
  }

  private mutating func addSources(_ own: [Translation]) {
    var rules: [Rule] = []
    for (number, translation) in own.enumerated() {
      switch translation.kind {
      case .forward: continue
      case .map(let inside, let outside):
        let origin = origin(translation, "\(inside) are \(outside) over \(translation.over)")
        rules += leaving(over: translation.over).map {
          Rule(
            [.address(.source, .equal, inside)] + $0, action: .translate(.prefix(.source, outside)),
            origin: origin)
        }
      case .masquerade(let sources):
        let chain = "masquerade-\(Identifier.clean(translation.over))-\(number + 1)"
        let origin = origin(
          translation, "\(sources.joined(separator: ", ")) over \(translation.over): this host's address")
        let elsewhere =
          site.zone(named: translation.over)?.kind == .internet
          ? memberships(of: site.homes.homes.flatMap(\.prefixes), .destination, set: "homes") : []
        add(
          RuleChain(
            name: chain,
            rules: elsewhere.map {
              Rule([$0], action: .return, origin: Origin(reason: "not in the internet"))
            }
              + leaving(over: translation.over).map {
                Rule($0, action: .translate(.masquerade), origin: origin)
              }))
        for zone in site.zones where sources.contains(zone.name) {
          rules += arriving(from: zone).map { Rule($0, action: .jump(chain), origin: origin) }
        }
      }
    }
    if rules.isEmpty { return }
    // Directly after NF_IP_PRI_NAT_SRC (100).
    add(
      RuleChain(
        name: "translate-sources",
        base: BaseChain(hook: NFT.hookPostrouting, priority: 101, type: "nat", policy: .accept), rules: rules)
    )
  }

  /// The conditions, each for a rule of its own, that a packet leaves over a zone or tunnel.
  private mutating func leaving(over name: String) -> [[Match]] {
    guard let zone = site.zone(named: name) else { return [] }
    if zone.kind == .internet { return internetMatches(.output) }
    let interfaces = zone.interfaces.map { Match.interface(.output, .equal, $0) }
    guard zone.kind == .network, !zone.prefixes.isEmpty else { return interfaces.map { [$0] } }
    let destinations = memberships(of: zone.prefixes, .destination, set: "home-\(zone.identifier)")
    return interfaces.flatMap { interface in destinations.map { [interface, $0] } }
  }

  /// The conditions that a forwarded packet came from a zone or tunnel.
  private mutating func arriving(from zone: SiteZone) -> [[Match]] {
    if zone.kind == .internet { return internetMatches(.input) }
    let interfaces = zone.interfaces.map { Match.interface(.input, .equal, $0) }
    guard zone.kind == .network, !zone.prefixes.isEmpty else { return interfaces.map { [$0] } }
    let sources = memberships(of: zone.prefixes, .source, set: "home-\(zone.identifier)")
    return interfaces.flatMap { interface in sources.map { [interface, $0] } }
  }
}

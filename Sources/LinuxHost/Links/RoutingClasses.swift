// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Netlink
internal import NetworkModel

/// Addresses of a family that this thread's network namespace routes alike: packets that differ only in which addresses of a
/// class they have, as source or as destination, have the same route.
///
/// The addresses are cut at each prefix of a route in any table, each prefix with which a rule of policy routing compares, each
/// address of an interface, and each block that the kernel's code names. Nothing else tells two addresses apart but the hash of
/// both addresses, by which the kernel takes one of several next hops: see `hasSeveralNextHops`. The input interface, the mark,
/// the protocol and the ports of a packet are not in the classes.
struct RoutingClasses {
  /// The first address of each class, ascending, from 0.
  private let starts: [UInt128]
  /// By class, whether each of its addresses has a route of its own.
  private let areSingle: [Bool]
  /// Whether any route has several next hops: then addresses of a class may differ in the next hop, and in whether the kernel
  /// accepts a source.
  let hasSeveralNextHops: Bool
  /// Whether the kernel looks a destination up in the same way for all packets: no rule selects by anything, no route is only for
  /// some sources, and none has several next hops. Then a packet's source and input interface decide only whether the kernel
  /// accepts it.
  let lookUpDestinationAlone: Bool
  /// Blocks to which this does not apply.
  private let special: [Prefix]

  /// With more routes than these it would take longer to list them than to ask for single addresses.
  static let mostRoutes = 100_000

  /// Reads the routes of a family.
  static func read(_ family: AddressFamily, _ links: LinkTable, _ rules: RoutingRules) throws(HostReadError)
    -> RoutingClasses
  {
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_ROUTE))
    var body = [UInt8](repeating: 0, count: Int(CSYS_RTMSG_SIZE))
    body[0] = family.rawValue
    let what = "listing the routes"
    var count = 0
    let routes = try netlink.dump(what, type: Int(CSYS_RTM_GETROUTE), body: body) {
      (type, payload) throws(HostReadError) -> Route? in
      guard type == Int(CSYS_RTM_NEWROUTE), payload.number(UInt8.self, at: 0) == family.rawValue else {
        return nil
      }
      count += 1
      guard count <= mostRoutes else { throw .tooLarge(what) }
      guard let route = Route(payload, family) else { throw .malformed(what) }
      return route
    }
    let own = links.interfaces.flatMap(\.addresses).flatMap { [Prefix($0.address), $0.network] }
    return RoutingClasses(routes, rules, own.filter { $0.family == family }, family)
  }

  private init(_ routes: [Route], _ rules: RoutingRules, _ own: [Prefix], _ family: AddressFamily) {
    var single = Self.groups(family)
    // Of routes that differ in nothing but their next hop, the kernel takes one by the state of its neighbours.
    var seen: Set<Route.Place> = []
    for route in routes where !route.isCached && !seen.insert(route.place).inserted {
      single.append(route.place.destination)
    }
    // How many blocks of single addresses begin at a cut, less those that end there.
    var cuts: [UInt128: Int] = [0: 0]
    func cut(_ prefix: Prefix, _ step: Int) {
      cuts[prefix.address.bits, default: 0] += step
      if prefix.last != Prefix(containing: prefix.address, length: 0).last {
        cuts[prefix.last.bits + 1, default: 0] -= step
      }
    }
    for prefix in Self.named(family) + rules.prefixes + own + routes.flatMap(\.prefixes) { cut(prefix, 0) }
    for prefix in single { cut(prefix, 1) }
    starts = cuts.keys.sorted()
    var depth = 0
    areSingle = starts.map { start in
      depth += cuts[start] ?? 0
      return depth > 0
    }
    hasSeveralNextHops = routes.contains(where: \.hasSeveralNextHops)
    lookUpDestinationAlone =
      !rules.select && !hasSeveralNextHops && routes.allSatisfy { $0.place.source == nil }
    special = Self.special(family)
  }

  /// Whether the kernel looks up a destination alone, for all packets alike.
  func lookUpAlone(_ destination: IPAddress) -> Bool {
    lookUpDestinationAlone && !areSingle[place(of: destination)]
      && !special.contains { $0.contains(destination) }
  }

  /// The address that stands for the class of an address; the address itself if it has a route of its own.
  func representative(of address: IPAddress) -> IPAddress {
    let place = place(of: address)
    return areSingle[place] ? address : IPAddress(family: address.family, bits: starts[place])
  }

  /// The number of an address's class.
  private func place(of address: IPAddress) -> Int {
    var (low, high) = (0, starts.count)
    while low < high {
      let middle = (low + high) / 2
      if starts[middle] <= address.bits { low = middle + 1 } else { high = middle }
    }
    return low - 1
  }

  /// Multicast groups: which of them an interface receives is not in the routes.
  private static func groups(_ family: AddressFamily) -> [Prefix] {
    [Prefix(family == .ipv4 ? "224.0.0.0/4" : "ff00::/8")].compactMap { $0 }
  }

  /// Destinations that the kernel treats in another way if they arrive than if it sends to them (martians), or which it looks up
  /// on the input interface only (`rt6_need_strict` of `net/ipv6/route.c`).
  private static func special(_ family: AddressFamily) -> [Prefix] {
    let names = family == .ipv4 ? ["0.0.0.0/8", "127.0.0.0/8", "240.0.0.0/4"] : ["::/64", "fe80::/10"]
    return names.compactMap { Prefix($0) }
  }

  /// The blocks that the kernel's code names. Source: `ip_route_input_slow`, `ip_route_output_key_hash_rcu` of
  /// `net/ipv4/route.c`, `linux/in.h`; `__ipv6_addr_type` of `net/ipv6/addrconf_core.c`.
  private static func named(_ family: AddressFamily) -> [Prefix] {
    let names =
      switch family {
      case .ipv4:
        ["0.0.0.0/32", "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "240.0.0.0/4", "255.255.255.255/32"]
      case .ipv6:
        [
          "::/128", "::1/128", "::/96", "::ffff:0:0/96", "::/64", "::/3", "e000::/3", "fc00::/7", "fe80::/10",
          "fec0::/10",
        ]
      }
    return names.compactMap { Prefix($0) }
  }

  /// A route, as far as it tells addresses apart: `struct rtmsg` and its attributes.
  private struct Route {
    /// What at most one route has, unless the state of neighbours decides between several.
    struct Place: Hashable {
      let table: UInt32
      let destination: Prefix
      /// Of IPv6, the sources for which the route is.
      let source: Prefix?
      let serviceType: UInt8
      let priority: UInt32
    }

    let place: Place
    /// Whether it is one destination that was learnt (`RTM_F_CLONED`).
    let isCached: Bool
    let hasSeveralNextHops: Bool

    var prefixes: [Prefix] { [place.destination] + [place.source].compactMap { $0 } }

    /// Nil if the message is too short.
    init?(_ payload: ArraySlice<UInt8>, _ family: AddressFamily) {
      guard let destinationLength = payload.number(UInt8.self, at: 1),
        let sourceLength = payload.number(UInt8.self, at: 2), let type = payload.number(UInt8.self, at: 3),
        var table = payload.number(UInt8.self, at: 4).map(UInt32.init),
        let flags = payload.number(UInt32.self, at: 8)
      else { return nil }
      let any = IPAddress(family: family, bits: 0)
      var (destination, source, priority, isSeveral) = (any, any, UInt32(0), false)
      for (type, value) in AttributeReader(payload.dropFirst(Int(CSYS_RTMSG_SIZE))) {
        switch type {
        case Int(CSYS_RTA_DST): destination = value.address(family, at: 0) ?? any
        case Int(CSYS_RTA_SRC): source = value.address(family, at: 0) ?? any
        case Int(CSYS_RTA_TABLE): table = value.number(UInt32.self, at: 0) ?? table
        case Int(CSYS_RTA_PRIORITY): priority = value.number(UInt32.self, at: 0) ?? 0
        // What is behind an object of next hops is in other messages.
        case Int(CSYS_RTA_MULTIPATH), Int(CSYS_RTA_NH_ID): isSeveral = true
        default: break
        }
      }
      place = Place(
        table: table, destination: Prefix(containing: destination, length: Int(destinationLength)),
        source: sourceLength == 0 ? nil : Prefix(containing: source, length: Int(sourceLength)),
        serviceType: type, priority: priority)
      isCached = flags & UInt32(CSYS_RTM_F_CLONED) != 0
      hasSeveralNextHops = isSeveral
    }
  }
}

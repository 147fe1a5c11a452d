// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink
public import NetworkModel
public import PacketWalk
public import Ruleset

/// The host environment of this thread's network namespace, answered by the kernel itself: its routing table
/// with policy routing, and its interfaces as they were when this value was created.
///
/// The kernel is asked once for all addresses that it routes alike (`RoutingClasses`).
///
/// It is a class because it has a socket and caches the answers. A query is not repeated: create a new value
/// if the routes may have changed. It must be used by the thread that created it.
public final class LiveHostEnvironment: HostEnvironment {
  private let links: LinkTable
  private let names: [UInt32: InterfaceName]
  private var netlink: NetlinkDump
  private var routes: [RouteQuestion: RouteAnswer] = [:]
  /// Questions for the addresses of classes of which each has an answer of its own.
  private var differing: Set<RouteQuestion> = []
  /// By destination, the route of a packet without a source.
  private var destinations: [IPAddress: Destination] = [:]
  /// Whether the kernel accepts packets that arrive.
  private var accepted: [Arrival: Bool] = [:]
  private var sources: [RouteQuestion: IPAddress] = [:]
  private lazy var ipv4 = Routing(.ipv4, links)
  private lazy var ipv6 = Routing(.ipv6, links)
  private var forwarding: [InterfaceName: Bool] = [:]
  private var types: [TypeQuestion: AddressType] = [:]
  /// The IPv6 groups that this host receives, by interface; nil if they cannot be read.
  private lazy var groups = (try? ProcFile.text("/proc/thread-self/net/igmp6")).map {
    IGMPTable.groups(igmp6: $0)
  }

  private lazy var lower = links.lowerInterfaces
  private let state = MatchState()

  /// What decides whether the kernel accepts a packet that arrives, if it looks up the destination alone: `fib_validate_source`
  /// of `net/ipv4/fib_frontend.c`, `__mkroute_input` of `net/ipv4/route.c`.
  private struct Arrival: Hashable {
    let family: AddressFamily
    let source: IPAddress?
    let input: InterfaceName
    let mark: UInt32
    let type: AddressType
    /// Whether it leaves by the interface on which it arrived.
    let goesBack: Bool
  }

  /// The route of a packet without a source, and the answer for one that the kernel accepts.
  private struct Destination {
    let found: Found
    let answer: RouteAnswer
  }

  private struct TypeQuestion: Hashable {
    let address: IPAddress
    let interface: InterfaceName?
  }

  /// Reads the interfaces, and opens a socket for the route queries.
  public init() throws(HostReadError) {
    links = try LinkTable.read()
    names = Dictionary(links.interfaces.map { ($0.index, $0.name) }) { first, _ in first }
    netlink = try NetlinkDump(family: Int(CSYS_NETLINK_ROUTE))
  }

  /// The type of an address. For IPv4 it depends on the host's own addresses (`inet_addr_type`): every other
  /// address is unicast, with or without a route. For IPv6 it is the type of the route.
  public func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? {
    let question = TypeQuestion(address: address, interface: interface)
    if let known = types[question] { return known }
    let type = ask(address, on: interface)
    if let type { types[question] = type }
    return type
  }

  private func ask(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? {
    switch address.family {
    case .ipv4:
      // Of 0.0.0.0/8 only the first address (`ipv4_is_zeronet`, Linux 5.3).
      if address.bits == 0 || address.bits == 0xffff_ffff { return .broadcast }
      if address.bits >> 28 == 0xe { return .multicast }
    case .ipv6:
      if address.bits >> 120 == 0xff { return .multicast }
    }
    if let interface {
      guard let own = links.interfaces.first(where: { $0.name == interface }) else { return .unicast }
      // Each address of 127.0.0.0/8 is one of the loopback interface.
      if own.owns(address) || (interface == .loopback && address.family == .ipv4 && address.bits >> 24 == 127)
      {
        return address.bits == 0x7fff_ffff ? .broadcast : .local
      }
      let isBroadcast = own.addresses.contains {
        address.family == .ipv4 && $0.prefixLength < 31 && $0.address.family == .ipv4
          && $0.network.last == address
      }
      return isBroadcast ? .broadcast : .unicast
    }
    switch lookUp(address).found {
    case .found(let type, _, _):
      return address.family == .ipv4 && type != .local && type != .broadcast ? .unicast : type
    case .nowhere: return address.family == .ipv4 ? .unicast : .unreachable
    case .failed: return nil
    }
  }

  /// The route of a packet: for a packet that arrived, with the checks of its source (`rp_filter`, martians);
  /// for a packet of this host, its output route.
  public func route(_ asked: RouteQuestion) -> RouteAnswer {
    let routing = routing(asked.destination.family)
    guard let rules = routing.rules else { return .unknown }
    var question = asked
    if rules.selectByTransport {
      // The kernel answers a question without a protocol as for UDP, and no question about protocols but these.
      guard let transport = question.transport,
        [IPProtocol.tcp, .udp, .icmp, .icmpv6].contains(transport.number)
      else { return .unknown }
    } else {
      question.transport = nil
    }
    if let answer = groupRoute(question) { return answer }
    let common = routing.representative(of: question)
    let arrival = arrival(common, routing)
    if let arrival, let isAccepted = accepted[arrival.packet] {
      return isAccepted ? arrival.answer : .nowhere
    }
    if !differing.contains(common) {
      if let known = routes[common] { return known }
      let (answer, isCommon) = ask(common)
      routes[common] = answer
      if isCommon {
        if let arrival, answer == arrival.answer || answer == .nowhere {
          accepted[arrival.packet] = answer != .nowhere
        }
        return answer
      }
      differing.insert(common)
    }
    if let known = routes[question] { return known }
    let (answer, _) = ask(question)
    routes[question] = answer
    return answer
  }

  /// What decides whether the kernel accepts the packet of a question for representatives, and the answer if it does; nil if
  /// more than that decides.
  private func arrival(_ question: RouteQuestion, _ routing: Routing) -> (
    packet: Arrival, answer: RouteAnswer
  )? {
    guard let input = question.input, routing.classes?.lookUpAlone(question.destination) == true else {
      return nil
    }
    let destination = lookUp(representative: question.destination)
    guard case .found(let type, let output, _) = destination.found else { return nil }
    let packet = Arrival(
      family: question.destination.family, source: question.source, input: input, mark: question.mark,
      type: type, goesBack: names[output] == input)
    return (packet, destination.answer)
  }

  /// The kernel's answer to a question, and whether it holds for all addresses of the classes of its addresses.
  private func ask(_ question: RouteQuestion) -> (RouteAnswer, isCommon: Bool) {
    let hops = nextHops(question) ?? []
    let isCommon = hops.count == 1 || classes(question.destination.family)?.hasSeveralNextHops == false
    // Of several, the kernel says which one it takes.
    var found = hops.count == 1 ? .found(.unicast, output: hops[0], source: nil) : lookUp(question)
    // The kernel does not answer for output from a source that is not this host's (EINVAL). Only a rule could tell it apart.
    if case .nowhere = found, question.input == nil, let source = question.source,
      addressType(source, on: nil) != .local
    {
      if routing(question.destination.family).rules?.selectBySource ?? true { return (.unknown, isCommon) }
      var open = question
      open.source = nil
      found = lookUp(open)
    }
    // IPv4 answers for the host's forwarding, IPv6 only for its routes.
    if case .found(.unicast, _, _) = found, let input = question.input, question.destination.family == .ipv6,
      !forwards(from: input)
    {
      found = .nowhere
    }
    let answer = answer(found, hops)
    return (answer, isCommon || answer == .local)
  }

  /// What was found, as an answer; `hops` are the next hops of the route, if they are known.
  private func answer(_ found: Found, _ hops: [UInt32]) -> RouteAnswer {
    switch found {
    case .found(.local, _, _), .found(.broadcast, _, _), .found(.multicast, _, _), .found(.anycast, _, _):
      .local
    case .found(_, let index, _):
      names[index].map { outputs(hops, taking: $0) } ?? .unknown
    case .nowhere: .nowhere
    case .failed: .unknown
    }
  }

  /// The interface that the kernel takes, with those of the route's other next hops.
  private func outputs(_ hops: [UInt32], taking name: InterfaceName) -> RouteAnswer {
    var names = [name]
    for index in hops {
      guard let next = self.names[index] else { return .unknown }
      if !names.contains(next) { names.append(next) }
    }
    return names.count == 1 ? .interface(name) : .oneOf(names)
  }

  private func routing(_ family: AddressFamily) -> Routing { family == .ipv4 ? ipv4 : ipv6 }

  /// The addresses of a family that the kernel routes alike; nil if it is asked for each by itself.
  func classes(_ family: AddressFamily) -> RoutingClasses? { routing(family).classes }

  /// Asks the kernel for each address by itself from now on.
  func forgetClasses() { (ipv4.classes, ipv6.classes) = (nil, nil) }

  /// The route of a packet that arrived for an IPv6 group: the kernel delivers it if the interface joined the group, and
  /// does not answer the query (EMSGSIZE). Source: `ip6_mc_input` of `net/ipv6/ip6_input.c`, `ipv6_chk_mcast_addr`.
  private func groupRoute(_ question: RouteQuestion) -> RouteAnswer? {
    guard let input = question.input, question.destination.family == .ipv6,
      question.destination.bits >> 120 == 0xff
    else { return nil }
    guard let groups else { return .unknown }
    return groups[input]?.contains(question.destination) == true ? .local : .nowhere
  }

  /// The interface's index, link type, group and kind.
  public func facts(of interface: InterfaceName) -> InterfaceFacts? {
    links.interfaces.first { $0.name == interface }.map {
      InterfaceFacts(index: $0.index, type: $0.linkType, group: $0.group, kind: $0.kind ?? "")
    }
  }

  /// Whether a list of `recent` has an address.
  public func hasRecent(_ address: IPAddress, in list: String) -> Bool? { state.hasRecent(address, in: list) }

  /// Whether a program listens to a queue.
  public func hasListener(toQueue number: UInt16) -> Bool? { state.hasListener(toQueue: number) }

  /// Whether a packet is in a set of ipset.
  public func isInSet(_ question: IPSetQuestion) -> Bool? { state.isInSet(question) }

  /// Whether a routing rule selects by protocol or port.
  public func routesDependOnTransport(_ family: AddressFamily) -> Bool {
    routing(family).rules?.selectByTransport ?? true
  }

  /// What `IFLA_MASTER` and `IFLA_LINK` say.
  public func lowerInterfaces(of interface: InterfaceName) -> [InterfaceName] { lower[interface] ?? [] }

  /// The only address of the family on the interface that is not link-local. Nil for the loopback interface:
  /// its addresses are valid on this host only, and the kernel uses another interface's address for packets
  /// to other hosts.
  public func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? {
    if interface == .loopback { return nil }
    let own = links.interfaces.first { $0.name == interface }?.addresses.map(\.address).filter {
      $0.family == family && !($0.family == .ipv6 && $0.bits >> 118 == 0x3fa)
    }
    return own?.count == 1 ? own?.first : nil
  }

  /// Whether this host forwards IPv6 packets that arrive on an interface. Source: `ip6_forward` of
  /// `net/ipv6/ip6_output.c`; `force_forwarding` exists since Linux 6.17.
  private func forwards(from input: InterfaceName) -> Bool {
    if let known = forwarding[input] { return known }
    let isForwarding = ["all/forwarding", "\(input)/force_forwarding"].contains { name in
      (try? ProcFile.text("/proc/sys/net/ipv6/conf/\(name)"))?.hasPrefix("0") == false
    }
    forwarding[input] = isForwarding
    return isForwarding
  }

  /// The source address that the kernel takes (`RTA_PREFSRC`): that of the route, or of the interface's addresses the
  /// one that its rules prefer.
  public func sourceAddress(_ question: RouteQuestion) -> IPAddress? {
    if let known = sources[question] { return known }
    guard case .found(_, _, let source?) = lookUp(question) else { return nil }
    sources[question] = source
    return source
  }

  private enum Found: Sendable {
    case found(AddressType, output: UInt32, source: IPAddress?)
    case nowhere
    case failed
  }

  /// `struct rtmsg` and the attributes of a question; nil if its input interface does not exist.
  private func message(_ question: RouteQuestion, flags: UInt32 = 0) -> [UInt8]? {
    let family = question.destination.family
    let width = UInt8(family.bitWidth)
    var body: [UInt8] = [family.rawValue, width, question.source == nil ? 0 : width, 0, 0, 0, 0, 0]
    body.append(number: flags)
    body += AttributeReader.encode(Int(CSYS_RTA_DST), question.destination.bytes)
    if let source = question.source { body += AttributeReader.encode(Int(CSYS_RTA_SRC), source.bytes) }
    if let input = question.input {
      guard let facts = facts(of: input) else { return nil }
      body += AttributeReader.encode(Int(CSYS_RTA_IIF), Self.bytes(facts.index))
    }
    if question.mark != 0 { body += AttributeReader.encode(Int(CSYS_RTA_MARK), Self.bytes(question.mark)) }
    if let transport = question.transport {
      body += AttributeReader.encode(Int(CSYS_RTA_IP_PROTO), [transport.number.number])
      for (type, port) in [
        (CSYS_RTA_SPORT, transport.sourcePort), (CSYS_RTA_DPORT, transport.destinationPort),
      ]
      where port != 0 {
        body += AttributeReader.encode(Int(type), [UInt8(port >> 8), UInt8(port & 0xff)])
      }
    }
    return body
  }

  /// The interfaces of the next hops of the unicast route that applies (`RTM_F_FIB_MATCH`, `RTA_OIF`, or `RTA_MULTIPATH` with
  /// `struct rtnexthop`); nil for everything else.
  private func nextHops(_ question: RouteQuestion) -> [UInt32]? {
    guard let body = message(question, flags: UInt32(CSYS_RTM_F_FIB_MATCH)) else { return nil }
    let found = try? netlink.get(
      "looking up the route to \(question.destination)", type: Int(CSYS_RTM_GETROUTE), body: body
    ) { (type, payload) throws(HostReadError) -> [UInt32]? in
      guard type == Int(CSYS_RTM_NEWROUTE),
        payload.number(UInt8.self, at: 7) == UInt8(AddressType.unicast.rawValue)
      else { return nil }
      var output: UInt32?
      for (type, value) in AttributeReader(payload.dropFirst(Int(CSYS_RTMSG_SIZE))) {
        switch type {
        case Int(CSYS_RTA_MULTIPATH): return Self.interfaces(value)
        case Int(CSYS_RTA_OIF): output = value.number(UInt32.self, at: 0)
        default: break
        }
      }
      return output.map { [$0] }
    }
    return found?.first
  }

  /// The indices in a list of `struct rtnexthop`, each with its attributes.
  static func interfaces(_ hops: ArraySlice<UInt8>) -> [UInt32] {
    var (rest, indices) = (hops, [UInt32]())
    while let length = rest.number(UInt16.self, at: 0), let index = rest.number(UInt32.self, at: 4),
      length >= UInt16(CSYS_RTNEXTHOP_SIZE)
    {
      indices.append(index)
      rest = rest.dropFirst((Int(length) + 3) & ~3)
    }
    return indices
  }

  /// The route of a packet of this host to an address, without a source.
  private func lookUp(_ address: IPAddress) -> Destination {
    let question = RouteQuestion(destination: address, source: nil, input: nil)
    return lookUp(representative: routing(address.family).representative(of: question).destination)
  }

  private func lookUp(representative address: IPAddress) -> Destination {
    if let known = destinations[address] { return known }
    let found = lookUp(RouteQuestion(destination: address, source: nil, input: nil))
    let destination = Destination(found: found, answer: answer(found, []))
    destinations[address] = destination
    return destination
  }

  private func lookUp(_ question: RouteQuestion) -> Found {
    let family = question.destination.family
    guard let body = message(question) else { return .failed }
    do throws(HostReadError) {
      let found = try netlink.get(
        "looking up the route to \(question.destination)", type: Int(CSYS_RTM_GETROUTE), body: body
      ) { (type, payload) throws(HostReadError) -> Found? in
        guard type == Int(CSYS_RTM_NEWROUTE), let kind = payload.number(UInt8.self, at: 7),
          let known = AddressType(rawValue: UInt32(kind))
        else { return nil }
        var (output, source): (UInt32, IPAddress?) = (0, nil)
        for (type, value) in AttributeReader(payload.dropFirst(Int(CSYS_RTMSG_SIZE))) {
          switch type {
          case Int(CSYS_RTA_OIF): output = value.number(UInt32.self, at: 0) ?? 0
          case Int(CSYS_RTA_PREFSRC): source = value.address(family, at: 0)
          default: break
          }
        }
        switch known {
        case .blackhole, .unreachable, .prohibit: return .nowhere
        default: return .found(known, output: output, source: source)
        }
      }
      return found.first ?? .failed
    } catch {
      if case .refused = error { return .nowhere }
      return .failed
    }
  }

  private static func bytes(_ number: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(number: number)
    return bytes
  }
}

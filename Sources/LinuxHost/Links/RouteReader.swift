// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import Netlink
public import NetworkModel

/// Queries the kernel for routes, as it would route a packet of this host now, including policy routing,
/// marks, and the learnt path MTU. Source: `RTM_GETROUTE`, `RTA_METRICS`, `RTAX_MTU` of `linux/rtnetlink.h`.
public enum RouteReader {
  /// The answers. The answer to a query that fails is its failure.
  public static func read(_ asks: Set<RouteAsk>, on host: HostSnapshot) -> [RouteAsk: RouteFact] {
    let names = Dictionary(host.interfaces.map { ($0.index, $0.name) }) { first, _ in first }
    var answers: [RouteAsk: RouteFact] = [:]
    do throws(HostReadError) {
      var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_ROUTE))
      for ask in asks { answers[ask] = answer(ask, names, &netlink) }
    } catch {
      for ask in asks { answers[ask] = .unknown(error.description) }
    }
    return answers
  }

  private static func answer(
    _ ask: RouteAsk, _ names: [UInt32: InterfaceName], _ netlink: inout NetlinkDump
  ) -> RouteFact {
    let family = ask.destination.family
    var body: [UInt8] = [family.rawValue, UInt8(family.bitWidth), 0, 0]
    body += [UInt8](repeating: 0, count: Int(CSYS_RTMSG_SIZE) - body.count)
    body += AttributeReader.encode(Int(CSYS_RTA_DST), ask.destination.bytes)
    if ask.mark != 0 {
      var mark: [UInt8] = []
      mark.append(number: ask.mark)
      body += AttributeReader.encode(Int(CSYS_RTA_MARK), mark)
    }
    let what = "looking up the route to \(ask.destination)"
    do throws(HostReadError) {
      let found = try netlink.get(what, type: Int(CSYS_RTM_GETROUTE), body: body) {
        (type, payload) throws(HostReadError) in
        type == Int(CSYS_RTM_NEWROUTE) ? fact(payload, names) : nil
      }
      return found.first ?? .unknown("\(what): the kernel's answer contains no route")
    } catch .refused(_, let errno, _) where [ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL].contains(errno) {
      // No route, or a route of type "unreachable", "prohibit" or "blackhole".
      return .nowhere
    } catch {
      return .unknown(error.description)
    }
  }

  /// Decodes `struct rtmsg` and its attributes; nil if they are too short.
  static func fact(_ payload: ArraySlice<UInt8>, _ names: [UInt32: InterfaceName]) -> RouteFact? {
    guard let kind = payload.number(UInt8.self, at: 7) else { return nil }
    switch Int(kind) {
    case Int(CSYS_RTN_LOCAL): return .local
    case Int(CSYS_RTN_UNICAST), Int(CSYS_RTN_BROADCAST), Int(CSYS_RTN_MULTICAST), Int(CSYS_RTN_ANYCAST): break
    case _: return .nowhere
    }
    var output: UInt32?
    var mtu: UInt32?
    for (type, value) in AttributeReader(payload.dropFirst(Int(CSYS_RTMSG_SIZE))) {
      switch type {
      case Int(CSYS_RTA_OIF): output = value.number(UInt32.self, at: 0)
      case Int(CSYS_RTA_METRICS):
        mtu = AttributeReader(value).first { $0.type == Int(CSYS_RTAX_MTU) }?.value.number(UInt32.self, at: 0)
      default: break
      }
    }
    guard let output, let name = names[output] else {
      return .unknown("the name of the route's interface is unknown or not usable")
    }
    return .leaves(name, mtu: mtu)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import Netlink
internal import NetworkModel

/// What the rules of policy routing select by, besides destination, mark and interface. Source: `RTM_GETRULE` of
/// `linux/rtnetlink.h`, `FRA_…` of `linux/fib_rules.h`.
struct RoutingRules {
  /// Whether a rule selects by source address.
  private(set) var selectBySource = false
  /// Whether a rule selects by protocol or ports.
  private(set) var selectByTransport = false
  /// Whether a rule selects by anything, so that it does not apply to all packets.
  private(set) var select = false
  /// The prefixes of source and destination addresses by which rules select.
  private(set) var prefixes: [Prefix] = []

  /// Reads the rules of a family in this thread's network namespace.
  static func read(_ family: AddressFamily) throws(HostReadError) -> RoutingRules {
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_ROUTE))
    var body = [UInt8](repeating: 0, count: Int(CSYS_FIB_RULE_HDR_SIZE))
    body[0] = family.rawValue
    var rules = RoutingRules()
    do throws(HostReadError) {
      let found = try netlink.dump("listing the routing rules", type: Int(CSYS_RTM_GETRULE), body: body) {
        (type, payload) throws(HostReadError) in
        type == Int(CSYS_RTM_NEWRULE) ? try Self.selectors(payload, family) : nil
      }
      for (types, prefixes) in found {
        rules.prefixes += prefixes
        if !types.isSubset(of: unselective) { rules.select = true }
        if types.contains(Int(CSYS_FRA_SRC)) { rules.selectBySource = true }
        if !types.isDisjoint(with: [
          Int(CSYS_FRA_IP_PROTO), Int(CSYS_FRA_SPORT_RANGE), Int(CSYS_FRA_DPORT_RANGE),
        ]) {
          rules.selectByTransport = true
        }
      }
    } catch .refused(_, let errno, _) where errno == EOPNOTSUPP {
      // A kernel without policy routing.
    }
    return rules
  }

  /// The attributes of a rule for all packets.
  private static let unselective = [
    CSYS_FRA_PRIORITY, CSYS_FRA_SUPPRESS_PREFIXLEN, CSYS_FRA_TABLE, CSYS_FRA_PROTOCOL,
  ].map { Int($0) }

  /// A type of attribute for the field `tos` of `struct fib_rule_hdr`, which has none.
  private static let serviceType = -1

  /// The attributes of a rule, and the prefixes among them: `struct fib_rule_hdr` has their lengths.
  private static func selectors(_ payload: ArraySlice<UInt8>, _ family: AddressFamily) throws(HostReadError)
    -> (Set<Int>, [Prefix])
  {
    var (types, prefixes): (Set<Int>, [Prefix]) = ([], [])
    for (type, value) in AttributeReader(payload.dropFirst(Int(CSYS_FIB_RULE_HDR_SIZE))) {
      types.insert(type)
      let isDestination = type == Int(CSYS_FRA_DST)
      guard isDestination || type == Int(CSYS_FRA_SRC) else { continue }
      guard let length = payload.number(UInt8.self, at: isDestination ? 1 : 2),
        let address = value.address(family, at: 0)
      else { throw .malformed("listing the routing rules") }
      prefixes.append(Prefix(containing: address, length: Int(length)))
    }
    if payload.number(UInt8.self, at: 3) != 0 { types.insert(serviceType) }
    return (types, prefixes)
  }
}

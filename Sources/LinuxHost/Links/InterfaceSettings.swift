// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Netlink
internal import NetworkModel

/// The settings of an interface that affect packets: XDP programs, and bridges with or without br_netfilter.
/// Source: `IFLA_XDP_*`, `IFLA_BR_NF_CALL_*` of `linux/if_link.h`.
struct InterfaceSettings {
  private let index: UInt32
  /// The id of the XDP program; nil if there is none. 0 if there are several, in hardware and in software.
  private let program: UInt32?
  /// Whether the bridge itself calls the rules; false if the interface is not a bridge.
  private let callsRules: Bool

  /// Searches these interfaces in this thread's network namespace.
  static func blindSpots(_ interfaces: [NetworkInterface]) throws(HostReadError) -> [BlindSpot] {
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_ROUTE))
    let settings = try netlink.dump(
      "listing interfaces", type: Int(CSYS_RTM_GETLINK),
      body: [UInt8](repeating: 0, count: Int(CSYS_IFINFOMSG_SIZE))
    ) { (type, payload) throws(HostReadError) in
      type == Int(CSYS_RTM_NEWLINK) ? InterfaceSettings(payload) : nil
    }
    let byIndex = Dictionary(settings.map { ($0.index, $0) }) { first, _ in first }
    var found: [BlindSpot] = interfaces.compactMap { interface in
      byIndex[interface.index]?.program.map { .expressDataPath(interface.name, program: $0) }
    }
    let ports = Dictionary(grouping: interfaces.filter { $0.master != nil }) { $0.master }
    // A bridge with one port forwards nothing between ports.
    let bridges = interfaces.filter { $0.kind == "bridge" && ports[$0.index, default: []].count > 1 }
    let all = callsRules()
    let through = bridges.filter { all || byIndex[$0.index]?.callsRules == true }.map(\.name)
    let past = bridges.map(\.name).filter { !through.contains($0) }
    if !through.isEmpty { found.append(.bridgedThroughRules(through)) }
    if !past.isEmpty { found.append(.bridgedPastRules(past)) }
    return found
  }

  /// Whether br_netfilter calls the rules of IPv4 or IPv6 for all bridges of this thread's network namespace.
  /// The files exist only if the module is loaded.
  private static func callsRules() -> Bool {
    ["iptables", "ip6tables"].contains {
      (try? ProcFile.bytes("/proc/sys/net/bridge/bridge-nf-call-\($0)"))?.first == UInt8(ascii: "1")
    }
  }

  /// Decodes an `RTM_NEWLINK`; nil if it is too short.
  init?(_ payload: ArraySlice<UInt8>) {
    guard let index = payload.number(UInt32.self, at: 4) else { return nil }
    self.index = index
    var program: UInt32?
    var callsRules = false
    for (type, value) in AttributeReader(payload.dropFirst(Int(CSYS_IFINFOMSG_SIZE))) {
      switch type {
      case Int(CSYS_IFLA_XDP):
        var isAttached = false
        var number: UInt32?
        for (type, value) in AttributeReader(value) {
          switch type {
          case Int(CSYS_IFLA_XDP_ATTACHED): isAttached = value.first ?? 0 != 0
          case Int(CSYS_IFLA_XDP_PROG_ID): number = value.number(UInt32.self, at: 0)
          default: break
          }
        }
        if isAttached { program = number ?? 0 }
      case Int(CSYS_IFLA_LINKINFO):
        guard let data = AttributeReader(value).first(where: { $0.type == Int(CSYS_IFLA_INFO_DATA) }),
          AttributeReader(value).contains(where: {
            $0.type == Int(CSYS_IFLA_INFO_KIND) && $0.value.text == "bridge"
          })
        else { continue }
        callsRules = AttributeReader(data.value).contains {
          [Int(CSYS_IFLA_BR_NF_CALL_IPTABLES), Int(CSYS_IFLA_BR_NF_CALL_IP6TABLES)].contains($0.type)
            && $0.value.first ?? 0 != 0
        }
      default: break
      }
    }
    self.program = program
    self.callsRules = callsRules
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import Netlink
internal import NetworkModel

/// The filters that traffic control runs on every packet of an interface: those of the queueing disciplines
/// `clsact` and `ingress`. The filters of other disciplines only classify what is sent. Source: `struct
/// tcmsg` of `linux/rtnetlink.h`, tc-bpf(8).
enum TrafficControl {
  /// Searches these interfaces in this thread's network namespace.
  static func blindSpots(_ interfaces: [NetworkInterface]) throws(HostReadError) -> [BlindSpot] {
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_ROUTE))
    let disciplines: [(index: UInt32, directions: [BlindSpot.Direction])]
    do throws(HostReadError) {
      disciplines = try netlink.dump(
        "listing queueing disciplines", type: Int(CSYS_RTM_GETQDISC), body: message(interface: 0, parent: 0)
      ) { (_, payload) throws(HostReadError) in
        guard let index = payload.number(UInt32.self, at: 4), let kind = kind(payload) else { return nil }
        switch kind {
        case "clsact": return (index, BlindSpot.Direction.allCases)
        case "ingress": return (index, [.ingress])
        default: return nil
        }
      }
    } catch .refused(_, let errno, _) where errno == EOPNOTSUPP {
      return []  // a kernel without traffic control
    }
    var found: [BlindSpot] = []
    for (index, directions) in disciplines {
      guard let interface = interfaces.first(where: { $0.index == index }) else { continue }
      for direction in directions {
        let parent: UInt32
        switch direction {
        case .ingress: parent = UInt32(truncatingIfNeeded: CSYS_TC_INGRESS)
        case .egress: parent = UInt32(truncatingIfNeeded: CSYS_TC_EGRESS)
        }
        do throws(HostReadError) {
          let filters = try netlink.dump(
            "listing filters of \(interface.name)", type: Int(CSYS_RTM_GETTFILTER),
            body: message(interface: index, parent: parent)
          ) { (_, payload) throws(HostReadError) in filter(payload) }
          if !filters.isEmpty {
            found.append(.trafficControl(interface.name, direction, filters: Set(filters).sorted()))
          }
        } catch .refused(_, let errno, _) where errno == ENOENT || errno == ENODEV || errno == EINVAL {
          continue  // the interface or its discipline was removed in the meantime
        }
      }
    }
    return found
  }

  /// Encodes a `struct tcmsg`.
  private static func message(interface: UInt32, parent: UInt32) -> [UInt8] {
    var body: [UInt8] = [0, 0, 0, 0]
    body.append(number: interface)
    body.append(number: UInt32(0))
    body.append(number: parent)
    body.append(number: UInt32(0))
    return body
  }

  private static func kind(_ payload: ArraySlice<UInt8>) -> String? {
    AttributeReader(payload.dropFirst(Int(CSYS_TCMSG_SIZE))).first { $0.type == Int(CSYS_TCA_KIND) }?.value
      .text
  }

  /// The kind of a filter; for a BPF program with its name.
  static func filter(_ payload: ArraySlice<UInt8>) -> String? {
    guard let kind = kind(payload) else { return nil }
    let name = AttributeReader(payload.dropFirst(Int(CSYS_TCMSG_SIZE))).first {
      $0.type == Int(CSYS_TCA_OPTIONS)
    }
    .flatMap { AttributeReader($0.value).first { $0.type == Int(CSYS_TCA_BPF_NAME) }?.value.text }
    return kind == "bpf" ? name.map { "bpf \($0)" } ?? kind : kind
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink
public import NetworkModel

/// The routes of packets from this thread's network namespace, as the kernel itself decides them.
public struct Routes: Sendable {
  private let links: LinkTable

  /// Creates a value that takes the names of interfaces from this table.
  public init(links: LinkTable) { self.links = links }

  /// Creates a value with a table that is read now.
  public init() throws(HostReadError) { self.init(links: try LinkTable.read()) }

  /// The interface on which packets from an address are expected: the interface over which the kernel would
  /// send the reply (`RTM_GETROUTE`, `RTA_OIF`). `local` is the source of the reply, which policy routing may
  /// use. For an address of this host itself it is `lo`. Nil if there is no route.
  public func interface(towards address: IPAddress, from local: IPAddress? = nil) throws(HostReadError)
    -> InterfaceName?
  {
    let width = UInt8(address.family.bitWidth)
    var body: [UInt8] = [address.family.rawValue, width, local == nil ? 0 : width, 0]
    body += [UInt8](repeating: 0, count: Int(CSYS_RTMSG_SIZE) - body.count)
    body += AttributeReader.encode(Int(CSYS_RTA_DST), address.bytes)
    if let local { body += AttributeReader.encode(Int(CSYS_RTA_SRC), local.bytes) }
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_ROUTE))
    do throws(HostReadError) {
      let found = try netlink.get(
        "looking up the route to \(address)", type: Int(CSYS_RTM_GETROUTE), body: body
      ) {
        (type, payload) throws(HostReadError) in type == Int(CSYS_RTM_NEWROUTE) ? Self.output(payload) : nil
      }
      return found.first.flatMap { links.interface(index: $0)?.name }
    } catch .refused(_, let errno, _) where Self.nowhere.contains(errno) {
      return nil
    }
  }

  /// The kernel's errors if there is no route, or a route of type "prohibit" or "blackhole"; `EINVAL` also if
  /// `local` is not an address of this host.
  private static let nowhere = [ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL]

  /// The interface that has an address.
  public func interface(owning address: IPAddress) -> InterfaceName? {
    links.interfaces.first { $0.owns(address) }?.name
  }

  /// The index of the output interface in `struct rtmsg` and its attributes; nil if the route is neither
  /// unicast nor local.
  static func output(_ payload: ArraySlice<UInt8>) -> UInt32? {
    guard let kind = payload.number(UInt8.self, at: 7),
      [Int(CSYS_RTN_UNICAST), Int(CSYS_RTN_LOCAL)].contains(Int(kind))
    else { return nil }
    return AttributeReader(payload.dropFirst(Int(CSYS_RTMSG_SIZE))).first { $0.type == Int(CSYS_RTA_OIF) }?
      .value.number(UInt32.self, at: 0)
  }
}

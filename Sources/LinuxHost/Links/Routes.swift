// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink
public import NetworkModel

/// The ways that packets take from this thread's network namespace, as the kernel itself decides them.
public struct Routes: Sendable {
  private let links: LinkTable

  /// Routes whose interfaces are named by this table.
  public init(links: LinkTable) { self.links = links }

  /// Routes with a table read now.
  public init() throws(HostReadError) { self.init(links: try LinkTable.read()) }

  /// The interface over which packets from an address are expected: the one that answers to it would leave by
  /// (`RTM_GETROUTE`, `RTA_OIF`). `local` is the answers' source, which policy routing may look at. An address of
  /// this host itself gives `lo`. Nil where there is no route.
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

  /// What the kernel answers where there is no route, or one that is "prohibit" or "blackhole"; the last too where
  /// `local` is not this host's.
  private static let nowhere = [ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL]

  /// The interface that carries an address.
  public func interface(owning address: IPAddress) -> InterfaceName? {
    links.interfaces.first { $0.owns(address) }?.name
  }

  /// The outgoing interface's index in `struct rtmsg` and its attributes; nil where the route leads nowhere.
  static func output(_ payload: ArraySlice<UInt8>) -> UInt32? {
    guard let kind = payload.number(UInt8.self, at: 7),
      [Int(CSYS_RTN_UNICAST), Int(CSYS_RTN_LOCAL)].contains(Int(kind))
    else { return nil }
    return AttributeReader(payload.dropFirst(Int(CSYS_RTMSG_SIZE))).first { $0.type == Int(CSYS_RTA_OIF) }?
      .value.number(UInt32.self, at: 0)
  }
}

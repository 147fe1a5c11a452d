// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink
public import NetworkModel

/// The interfaces and addresses of this thread's network namespace, read by rtnetlink.
/// Source: `RTM_GETLINK`, `RTM_GETADDR` of `linux/rtnetlink.h`, `IFLA_*` of `linux/if_link.h`, `IFA_*` of
/// `linux/if_addr.h`.
public struct LinkTable: Sendable {
  /// The interfaces, by index.
  public let interfaces: [NetworkInterface]
  /// Notes about the interfaces that a policy cannot name.
  public let notes: [HostNote]
  /// The interfaces with an IPv4 address that expires (`ifa_valid` of `struct ifa_cacheinfo`): a DHCP client renews it.
  public let leased: Set<InterfaceName>
  /// The values of `IFLA_LINK` and `IFLA_LINK_NETNSID`, for interfaces that have the former and whose kind
  /// means that the far end carries their packets.
  let farEnds: [FarEnd]

  /// The far end of an interface, in numbers.
  struct FarEnd: Sendable {
    /// The interface.
    let interface: InterfaceName
    /// The kind of the attachment.
    let kind: InterfaceAttachment.Kind
    /// The far end's index in its namespace.
    let index: UInt32
    /// The id that this namespace uses for the far end's namespace; nil if both ends are in the same
    /// namespace.
    let namespaceNumber: UInt32?
  }

  /// Reads all interfaces, then all addresses. Addresses of an interface that is created in between are left
  /// out.
  public static func read() throws(HostReadError) -> LinkTable {
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_ROUTE))
    let links = try netlink.dump(
      "listing interfaces", type: Int(CSYS_RTM_GETLINK),
      body: [UInt8](repeating: 0, count: Int(CSYS_IFINFOMSG_SIZE))
    ) { (type, payload) throws(HostReadError) in
      guard type == Int(CSYS_RTM_NEWLINK) else { return nil as Link? }
      guard let link = Link(payload) else { throw .malformed("listing interfaces") }
      return link
    }
    let addresses = try netlink.dump(
      "listing addresses", type: Int(CSYS_RTM_GETADDR),
      body: [UInt8](repeating: 0, count: Int(CSYS_IFADDRMSG_SIZE))
    ) { (type, payload) throws(HostReadError) in
      type == Int(CSYS_RTM_NEWADDR) ? address(payload) : nil
    }
    return LinkTable(links: links, addresses: Dictionary(grouping: addresses) { $0.index })
  }

  private init(links: [Link], addresses: [UInt32: [Address]]) {
    var interfaces: [NetworkInterface] = []
    var notes: [HostNote] = []
    var farEnds: [FarEnd] = []
    for link in links {
      guard let name = InterfaceName(link.name) else {
        notes.append(.interfaceNameUnusable(link.name, index: link.index))
        continue
      }
      interfaces.append(
        NetworkInterface(
          name: name, index: link.index, addresses: addresses[link.index, default: []].map { $0.address },
          state: link.flags & UInt32(IFF_UP) != 0 ? .up : .down, kind: link.kind,
          linkType: link.type, isLoopback: link.flags & UInt32(IFF_LOOPBACK) != 0, mtu: link.mtu,
          master: link.master, group: link.group))
      if let index = link.farIndex, index != 0, let kind = link.kind.flatMap({ Self.attachments[$0] }) {
        farEnds.append(
          FarEnd(interface: name, kind: kind, index: index, namespaceNumber: link.farNamespace))
      }
    }
    self.interfaces = interfaces.sorted { $0.index < $1.index }
    leased = Set(
      interfaces.filter { interface in
        addresses[interface.index, default: []].contains { $0.expires && $0.address.address.family == .ipv4 }
      }.map(\.name))
    self.notes = notes
    self.farEnds = farEnds
  }

  /// The kinds of interfaces whose packets go to the interface in `IFLA_LINK`.
  private static let attachments: [String: InterfaceAttachment.Kind] = [
    "veth": .pair, "netkit": .pair, "macvlan": .parent, "macvtap": .parent, "ipvlan": .parent,
    "ipvtap": .parent, "vlan": .parent,
  ]

  /// By interface, the devices through which its frames come and go: its members, or its parent in this namespace.
  var lowerInterfaces: [InterfaceName: [InterfaceName]] {
    let names = Dictionary(interfaces.map { ($0.index, $0.name) }, uniquingKeysWith: { first, _ in first })
    var lower: [InterfaceName: [InterfaceName]] = [:]
    for interface in interfaces {
      guard let master = interface.master.flatMap({ names[$0] }) else { continue }
      lower[master, default: []].append(interface.name)
    }
    for far in farEnds where far.kind == .parent && far.namespaceNumber == nil {
      guard let parent = names[far.index] else { continue }
      lower[far.interface, default: []].append(parent)
    }
    return lower
  }

  /// The interface with this index.
  public func interface(index: UInt32) -> NetworkInterface? { interfaces.first { $0.index == index } }

  /// A decoded `RTM_NEWLINK`.
  struct Link {
    let index: UInt32
    let type: UInt16
    let flags: UInt32
    var name = ""
    var kind: String?
    var mtu: UInt32 = 0
    var master: UInt32?
    var group: UInt32 = 0
    var farIndex: UInt32?
    var farNamespace: UInt32?

    /// Decodes `struct ifinfomsg` and its attributes; nil if they are too short.
    init?(_ payload: ArraySlice<UInt8>) {
      guard let type = payload.number(UInt16.self, at: 2), let index = payload.number(UInt32.self, at: 4),
        let flags = payload.number(UInt32.self, at: 8)
      else {
        return nil
      }
      self.type = type
      self.index = index
      self.flags = flags
      for (type, value) in AttributeReader(payload.dropFirst(Int(CSYS_IFINFOMSG_SIZE))) {
        switch type {
        case Int(CSYS_IFLA_IFNAME): name = value.text
        case Int(CSYS_IFLA_MTU): mtu = value.number(UInt32.self, at: 0) ?? 0
        case Int(CSYS_IFLA_GROUP): group = value.number(UInt32.self, at: 0) ?? 0
        case Int(CSYS_IFLA_MASTER): master = value.number(UInt32.self, at: 0)
        case Int(CSYS_IFLA_LINK): farIndex = value.number(UInt32.self, at: 0)
        case Int(CSYS_IFLA_LINK_NETNSID): farNamespace = value.number(UInt32.self, at: 0)
        case Int(CSYS_IFLA_LINKINFO):
          kind = AttributeReader(value).first { $0.type == Int(CSYS_IFLA_INFO_KIND) }?.value.text
        default: break
        }
      }
    }
  }

  /// Decodes `struct ifaddrmsg` and its attributes. On a point-to-point interface `IFA_ADDRESS` is the far
  /// end and `IFA_LOCAL` the own address; otherwise IPv6 has only `IFA_ADDRESS`. Nil for other families.
  static func address(_ payload: ArraySlice<UInt8>) -> Address? {
    guard let number = payload.number(UInt8.self, at: 0), let family = AddressFamily(rawValue: number),
      let length = payload.number(UInt8.self, at: 1), let index = payload.number(UInt32.self, at: 4)
    else { return nil }
    var local: IPAddress?
    var other: IPAddress?
    var valid = UInt32.max
    for (type, value) in AttributeReader(payload.dropFirst(Int(CSYS_IFADDRMSG_SIZE))) {
      switch type {
      case Int(CSYS_IFA_LOCAL): local = value.address(family, at: 0)
      case Int(CSYS_IFA_ADDRESS): other = value.address(family, at: 0)
      case Int(CSYS_IFA_CACHEINFO): valid = value.number(UInt32.self, at: 4) ?? .max
      default: break
      }
    }
    guard let own = local ?? other, let address = InterfaceAddress(own, prefixLength: Int(length)) else {
      return nil
    }
    return Address(index: index, address: address, expires: valid != .max)
  }

  /// A decoded `RTM_NEWADDR`.
  struct Address: Sendable {
    /// The interface's index.
    let index: UInt32
    let address: InterfaceAddress
    /// Whether it is removed after some time unless it is renewed.
    let expires: Bool
  }
}

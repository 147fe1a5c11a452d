// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import Netlink
internal import NetworkModel

/// Reads a device's configuration from the kernel's WireGuard. Source: `WG_CMD_GET_DEVICE` of
/// `linux/wireguard.h`, whose first comment describes the answer.
enum WireGuardNetlink {
  /// A device of this thread's network namespace; nil if the kernel has no WireGuard or no such device. Needs
  /// `CAP_NET_ADMIN`, else it throws `refused` with EPERM.
  static func device(_ name: InterfaceName) throws(HostReadError) -> WireGuardDevice? {
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_GENERIC))
    guard let family = try family("wireguard", &netlink) else { return nil }
    let what = "reading WireGuard device \(name)"
    let body =
      header(command: Int(CSYS_WG_CMD_GET_DEVICE), version: Int(CSYS_WG_GENL_VERSION))
      + AttributeReader.encode(Int(CSYS_WGDEVICE_A_IFNAME), Array(name.description.utf8) + [0])
    do throws(HostReadError) {
      let parts = try netlink.dump(what, type: Int(family), body: body) {
        (type, payload) throws(HostReadError) in
        guard type == Int(family) else { return nil as DevicePart? }
        guard let part = DevicePart(payload.dropFirst(Int(CSYS_GENL_HDRLEN))) else { throw .malformed(what) }
        return part
      }
      return parts.isEmpty ? nil : assemble(parts, name: name)
    } catch .refused(_, ENODEV, _) {
      return nil
    }
  }

  /// The number of a generic netlink family; nil if the kernel has no family of that name.
  private static func family(_ name: String, _ netlink: inout NetlinkDump) throws(HostReadError) -> UInt16? {
    let body =
      header(command: Int(CSYS_CTRL_CMD_GETFAMILY), version: 1)
      + AttributeReader.encode(Int(CSYS_CTRL_ATTR_FAMILY_NAME), Array(name.utf8) + [0])
    do throws(HostReadError) {
      return try netlink.get("looking for netlink family \(name)", type: Int(CSYS_GENL_ID_CTRL), body: body) {
        (_, payload) throws(HostReadError) in
        AttributeReader(payload.dropFirst(Int(CSYS_GENL_HDRLEN)))
          .first { $0.type == Int(CSYS_CTRL_ATTR_FAMILY_ID) }?.value.number(UInt16.self, at: 0)
      }.first
    } catch .refused(_, ENOENT, _) {
      return nil
    }
  }

  /// `struct genlmsghdr` of `linux/genetlink.h`.
  private static func header(command: Int, version: Int) -> [UInt8] {
    [UInt8(truncatingIfNeeded: command), UInt8(truncatingIfNeeded: version), 0, 0]
  }

  /// One message of an answer. The answer for a device with many peers has several messages. A peer with many
  /// addresses continues in the next message, which repeats its key and contains the remaining addresses.
  struct DevicePart {
    var publicKey: WireGuardKey?
    var listenPort: UInt16 = 0
    var firewallMark: UInt32 = 0
    var peers: [PeerBuilder] = []

    /// Decodes the attributes after the generic header; nil if a peer cannot be decoded.
    init?(_ attributes: ArraySlice<UInt8>) {
      for (type, value) in AttributeReader(attributes) {
        switch type {
        case Int(CSYS_WGDEVICE_A_PUBLIC_KEY): publicKey = WireGuardKey(bytes: value)
        case Int(CSYS_WGDEVICE_A_LISTEN_PORT): listenPort = value.number(UInt16.self, at: 0) ?? 0
        case Int(CSYS_WGDEVICE_A_FWMARK): firewallMark = value.number(UInt32.self, at: 0) ?? 0
        case Int(CSYS_WGDEVICE_A_PEERS):
          for (_, nested) in AttributeReader(value) {
            guard let peer = WireGuardNetlink.peer(nested) else { return nil }
            peers.append(peer)
          }
        default: break
        }
      }
    }
  }

  /// Combines the messages of an answer. All messages after the first contain only peers.
  static func assemble(_ parts: [DevicePart], name: InterfaceName) -> WireGuardDevice {
    var peers: [PeerBuilder] = []
    for part in parts {
      for peer in part.peers {
        if let last = peers.indices.last, peers[last].publicKey == peer.publicKey {
          peers[last].allowedIPs += peer.allowedIPs
        } else {
          peers.append(peer)
        }
      }
    }
    let port = parts.lazy.map { $0.listenPort }.first { $0 != 0 }
    return WireGuardDevice(
      name: name, publicKey: parts.lazy.compactMap { $0.publicKey }.first, listenPort: port,
      firewallMark: parts.lazy.map { $0.firewallMark }.first { $0 != 0 } ?? 0, peers: peers.map { $0.peer })
  }

  /// Decodes the attributes of a peer; nil if its key or an address is missing or malformed.
  private static func peer(_ attributes: ArraySlice<UInt8>) -> PeerBuilder? {
    let key = AttributeReader(attributes).first { $0.type == Int(CSYS_WGPEER_A_PUBLIC_KEY) }
    guard let publicKey = key.flatMap({ WireGuardKey(bytes: $0.value) }) else { return nil }
    var peer = PeerBuilder(publicKey: publicKey)
    for (type, value) in AttributeReader(attributes) {
      switch type {
      case Int(CSYS_WGPEER_A_ENDPOINT):
        peer.endpoint = SocketAddress.read(value).map {
          WireGuardEndpoint(address: $0.address, port: $0.port)
        }
      case Int(CSYS_WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL):
        peer.persistentKeepalive = value.number(UInt16.self, at: 0) ?? 0
      case Int(CSYS_WGPEER_A_LAST_HANDSHAKE_TIME):
        // struct __kernel_timespec: 64 bits of seconds, then of nanoseconds.
        peer.latestHandshake = value.number(UInt64.self, at: 0).map { Int64(bitPattern: $0) } ?? 0
      case Int(CSYS_WGPEER_A_RX_BYTES): peer.receivedBytes = value.number(UInt64.self, at: 0) ?? 0
      case Int(CSYS_WGPEER_A_TX_BYTES): peer.sentBytes = value.number(UInt64.self, at: 0) ?? 0
      case Int(CSYS_WGPEER_A_ALLOWEDIPS):
        for (_, nested) in AttributeReader(value) {
          guard let prefix = allowedIP(nested) else { return nil }
          peer.allowedIPs.append(prefix)
        }
      default: break
      }
    }
    return peer
  }

  private static func allowedIP(_ attributes: ArraySlice<UInt8>) -> Prefix? {
    var family: AddressFamily?
    var bytes: ArraySlice<UInt8> = []
    var length: UInt8?
    for (type, value) in AttributeReader(attributes) {
      switch type {
      case Int(CSYS_WGALLOWEDIP_A_FAMILY):
        family = value.number(UInt16.self, at: 0).flatMap { UInt8(exactly: $0) }.flatMap {
          AddressFamily(rawValue: $0)
        }
      case Int(CSYS_WGALLOWEDIP_A_IPADDR): bytes = value
      case Int(CSYS_WGALLOWEDIP_A_CIDR_MASK): length = value.first
      default: break
      }
    }
    guard let family, let length, let address = bytes.address(family, at: 0) else { return nil }
    return Prefix(address: address, length: Int(length))
  }
}

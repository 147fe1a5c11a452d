// SPDX-License-Identifier: GPL-3.0-or-later

/// A live WireGuard interface, without its secrets.
/// Source: `enum wgdevice_attribute` of `linux/wireguard.h`; the cross-platform userspace protocol ("UAPI").
public struct WireGuardDevice: Sendable, Hashable {
  /// Its interface.
  public let name: InterfaceName
  /// Its own public key; nil if it has none, and for userspace implementations, which report only the private
  /// key.
  public let publicKey: WireGuardKey?
  /// The UDP port that it listens on, in host order; nil if it is not up yet.
  public let listenPort: UInt16?
  /// The mark on the packets that it sends; 0 for none.
  public let firewallMark: UInt32
  /// Its peers, in the order of the device.
  public let peers: [WireGuardPeer]

  /// A device from its parts.
  public init(
    name: InterfaceName, publicKey: WireGuardKey?, listenPort: UInt16?, firewallMark: UInt32 = 0,
    peers: [WireGuardPeer]
  ) {
    self.name = name
    self.publicKey = publicKey
    self.listenPort = listenPort
    self.firewallMark = firewallMark
    self.peers = peers
  }
}

/// A peer of a live WireGuard interface.
/// Source: `enum wgpeer_attribute` of `linux/wireguard.h`.
public struct WireGuardPeer: Sendable, Hashable {
  /// Its public key, which identifies it.
  public let publicKey: WireGuardKey
  /// The endpoint from which it was last heard, or the configured one.
  public let endpoint: WireGuardEndpoint?
  /// The source addresses that WireGuard accepts from it.
  public let allowedIPs: [Prefix]
  /// When the last handshake was completed, in seconds since 1970-01-01 UTC; nil if there was none.
  public let latestHandshake: Int64?
  /// Bytes received from it.
  public let receivedBytes: UInt64
  /// Bytes sent to it.
  public let sentBytes: UInt64
  /// Seconds between keepalive packets; 0 for none.
  public let persistentKeepalive: UInt16

  /// A peer from its parts.
  public init(
    publicKey: WireGuardKey, endpoint: WireGuardEndpoint? = nil, allowedIPs: [Prefix] = [],
    latestHandshake: Int64? = nil, receivedBytes: UInt64 = 0, sentBytes: UInt64 = 0,
    persistentKeepalive: UInt16 = 0
  ) {
    self.publicKey = publicKey
    self.endpoint = endpoint
    self.allowedIPs = allowedIPs
    self.latestHandshake = latestHandshake
    self.receivedBytes = receivedBytes
    self.sentBytes = sentBytes
    self.persistentKeepalive = persistentKeepalive
  }
}

/// The address and UDP port at which a WireGuard peer is reached.
public struct WireGuardEndpoint: Sendable, Hashable, CustomStringConvertible {
  /// The address; an IPv4-mapped address is given as IPv4.
  public let address: IPAddress
  /// The port, in host order.
  public let port: UInt16

  /// An endpoint from its parts; an IPv4-mapped address is unmapped.
  public init(address: IPAddress, port: UInt16) {
    self.address = address.unmapped
    self.port = port
  }

  /// Reads `192.0.2.1:51820` or `[2001:db8::1]:51820`; the scope of a link-local address is dropped.
  public init?(_ text: some StringProtocol) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
      return nil
    }
    var host = text[..<colon]
    let bracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if bracketed {
      host = host.dropFirst().dropLast()
      if let scope = host.firstIndex(of: "%") { host = host[..<scope] }
    }
    guard let address = IPAddress(host), (address.family == .ipv6) == bracketed else { return nil }
    self.init(address: address, port: port)
  }

  /// `192.0.2.1:51820` or `[2001:db8::1]:51820`.
  public var description: String { address.family == .ipv4 ? "\(address):\(port)" : "[\(address)]:\(port)" }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import Netlink
internal import NetworkModel

/// Reads a device's configuration from a userspace WireGuard. Source: the cross-platform userspace protocol,
/// www.wireguard.com/xplatform/ ("Configuration Protocol").
enum WireGuardSocket {
  /// The maximum size of an answer in bytes: about 50,000 peers.
  private static let limit = 16 << 20

  /// Sends `get=1` and reads the answer, within `milliseconds` in total. The private keys in the answer are
  /// wiped.
  static func device(_ name: InterfaceName, path: String, milliseconds: Int32 = 1000) throws(HostReadError)
    -> WireGuardDevice
  {
    var exchange: LocalExchange
    do throws(LocalExchange.Failure) {
      exchange = try LocalExchange(
        path, Array("get=1\n\n".utf8), milliseconds: milliseconds, limit: limit, isWhole: ends)
    } catch {
      switch error {
      case .socket(let errno): throw .socket(path, errno: errno)
      case .timedOut: throw .timedOut(path)
      case .tooLarge: throw .tooLarge(path)
      }
    }
    defer { LocalExchange.wipe(&exchange.answer) }
    // The server closed the connection before the end of the answer.
    if case .hungUp = exchange.end { throw .malformed(path) }
    return try parse(exchange.answer[...], name: name)
  }

  /// An answer ends with an empty line.
  private static func ends(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.suffix(2).elementsEqual([UInt8(ascii: "\n"), UInt8(ascii: "\n")])
  }

  /// Parses the lines `KEY=VALUE` of an answer. Unknown keys are skipped, as the protocol requires; private
  /// and preshared keys are never decoded. Throws if a known value is malformed, or if the device answers
  /// with an errno.
  static func parse(_ answer: ArraySlice<UInt8>, name: InterfaceName) throws(HostReadError) -> WireGuardDevice
  {
    var port: UInt16?
    var mark: UInt32 = 0
    var peers: [PeerBuilder] = []
    func number<N: FixedWidthInteger>(_ text: String, _: N.Type = N.self) throws(HostReadError) -> N {
      guard let number = N(text) else { throw .malformed("WireGuard device \(name)") }
      return number
    }
    for line in answer.split(separator: UInt8(ascii: "\n")) {
      guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else {
        throw .malformed("WireGuard device \(name)")
      }
      let key = String(decoding: line[..<equals], as: UTF8.self)
      if key == "private_key" || key == "preshared_key" { continue }
      let value = String(decoding: line[(equals + 1)...], as: UTF8.self)
      if key == "public_key" {
        guard let publicKey = WireGuardKey(hex: value) else { throw .malformed("WireGuard device \(name)") }
        peers.append(PeerBuilder(publicKey: publicKey))
        continue
      }
      switch (key, peers.indices.last) {
      case ("errno", _):
        let code: Int32 = try number(value)
        if code != 0 {
          throw .refused("WireGuard device \(name)", errno: Int32(clamping: code.magnitude), words: nil)
        }
      case ("listen_port", nil): port = try number(value)
      case ("fwmark", nil): mark = try number(value)
      case ("endpoint", let last?):
        guard let endpoint = WireGuardEndpoint(value) else { throw .malformed("WireGuard device \(name)") }
        peers[last].endpoint = endpoint
      case ("allowed_ip", let last?):
        guard let prefix = Prefix(value) else { throw .malformed("WireGuard device \(name)") }
        peers[last].allowedIPs.append(prefix)
      case ("last_handshake_time_sec", let last?): peers[last].latestHandshake = try number(value)
      case ("rx_bytes", let last?): peers[last].receivedBytes = try number(value)
      case ("tx_bytes", let last?): peers[last].sentBytes = try number(value)
      case ("persistent_keepalive_interval", let last?): peers[last].persistentKeepalive = try number(value)
      default: break
      }
    }
    return WireGuardDevice(
      name: name, publicKey: nil, listenPort: port == 0 ? nil : port, firewallMark: mark,
      peers: peers.map { $0.peer })
  }
}

/// A peer while its lines or attributes are decoded.
struct PeerBuilder {
  let publicKey: WireGuardKey
  var endpoint: WireGuardEndpoint?
  var allowedIPs: [Prefix] = []
  /// Seconds since 1970; 0 for never.
  var latestHandshake: Int64 = 0
  var receivedBytes: UInt64 = 0
  var sentBytes: UInt64 = 0
  var persistentKeepalive: UInt16 = 0

  init(publicKey: WireGuardKey) { self.publicKey = publicKey }

  var peer: WireGuardPeer {
    WireGuardPeer(
      publicKey: publicKey, endpoint: endpoint, allowedIPs: allowedIPs,
      latestHandshake: latestHandshake == 0 ? nil : latestHandshake, receivedBytes: receivedBytes,
      sentBytes: sentBytes, persistentKeepalive: persistentKeepalive)
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// The TCP connection of the SSH session in which the user works on this host.
public struct RemoteSession: Sendable, Hashable {
  /// The far end; an IPv4-mapped address is given as IPv4.
  public let client: IPAddress
  /// The far end's port, in host order.
  public let clientPort: UInt16
  /// The interface in the client's address (`fe80::1%eth0`), if it has one.
  public let clientScope: InterfaceName?
  /// This host's end; an IPv4-mapped address is given as IPv4.
  public let server: IPAddress
  /// This host's port, in host order.
  public let serverPort: UInt16

  /// A session from its ends; IPv4-mapped addresses are unmapped.
  public init(
    client: IPAddress, clientPort: UInt16, clientScope: InterfaceName? = nil, server: IPAddress,
    serverPort: UInt16
  ) {
    self.client = client.unmapped
    self.clientPort = clientPort
    self.clientScope = clientScope
    self.server = server.unmapped
    self.serverPort = serverPort
  }

  /// Reads the value of `SSH_CONNECTION` (ssh(1)): client address, client port, server address, server port,
  /// with single spaces. Nil for anything else, and for `UNKNOWN`, which sshd writes if it serves no TCP
  /// connection.
  public init?(sshConnection text: some StringProtocol) {
    let fields = text.split(separator: " ", omittingEmptySubsequences: false)
    guard fields.count == 4, let client = Self.scoped(fields[0]), let server = Self.scoped(fields[2]),
      let clientPort = Self.port(fields[1]), let serverPort = Self.port(fields[3])
    else { return nil }
    self.init(
      client: client.0, clientPort: clientPort, clientScope: client.1, server: server.0,
      serverPort: serverPort)
  }

  private static func scoped(_ text: some StringProtocol) -> (IPAddress, InterfaceName?)? {
    guard let mark = text.firstIndex(of: "%") else { return IPAddress(text).map { ($0, nil) } }
    guard let address = IPAddress(text[..<mark]), address.family == .ipv6,
      let scope = InterfaceName(text[text.index(after: mark)...])
    else { return nil }
    return (address, scope)
  }

  private static func port(_ text: some StringProtocol) -> UInt16? {
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let port = UInt16(text),
      port != 0
    else { return nil }
    return port
  }
}

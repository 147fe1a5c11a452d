// SPDX-License-Identifier: GPL-3.0-or-later

/// The state of a host at one moment, as far as it says what must keep working there. Values only; other modules read
/// them.
public struct ImpactFacts: Sendable {
  /// Its interfaces and listening sockets.
  public var host: HostSnapshot
  /// The name servers that its programs ask (`/etc/resolv.conf`), without those on loopback addresses.
  public var nameServers: [IPAddress] = []
  /// The time servers with which a program has a connected socket.
  public var timeServers: [IPAddress] = []
  /// The interfaces with an IPv4 address that expires unless a DHCP server renews it.
  public var leased: Set<InterfaceName> = []
  /// Its WireGuard devices.
  public var devices: [WireGuardDevice] = []
  /// The administrators' SSH sessions to this host: the caller's own first.
  public var sessions: [AdministratorSession] = []
  /// The bridges that do not only serve guests.
  public var sharedBridges: Set<InterfaceName> = []
  /// The multicast groups that programs joined, by interface.
  public var groups: [InterfaceName: Set<IPAddress>] = [:]
  /// The ports from which the kernel chooses one for a socket (`net.ipv4.ip_local_port_range`).
  public var ephemeralPorts: ClosedRange<UInt16> = 32768...60999
  /// Whether bridged frames pass the rules (`net.bridge.bridge-nf-call-iptables`).
  public var bridgedFrames = BridgedFrames.bypassRules
  /// What could not be read, as sentences.
  public var gaps: [String] = []

  /// Whether the frames that a bridge forwards meet the rules for IP packets.
  public enum BridgedFrames: Sendable, Hashable {
    case bypassRules
    case meetRules
  }

  /// A connection through which an administrator uses this host.
  public struct AdministratorSession: Sendable, Hashable {
    /// The connection.
    public var session: RemoteSession
    /// Whose it is.
    public var owner: Owner

    /// Whether the caller of this program uses the session.
    public enum Owner: Sendable, Hashable {
      case caller
      case other
    }

    /// A session of an owner.
    public init(_ session: RemoteSession, _ owner: Owner) {
      self.session = session
      self.owner = owner
    }
  }

  /// Facts about a host of which only this is known yet.
  public init(host: HostSnapshot) { self.host = host }
}

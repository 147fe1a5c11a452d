// SPDX-License-Identifier: GPL-3.0-or-later

/// A socket that accepts traffic from any sender: a listening TCP or SCTP socket, or a bound UDP socket that
/// is not connected to one peer. Ordered by protocol, port, address, bound interface and inode.
public struct Listener: Sendable, Hashable {
  /// `tcp`, `udp` or `sctp`.
  public let `protocol`: IPProtocol
  /// The address that it listens on; `0.0.0.0` or `::` for every address. An IPv4-mapped address is given as
  /// IPv4.
  public let address: IPAddress
  /// Whether this is a socket on `::` without `IPV6_V6ONLY`: it serves IPv4 too.
  public let isDualStack: Bool
  /// The only interface that it accepts packets from (`SO_BINDTODEVICE`, or the scope of a link-local
  /// address).
  public let boundInterface: InterfaceName?
  /// Its port, in host order.
  public let port: UInt16
  /// The process that owns it; nil for the kernel's own sockets, and if the owner could not be read.
  public let process: ProcessIdentity?
  /// The socket's inode number; 0 for the kernel's own sockets (VXLAN, kernel WireGuard).
  public let inode: UInt32

  /// A listener from its parts.
  public init(
    protocol: IPProtocol, address: IPAddress, isDualStack: Bool = false, boundInterface: InterfaceName? = nil,
    port: UInt16, process: ProcessIdentity? = nil, inode: UInt32 = 0
  ) {
    self.protocol = `protocol`
    self.address = address
    self.isDualStack = isDualStack
    self.boundInterface = boundInterface
    self.port = port
    self.process = process
    self.inode = inode
  }

  /// Whether it listens on every address of its family (of both families if dual-stack).
  public var isWildcard: Bool { address.bits == 0 }

  /// Whether only this host can reach it: its address is a loopback address, or it is bound to `lo`.
  public var isLoopbackOnly: Bool { address.isLoopback || boundInterface == .loopback }

  /// Whether the kernel owns it, not a process.
  public var isKernelSocket: Bool { inode == 0 }

  /// Whether it serves packets of this family.
  public func serves(_ family: AddressFamily) -> Bool { address.family == family || isDualStack }
}

extension Listener: Comparable {
  /// By protocol, port, address, bound interface (none first), inode.
  public static func < (left: Self, right: Self) -> Bool {
    if left.protocol != right.protocol { return left.protocol < right.protocol }
    if left.port != right.port { return left.port < right.port }
    if left.address != right.address { return left.address < right.address }
    if left.boundInterface != right.boundInterface {
      guard let one = left.boundInterface else { return true }
      guard let two = right.boundInterface else { return false }
      return one < two
    }
    return left.inode < right.inode
  }
}

extension IPAddress {
  /// Whether it is in `127.0.0.0/8`, or is `::1`.
  public var isLoopback: Bool { family == .ipv4 ? bits >> 24 == 127 : bits == 1 }

  /// Whether it is valid on one link only: `fe80::/10` (RFC 4291 section 2.5.6), `169.254.0.0/16` (RFC 3927).
  public var isLinkLocal: Bool { family == .ipv6 ? bits >> 118 == 0x3fa : bits >> 16 == 0xa9fe }

  /// The IPv4 address inside an IPv4-mapped one (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2); any other
  /// address unchanged.
  public var unmapped: IPAddress {
    family == .ipv6 && bits >> 32 == 0xffff ? IPAddress(family: .ipv4, bits: bits) : self
  }
}

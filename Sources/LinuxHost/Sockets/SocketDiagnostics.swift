// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink
public import NetworkModel

/// The sockets of this thread's network namespace, as `sock_diag` lists them.
/// Source: `struct inet_diag_req_v2` and `struct inet_diag_msg` of `linux/inet_diag.h`, sock_diag(7).
public struct SocketDiagnostics: Sendable {
  /// One socket, before its owner and its interface's name are known.
  public struct Socket: Sendable, Hashable {
    /// `tcp`, `udp` or `sctp`.
    public let `protocol`: IPProtocol
    /// Its own address. IPv4-mapped addresses are converted to IPv4.
    public let address: IPAddress
    /// Its own port, in host byte order.
    public let port: UInt16
    /// The peer's address. IPv4-mapped addresses are converted to IPv4. All zero if there is none.
    public let remoteAddress: IPAddress
    /// The peer's port, in host byte order; 0 if there is none.
    public let remotePort: UInt16
    /// Whether it is bound to `::` without `IPV6_V6ONLY`.
    public let isDualStack: Bool
    /// The index of the interface that it is bound to; 0 if it is not bound to one.
    public let boundInterface: UInt32
    /// Its inode number; 0 for the kernel's own sockets and for sockets that no process holds any more.
    public let inode: UInt32

    /// The packets that it sends to its peer.
    var sent: FlowTuple {
      FlowTuple(
        source: address, destination: remoteAddress, sourcePort: port, destinationPort: remotePort)
    }
  }

  /// The sockets that accept traffic from any host: listening TCP, bound and unconnected UDP, listening SCTP.
  public let listeners: [Socket]
  /// What could not be read from the kernel.
  public let notes: [HostNote]

  /// Reads the listening sockets of both families. Throws if TCP or UDP cannot be read; for SCTP a note is
  /// added.
  public static func listeners() throws(HostReadError) -> SocketDiagnostics { try listeners(loadedProtocols) }

  /// The same, with the protocols that the kernel has loaded, if they are known already.
  static func listeners(_ loaded: Set<IPProtocol>) throws(HostReadError) -> SocketDiagnostics {
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_SOCK_DIAG))
    var found: [Socket] = []
    var notes: [HostNote] = []
    for family in AddressFamily.allCases {
      try list(.tcp, family, states: [Int(TCP_LISTEN)], &netlink, into: &found)
      try list(.udp, family, states: [Int(TCP_CLOSE)], &netlink, into: &found)
    }
    if loaded.contains(.sctp) {
      do throws(HostReadError) {
        for family in AddressFamily.allCases {
          try list(.sctp, family, states: [Int(TCP_LISTEN)], &netlink, into: &found)
        }
      } catch .refused(_, let errno, _) {
        notes.append(.protocolUnreadable(.sctp, errno: errno))
      }
    } else {
      notes.append(.protocolNotLoaded(.sctp))
    }
    // A socket without a port is not bound.
    found.removeAll { $0.port == 0 }
    return SocketDiagnostics(listeners: found, notes: notes)
  }

  /// Reads the established TCP connections.
  public static func connections() throws(HostReadError) -> [Socket] {
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_SOCK_DIAG))
    var found: [Socket] = []
    for family in AddressFamily.allCases {
      try list(.tcp, family, states: [Int(TCP_ESTABLISHED)], &netlink, into: &found)
    }
    return found
  }

  /// Reads the TCP connections through which data can still arrive, and the connected UDP sockets.
  public static func connected() throws(HostReadError) -> [Socket] { try connected(beside: nil) }

  /// The same; TCP is not asked for if the namespace has no TCP sockets beside these listening ones.
  static func connected(beside listeners: [Socket]?) throws(HostReadError) -> [Socket] {
    let hasTCP = listeners.map(hasTCP) ?? true
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_SOCK_DIAG))
    var found: [Socket] = []
    let open = [TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_FIN_WAIT1, TCP_FIN_WAIT2].map { Int($0) }
    for family in AddressFamily.allCases {
      if hasTCP { try list(.tcp, family, states: open, &netlink, into: &found) }
      try list(.udp, family, states: [Int(TCP_ESTABLISHED)], &netlink, into: &found)
    }
    found.removeAll { $0.port == 0 || $0.remotePort == 0 }
    return found
  }

  /// Whether this thread's namespace has TCP sockets beside these listening ones; true if that is not known. The kernel looks
  /// through the connections of all namespaces to list those of one, but counts them by namespace. Source: `sockstat_seq_show`
  /// of `net/ipv4/proc.c`, `sockstat6_seq_show` of `net/ipv6/proc.c`.
  static func hasTCP(beside listeners: [Socket]) -> Bool {
    var count = 0
    for (file, label) in [("sockstat", "TCP:"), ("sockstat6", "TCP6:")] {
      guard let bytes = try? ProcFile.bytes("/proc/thread-self/net/\(file)"),
        let line = bytes.split(separator: UInt8(ascii: "\n")).first(where: { $0.starts(with: label.utf8) })
      else { return true }
      let words = line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
      guard words.count > 2, words[1] == "inuse", let used = Int(words[2]) else { return true }
      count += used
    }
    return count != listeners.count { $0.protocol == .tcp }
  }

  /// Reads the established TCP connections of these own ports, and the connected UDP sockets of these remote ports. The
  /// kernel leaves out the others.
  static func connected(tcp ports: Set<UInt16>, udpTo remotePorts: Set<UInt16>) throws(HostReadError)
    -> [Socket]
  {
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_SOCK_DIAG))
    var found: [Socket] = []
    let states = [Int(TCP_ESTABLISHED)]
    for family in AddressFamily.allCases {
      for port in ports.sorted() {
        try list(.tcp, family, states: states, port: port, &netlink, into: &found)
      }
      for port in remotePorts.sorted() {
        try list(.udp, family, states: states, remotePort: port, &netlink, into: &found)
      }
    }
    return found
  }

  /// Lists sockets; a port other than 0 selects those that have it (`idiag_sport`, `idiag_dport` of
  /// `struct inet_diag_sockid`).
  private static func list(
    _ proto: IPProtocol, _ family: AddressFamily, states: [Int], port: UInt16 = 0, remotePort: UInt16 = 0,
    _ netlink: inout NetlinkDump, into sockets: inout [Socket]
  ) throws(HostReadError) {
    // NFPROTO_IPV4 and NFPROTO_IPV6 equal AF_INET and AF_INET6.
    var body: [UInt8] = [family.rawValue, proto.number, 0, 0]
    body.append(number: states.reduce(UInt32(0)) { $0 | 1 << UInt32($1) })
    // `struct inet_diag_sockid` begins with both ports, in network order.
    for number in [port, remotePort] { body += [UInt8(number >> 8), UInt8(number & 0xff)] }
    body += [UInt8](repeating: 0, count: Int(CSYS_INET_DIAG_REQ_SIZE) - body.count)
    let what = "listing \(proto) sockets"
    let found = try netlink.dump(what, type: Int(CSYS_SOCK_DIAG_BY_FAMILY), body: body) {
      (_, payload) throws(HostReadError) in
      guard let message = Message(proto, payload) else { throw .malformed(what) }
      return message
    }
    for message in found { message.add(to: &sockets) }
  }

  /// A decoded `struct inet_diag_msg` with its attributes.
  struct Message {
    /// The socket, with the address of the message itself.
    let socket: Socket
    /// All its addresses if it has a list of them: the addresses of an SCTP socket.
    let locals: [IPAddress]

    /// Decodes a message; nil if it is too short or of another family.
    init?(_ proto: IPProtocol, _ payload: ArraySlice<UInt8>) {
      guard let number = payload.number(UInt8.self, at: 0), let family = AddressFamily(rawValue: number),
        let port = payload.networkNumber(UInt16.self, at: 4),
        let remotePort = payload.networkNumber(UInt16.self, at: 6),
        let address = payload.address(family, at: 8), let remote = payload.address(family, at: 24),
        let bound = payload.number(UInt32.self, at: 40), let inode = payload.number(UInt32.self, at: 68)
      else { return nil }
      var isV6Only = false
      var locals: [IPAddress] = []
      for (type, value) in AttributeReader(payload.dropFirst(Int(CSYS_INET_DIAG_MSG_SIZE))) {
        switch type {
        case Int(CSYS_INET_DIAG_SKV6ONLY): isV6Only = value.first ?? 0 != 0
        case Int(CSYS_INET_DIAG_LOCALS):
          locals = stride(from: 0, to: value.count, by: MemoryLayout<sockaddr_storage>.size).compactMap {
            SocketAddress.read(value.dropFirst($0))?.address
          }
        default: break
        }
      }
      self.locals = locals
      socket = Socket(
        protocol: proto, address: address.unmapped, port: port, remoteAddress: remote.unmapped,
        remotePort: remotePort, isDualStack: Self.isDualStack(address, isV6Only), boundInterface: bound,
        inode: inode)
      self.isV6Only = isV6Only
    }

    private let isV6Only: Bool

    private static func isDualStack(_ address: IPAddress, _ isV6Only: Bool) -> Bool {
      address.family == .ipv6 && address.bits == 0 && !isV6Only
    }

    /// Adds its socket, or one socket for each of its addresses.
    func add(to sockets: inout [Socket]) {
      if locals.isEmpty {
        sockets.append(socket)
        return
      }
      for address in locals {
        sockets.append(
          Socket(
            protocol: socket.protocol, address: address.unmapped, port: socket.port,
            remoteAddress: socket.remoteAddress, remotePort: socket.remotePort,
            isDualStack: Self.isDualStack(address, isV6Only), boundInterface: socket.boundInterface,
            inode: socket.inode))
      }
    }
  }

  /// Those of the protocols here that the kernel has loaded, by the first column of `/proc/net/protocols`; all if it cannot be
  /// read. A query by `sock_diag` would load the module. The list is the same in every network namespace.
  static var loadedProtocols: Set<IPProtocol> {
    guard let bytes = try? ProcFile.bytes("/proc/self/net/protocols") else { return [.tcp, .udp, .sctp] }
    let hasSCTP = bytes.split(separator: UInt8(ascii: "\n")).contains {
      $0.prefix { $0 != UInt8(ascii: " ") }.elementsEqual("SCTP".utf8)
    }
    return hasSCTP ? [.tcp, .udp, .sctp] : [.tcp, .udp]
  }
}

/// Socket addresses in the kernel's layout: `struct sockaddr_in` and `sockaddr_in6` of `linux/in.h`,
/// `linux/in6.h`.
enum SocketAddress {
  /// The address, and the port in host byte order; nil for other families and if bytes are missing.
  package static func read(_ bytes: ArraySlice<UInt8>) -> (address: IPAddress, port: UInt16)? {
    guard let family = bytes.number(UInt16.self, at: 0), let port = bytes.networkNumber(UInt16.self, at: 2)
    else {
      return nil
    }
    switch Int(family) {
    case Int(AF_INET): return bytes.address(.ipv4, at: 4).map { ($0, port) }
    case Int(AF_INET6): return bytes.address(.ipv6, at: 8).map { ($0, port) }
    default: return nil
    }
  }
}

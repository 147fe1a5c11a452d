// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset

/// What the walk asks of a host: its routing table and its interfaces. A trace contains the answers that it
/// used. An implementation that does not know an answer returns nil or `.unknown`, and what depends on it is
/// undetermined.
public protocol HostEnvironment {
  /// The type of an address in the routing table (`fib … type`, `addrtype`): for the whole host, or as seen
  /// from one interface.
  func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType?
  /// The route of a packet.
  func route(_ question: RouteQuestion) -> RouteAnswer
  /// The properties of an interface.
  func facts(of interface: InterfaceName) -> InterfaceFacts?
  /// The address that `redirect` and `masquerade` take from an interface; nil if it is not known, or if there
  /// are several.
  func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress?
  /// The source address that this host takes for a packet whose sender did not choose one; nil if it is not known.
  func sourceAddress(_ question: RouteQuestion) -> IPAddress?
  /// The devices through which the frames of an interface come and go: the ports of a bridge, the members of a bond or VRF,
  /// the parent of a VLAN, macvlan or ipvlan. Empty for other interfaces.
  func lowerInterfaces(of interface: InterfaceName) -> [InterfaceName]
  /// Whether routes of a family depend on the protocol and ports of a packet.
  func routesDependOnTransport(_ family: AddressFamily) -> Bool
  /// Whether an address is in a list of the match `recent` (`/proc/net/xt_recent`); nil if it is not known.
  func hasRecent(_ address: IPAddress, in list: String) -> Bool?
  /// Whether a program listens to a queue of packets (`/proc/net/netfilter/nfnetlink_queue`); nil if it is not known.
  func hasListener(toQueue number: UInt16) -> Bool?
  /// Whether a packet is in a set of ipset; nil if it is not known.
  func isInSet(_ question: IPSetQuestion) -> Bool?
}

extension HostEnvironment {
  /// Always nil: for implementations that do not know it.
  public func sourceAddress(_ question: RouteQuestion) -> IPAddress? { nil }
  /// Always empty: for implementations that do not know it.
  public func lowerInterfaces(of interface: InterfaceName) -> [InterfaceName] { [] }
  /// Always false: for implementations that do not use them.
  public func routesDependOnTransport(_ family: AddressFamily) -> Bool { false }

  /// Always nil: for implementations that do not know it.
  public func hasRecent(_ address: IPAddress, in list: String) -> Bool? { nil }

  /// Always nil: for implementations that do not know it.
  public func hasListener(toQueue number: UInt16) -> Bool? { nil }

  /// Always nil: for implementations that do not know it.
  public func isInSet(_ question: IPSetQuestion) -> Bool? { nil }
}

/// A query to the routing table.
public struct RouteQuestion: Sendable, Hashable {
  /// The packet's destination.
  public var destination: IPAddress
  /// The packet's source; nil if it is not known.
  public var source: IPAddress?
  /// The input interface; nil for packets of this host.
  public var input: InterfaceName?
  /// The packet's mark, which policy routing may use.
  public var mark: UInt32
  /// The packet's protocol and ports, which policy routing may use; nil for a look-up without them.
  public var transport: Transport?

  /// A protocol with its ports, in host order; 0 if it has none.
  public struct Transport: Sendable, Hashable {
    /// The protocol.
    public var number: IPProtocol
    /// The source port.
    public var sourcePort: UInt16
    /// The destination port.
    public var destinationPort: UInt16

    /// The protocol and ports of a packet.
    public init(_ packet: Packet) {
      number = packet.transport
      (sourcePort, destinationPort) = (packet.sourcePort, packet.destinationPort)
    }
  }

  /// Creates a query from its parts.
  public init(
    destination: IPAddress, source: IPAddress?, input: InterfaceName?, mark: UInt32 = 0,
    transport: Transport? = nil
  ) {
    self.destination = destination
    self.source = source
    self.input = input
    self.mark = mark
    self.transport = transport
  }
}

/// The answer of the routing table.
public enum RouteAnswer: Sendable, Hashable {
  /// The packet is for this host.
  case local
  /// It goes out through this interface.
  case interface(InterfaceName)
  /// It goes out through one of these interfaces: the route has several next hops. First the one that the kernel takes for the
  /// addresses of the question.
  case oneOf([InterfaceName])
  /// The host drops it: no route, an impossible source, or forwarding is off.
  case nowhere
  /// The answer is not known.
  case unknown
}

extension RouteAnswer {
  /// The interfaces through which it may go out; empty if it does not, or if the answer is not known.
  public var outputs: [InterfaceName] {
    switch self {
    case .interface(let name): [name]
    case .oneOf(let names): names
    case .local, .nowhere, .unknown: []
    }
  }
}

extension RouteAnswer: CustomStringConvertible {
  /// `local`, the name of the interface, `eth0 or eth1`, `nowhere`, or `unknown`.
  public var description: String {
    switch self {
    case .local: "local"
    case .interface(let name): name.description
    case .oneOf(let names): names.map(\.description).joined(separator: " or ")
    case .nowhere: "nowhere"
    case .unknown: "unknown"
    }
  }
}

/// The properties of an interface apart from its name.
public struct InterfaceFacts: Sendable, Hashable {
  /// Its number in the kernel.
  public var index: UInt32
  /// `ARPHRD_…` of `linux/if_arp.h`; nil if not known.
  public var type: UInt16?
  /// Its group (`IFLA_GROUP`); nil if not known.
  public var group: UInt32?
  /// Its kind (`IFLA_INFO_KIND`): `bridge`, `veth`, …; empty for hardware and loopback; nil if not known.
  public var kind: String?

  /// Creates the properties from their parts.
  public init(index: UInt32, type: UInt16? = nil, group: UInt32? = nil, kind: String? = nil) {
    self.index = index
    self.type = type
    self.group = group
    self.kind = kind
  }
}

/// An environment that a packet states itself: the type of its destination, and its output interface.
public struct StatedEnvironment: HostEnvironment, Sendable {
  private let packet: Packet

  /// The environment that the packet states.
  public init(_ packet: Packet) { self.packet = packet }

  /// The type that the packet states for its destination.
  public func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? {
    address == packet.destination && interface == nil ? packet.destinationType : nil
  }

  /// The route that the packet states for its destination.
  public func route(_ question: RouteQuestion) -> RouteAnswer {
    guard question.destination == packet.destination else { return .unknown }
    if packet.destinationType == .local { return .local }
    return packet.output.map(RouteAnswer.interface) ?? .unknown
  }

  /// Always nil: a packet states no properties of interfaces.
  public func facts(of interface: InterfaceName) -> InterfaceFacts? { nil }

  /// Always nil: a packet states no addresses of interfaces.
  public func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? { nil }
}

/// A question to the host: whether a packet is in a set of ipset.
public struct IPSetQuestion: Sendable, Hashable {
  /// Which address, port or interface of the packet a part of an element is compared with.
  public enum Side: Sendable, Hashable { case source, destination }

  /// The kernel's number of the set.
  public let set: UInt16
  /// The side for each part of an element, in order.
  public let sides: [Side]
  /// The packet.
  public let packet: Packet
  /// The input interface at this point of its way; nil if there is none.
  public let input: InterfaceName?
  /// The output interface at this point of its way; nil if there is none.
  public let output: InterfaceName?
  /// Its mark; nil if it is not known.
  public let mark: UInt32?

  /// Creates a question from its parts.
  public init(
    set: UInt16, sides: [Side], packet: Packet, input: InterfaceName?, output: InterfaceName?, mark: UInt32?
  ) {
    (self.set, self.sides, self.packet) = (set, sides, packet)
    (self.input, self.output, self.mark) = (input, output, mark)
  }
}

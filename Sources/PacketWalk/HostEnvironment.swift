// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset

/// What a host answers about the world around a packet: its routing table and its interfaces. The walk asks, and a trace
/// carries the answers that it used. Whoever has no answer says so (nil, `.unknown`), and what hangs on it is
/// undetermined.
public protocol HostEnvironment {
  /// What the routing table says of an address (`fib … type`, `addrtype`): of the host as a whole, or as seen from one
  /// interface.
  func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType?
  /// Where a packet goes.
  func route(_ question: RouteQuestion) -> RouteAnswer
  /// What a name stands for.
  func facts(of interface: InterfaceName) -> InterfaceFacts?
  /// The address that `redirect` and `masquerade` take from an interface; nil where nobody knows, or where it has several.
  func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress?
}

/// What is asked of the routing table.
public struct RouteQuestion: Sendable, Hashable {
  /// Where the packet wants to go.
  public var destination: IPAddress
  /// Where it comes from; nil where that is not known.
  public var source: IPAddress?
  /// The interface by which it came; nil for packets of this host.
  public var input: InterfaceName?
  /// Its mark, which policy routing may look at.
  public var mark: UInt32

  /// A question of these parts.
  public init(destination: IPAddress, source: IPAddress?, input: InterfaceName?, mark: UInt32 = 0) {
    self.destination = destination
    self.source = source
    self.input = input
    self.mark = mark
  }
}

/// What the routing table answers.
public enum RouteAnswer: Sendable, Hashable {
  /// The packet is for this host.
  case local
  /// It leaves by this interface.
  case interface(InterfaceName)
  /// It goes nowhere: no route, a source that cannot be, or forwarding that is off.
  case nowhere
  /// Nobody said.
  case unknown
}

/// What is known of an interface beside its name.
public struct InterfaceFacts: Sendable, Hashable {
  /// Its number in the kernel.
  public var index: UInt32
  /// `ARPHRD_…` of `linux/if_arp.h`; nil where it is not known.
  public var type: UInt16?
  /// Its group (`IFLA_GROUP`); nil where it is not known.
  public var group: UInt32?

  /// Facts of these parts.
  public init(index: UInt32, type: UInt16? = nil, group: UInt32? = nil) {
    self.index = index
    self.type = type
    self.group = group
  }
}

/// The environment of a packet that states its own: the type of its destination, and the interface by which it leaves.
public struct StatedSurroundings: HostEnvironment, Sendable {
  private let packet: Packet

  /// What the packet states.
  public init(_ packet: Packet) { self.packet = packet }

  /// The type that the packet states of its destination.
  public func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? {
    address == packet.destination && interface == nil ? packet.destinationType : nil
  }

  /// The way that the packet states for its destination.
  public func route(_ question: RouteQuestion) -> RouteAnswer {
    guard question.destination == packet.destination else { return .unknown }
    if packet.destinationType == .local { return .local }
    return packet.output.map(RouteAnswer.interface) ?? .unknown
  }

  /// Nothing is stated.
  public func facts(of interface: InterfaceName) -> InterfaceFacts? { nil }

  /// Nothing is stated.
  public func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? { nil }
}

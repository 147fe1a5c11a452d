// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
package import PacketWalk
public import Ruleset

/// The two fields that combine several fields of a packet.
extension PacketSpace {
  /// A packet's protocol and port or type as one number: the protocol number (RFC 791 section 3.1), then 16
  /// bits. These are the destination port of TCP, UDP and SCTP; the type and any byte of ICMP and ICMPv6;
  /// anything for other protocols. So one set can contain `tcp dport 22` and `udp dport 53`.
  public enum Service {
    /// The packets of a protocol to a port.
    public static func number(_ transport: IPProtocol, port: UInt16) -> UInt128 {
      UInt128(transport.number) << 16 | UInt128(port)
    }

    /// The service of a packet.
    package static func number(_ packet: Packet) -> UInt128 {
      let isICMP = packet.transport == .icmp || packet.transport == .icmpv6
      return number(
        packet.transport,
        port: isICMP ? UInt16(packet.icmpType) << 8 : packet.transport.hasPorts ? packet.destinationPort : 0)
    }

    /// An echo request of a family.
    package static func echoRequest(_ family: AddressFamily) -> UInt128 {
      family == .ipv4 ? number(.icmp, port: 8 << 8) : number(.icmpv6, port: 128 << 8)
    }

    /// All packets of a protocol.
    public static func all(_ transport: IPProtocol) -> IntervalSet {
      IntervalSet(number(transport, port: 0), number(transport, port: .max))
    }

    /// The packets of a protocol to these ports.
    public static func ports(_ transport: IPProtocol, _ ports: ClosedRange<UInt16>) -> IntervalSet {
      IntervalSet(number(transport, port: ports.lowerBound), number(transport, port: ports.upperBound))
    }

    /// ICMP or ICMPv6 packets of these types.
    public static func types(_ transport: IPProtocol, _ types: ClosedRange<UInt8>) -> IntervalSet {
      IntervalSet(
        number(transport, port: UInt16(types.lowerBound) << 8),
        number(transport, port: UInt16(types.upperBound) << 8 | 0xff))
    }
  }

  /// What connection tracking knows about a packet. Without a connection it is only the state.
  public struct Connection: Sendable, Hashable {
    /// One state.
    public let state: ConnectionStates
    /// Nil if there is no connection.
    public let direction: ConnectionDirection?
    /// Only the status bits of address translation; nil if there is no connection.
    public let status: ConnectionStatus?

    /// All values. wgfence's rules test no other status bits.
    public static let all: [Connection] =
      [ConnectionStates.established, .related, .new].flatMap { state in
        [ConnectionDirection.original, .reply].flatMap { direction in
          [[], .sourceNAT, .destinationNAT, [.sourceNAT, .destinationNAT]].map { (status: ConnectionStatus) in
            Connection(state: state, direction: direction, status: status)
          }
        }
      } + [.invalid, .untracked].map { Connection(state: $0, direction: nil, status: nil) }

    private init(state: ConnectionStates, direction: ConnectionDirection?, status: ConnectionStatus?) {
      self.state = state
      self.direction = direction
      self.status = status
    }

    init(_ packet: Packet) {
      let isTracked = packet.state.isDisjoint(with: [.invalid, .untracked])
      state = packet.state
      direction = isTracked ? packet.direction : nil
      status = isTracked ? packet.status.intersection([.sourceNAT, .destinationNAT]) : nil
    }

    /// The indices in `all` that meet a condition.
    public static func set(where condition: (Connection) -> Bool) -> IntervalSet {
      IntervalSet(all.indices.filter { condition(all[$0]) }.map { UInt128($0) })
    }
  }
}

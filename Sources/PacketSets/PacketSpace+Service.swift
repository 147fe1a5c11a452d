// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
package import PacketWalk
public import Ruleset

/// The two fields that hold more than one of a packet's.
extension PacketSpace {
  /// A packet's protocol and what it goes to as one number: the protocol's number (RFC 791 section 3.1), then 16 bits,
  /// which are the destination port of TCP, UDP and SCTP, the type and any byte of ICMP and ICMPv6, and anything of
  /// others. So one set says `tcp dport 22` and `udp dport 53` at once.
  public enum Service {
    /// The packets of a protocol to a port.
    public static func number(_ transport: IPProtocol, port: UInt16) -> UInt128 {
      UInt128(transport.number) << 16 | UInt128(port)
    }

    /// What a packet goes to.
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

    /// The packets of a protocol with ports to these.
    public static func ports(_ transport: IPProtocol, _ ports: ClosedRange<UInt16>) -> IntervalSet {
      IntervalSet(number(transport, port: ports.lowerBound), number(transport, port: ports.upperBound))
    }

    /// ICMP or ICMPv6 of these types.
    public static func types(_ transport: IPProtocol, _ types: ClosedRange<UInt8>) -> IntervalSet {
      IntervalSet(
        number(transport, port: UInt16(types.lowerBound) << 8),
        number(transport, port: UInt16(types.upperBound) << 8 | 0xff))
    }
  }

  /// What conntrack knows of a packet. Of one without a connection it knows nothing but that.
  public struct Connection: Sendable, Hashable {
    /// One state.
    public let state: ConnectionStates
    /// Nil where there is no connection.
    public let direction: ConnectionDirection?
    /// Of its bits those of address translation; nil where there is no connection.
    public let status: ConnectionStatus?

    /// All there are. No rule of ours asks for another bit of the status.
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

    /// The places of those that meet a condition.
    public static func set(where condition: (Connection) -> Bool) -> IntervalSet {
      IntervalSet(all.indices.filter { condition(all[$0]) }.map { UInt128($0) })
    }
  }
}

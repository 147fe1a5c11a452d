// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import PacketSets
internal import PolicyLanguage
package import Ruleset

/// Who reaches what through one machine's table: all first packets of flows that the table accepts, as packet
/// spaces.
package struct MachineReach: Sendable {
  /// To the machine itself, by input, source and service.
  package let arrivals: [PacketSpace]
  /// Through the machine, by input, output, source, destination and service.
  package let passages: [PacketSpace]
  /// From the machine, by output, destination and service.
  package let departures: [PacketSpace]

  /// Nothing is reachable.
  package static let nothing = MachineReach(arrivals: [], passages: [], departures: [])

  private init(arrivals: [PacketSpace], passages: [PacketSpace], departures: [PacketSpace]) {
    self.arrivals = arrivals
    self.passages = passages
    self.departures = departures
  }

  /// What a table accepts; without a table, everything. `tunnelPorts` are the ports of WireGuard, from which other programs
  /// do not send.
  package init(_ table: KernelTable?, tunnelPorts: IntervalSet = .empty) {
    let walk = SpaceWalk(table ?? KernelTable(family: NFT.familyInet, name: ""))
    let notLoopback = IntervalSet(0, .max).subtracting(IntervalSet(PacketSpace.number(.loopback)))
    func accepted(_ spaces: [PacketSpace], _ hook: UInt32) -> [PacketSpace] {
      walk.ends(of: spaces, hook: hook, .accepted).map(\.space)
    }
    func first(_ input: PacketSpace.Presence, _ output: PacketSpace.Presence, _ type: AddressType)
      -> [PacketSpace]
    {
      AddressFamily.allCases.compactMap { family in
        PacketSpace(family, input: input, output: output).narrowed(
          Self.firstPacket + [
            (.destinationType, IntervalSet(UInt128(type.rawValue))),
            input == .present ? (.input, notLoopback) : (.output, notLoopback),
            (.service, Self.services(family)),
          ])
      }
    }
    // The verdicts of the later hooks depend on few fields: compute them once, not for each class behind
    // ingress.
    let local = first(.present, .absent, .local)
    arrivals = Self.projected(
      Self.crossed(accepted(local, NFT.hookPrerouting), accepted(local, NFT.hookInput)),
      [.input, .source, .service])
    let through = accepted(
      accepted(first(.present, .present, .unicast), NFT.hookForward), NFT.hookPostrouting)
    // Behind ingress a packet also has an output.
    let arriving = PacketSpace.Field.allCases.filter { $0 != .output }
    let routed = accepted(first(.present, .absent, .unicast), NFT.hookPrerouting).map { $0.keeping(arriving) }
    passages = Self.projected(
      Self.crossed(routed, through), [.input, .output, .source, .destination, .service])
    // DHCP clients always send: RFC 2131 section 4.1, RFC 8415 section 7.2.
    let own = tunnelPorts.union(IntervalSet([68, 546] as [UInt128]))
    let sent = first(.absent, .present, .unicast).compactMap { $0.narrowed(.sourcePort, outside: own) }
    departures = Self.projected(
      accepted(accepted(sent, NFT.hookOutput), NFT.hookPostrouting),
      [.output, .destination, .service])
  }

  /// The services of a family. Each family has its own ICMP, and no host answers that of the other.
  package static func services(_ family: AddressFamily) -> IntervalSet {
    IntervalSet(0, .max).subtracting(PacketSpace.Service.all(family == .ipv4 ? .icmpv6 : .icmp))
  }

  /// The conditions of the first packet of a flow. The source ports of DHCP servers (RFC 2131 section 4.1,
  /// RFC 8415 section 7.2) are excluded: every compiled ruleset accepts their answers, and other programs do
  /// not send from them.
  static let firstPacket: [(PacketSpace.Field, IntervalSet)] = [
    (
      .connection,
      PacketSpace.Connection.set { $0.state == .new && $0.direction == .original && $0.status == [] }
    ),
    // Only this host's own rules set the tag.
    (.tag, IntervalSet(0)),
    // Of FIN, SYN, RST and ACK, only SYN is set. Other flags may be set (RFC 3168 section 6.1.1).
    (.tcpFlags, IntervalSet((0...0xff as ClosedRange<UInt128>).filter { $0 & 0x17 == 2 })),
    (.sourcePort, IntervalSet(0, 0xffff).subtracting(IntervalSet([67, 547] as [UInt128]))),
  ]

  /// The packets that are in both.
  private static func crossed(_ many: [PacketSpace], _ few: [PacketSpace]) -> [PacketSpace] {
    var result: [PacketSpace] = []
    for one in many { for two in few { if let both = one.intersection(two) { result.append(both) } } }
    return result
  }

  /// Removes all fields except these: a class remains if a packet with any values of the other fields exists.
  private static func projected(_ spaces: [PacketSpace], _ fields: [PacketSpace.Field]) -> [PacketSpace] {
    PacketSpace.coalesced(spaces.map { $0.keeping(fields) })
  }
}

extension KernelTable {
  /// Whether both have the same rules and sets, compared literally. Comments, handles and the table's name
  /// are ignored.
  package func behaves(like other: KernelTable) -> Bool {
    guard chains.count == other.chains.count, sets.count == other.sets.count, flags == other.flags else {
      return false
    }
    return zip(chains, other.chains).allSatisfy { one, two in
      one.name == two.name && one.base == two.base && one.rules.count == two.rules.count
        && zip(one.rules, two.rules).allSatisfy { $0.expressions == $1.expressions }
    } && zip(sets, other.sets).allSatisfy { $0.declaresSame(as: $1) && $0.elements == $1.elements }
  }
}

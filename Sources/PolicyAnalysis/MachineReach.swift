// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PolicyLanguage
internal import Ruleset

/// Who reaches what through one machine's table: the first packets of flows that it lets pass, all of them, as classes.
struct MachineReach: Sendable {
  /// For the machine itself: input, source and service count.
  package let arrivals: [PacketSpace]
  /// Through it: input, output, source, destination and service count.
  let passages: [PacketSpace]
  /// From it: output, destination and service count.
  let departures: [PacketSpace]

  /// Nobody reaches anything.
  static let nothing = MachineReach(arrivals: [], passages: [], departures: [])

  private init(arrivals: [PacketSpace], passages: [PacketSpace], departures: [PacketSpace]) {
    self.arrivals = arrivals
    self.passages = passages
    self.departures = departures
  }

  /// What a table lets pass; of no table at all, everything.
  init(_ table: KernelTable?) {
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
          Self.opening + [
            (.destinationType, IntervalSet(UInt128(type.rawValue))),
            input == .present ? (.input, notLoopback) : (.output, notLoopback),
            (.service, Self.services(family)),
          ])
      }
    }
    // What the later hooks let pass hangs on few things: it is worked out once, not for each way through ingress.
    let local = first(.present, .absent, .local)
    arrivals = Self.projected(
      Self.crossed(accepted(local, NFT.hookPrerouting), accepted(local, NFT.hookInput)),
      [.input, .source, .service])
    let through = accepted(
      accepted(first(.present, .present, .unicast), NFT.hookForward), NFT.hookPostrouting)
    // After ingress a packet has an output too.
    let arriving = PacketSpace.Field.allCases.filter { $0 != .output }
    let routed = accepted(first(.present, .absent, .unicast), NFT.hookPrerouting).map { $0.keeping(arriving) }
    passages = Self.projected(
      Self.crossed(routed, through), [.input, .output, .source, .destination, .service])
    departures = Self.projected(
      accepted(accepted(first(.absent, .present, .unicast), NFT.hookOutput), NFT.hookPostrouting),
      [.output, .destination, .service])
  }

  /// Either family has an ICMP of its own, and no host answers the other's.
  package static func services(_ family: AddressFamily) -> IntervalSet {
    IntervalSet(0, .max).subtracting(PacketSpace.Service.all(family == .ipv4 ? .icmpv6 : .icmp))
  }

  /// What makes a packet the first of its flow. Answers of DHCP servers (RFC 2131 section 4.1, RFC 8415 section 7.2), which
  /// every host of ours takes, come from ports that nobody else sends from.
  static let opening: [(PacketSpace.Field, IntervalSet)] = [
    (
      .connection,
      PacketSpace.Connection.set { $0.state == .new && $0.direction == .original && $0.status == [] }
    ),
    // Of FIN, SYN, RST and ACK the SYN alone; others may be set (RFC 3168 section 6.1.1).
    (.tcpFlags, IntervalSet((0...0xff as ClosedRange<UInt128>).filter { $0 & 0x17 == 2 })),
    (.sourcePort, IntervalSet(0, 0xffff).subtracting(IntervalSet([67, 547] as [UInt128]))),
  ]

  /// What is in both.
  private static func crossed(_ many: [PacketSpace], _ few: [PacketSpace]) -> [PacketSpace] {
    var result: [PacketSpace] = []
    for one in many { for two in few { if let both = one.intersection(two) { result.append(both) } } }
    return result
  }

  /// Whether there is such a packet, whatever its other fields.
  private static func projected(_ spaces: [PacketSpace], _ fields: [PacketSpace.Field]) -> [PacketSpace] {
    PacketSpace.coalesced(spaces.map { $0.keeping(fields) })
  }
}

extension KernelTable {
  /// Whether both do the same to every packet, word by word: comments, handles and the table's name do not count.
  func behaves(like other: KernelTable) -> Bool {
    guard chains.count == other.chains.count, sets.count == other.sets.count, flags == other.flags else {
      return false
    }
    return zip(chains, other.chains).allSatisfy { one, two in
      one.name == two.name && one.base == two.base && one.rules.count == two.rules.count
        && zip(one.rules, two.rules).allSatisfy { $0.expressions == $1.expressions }
    } && zip(sets, other.sets).allSatisfy { $0.declaresSame(as: $1) && $0.elements == $1.elements }
  }
}

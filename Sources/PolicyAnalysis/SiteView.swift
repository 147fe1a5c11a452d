// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PacketSets
public import PolicyLanguage
public import Ruleset
public import PacketWalk

/// A machine of a policy with its compiled ruleset. It evaluates packets.
public struct SiteView: Sendable {
  /// The whole policy.
  public let policy: Policy
  /// The machine whose ruleset evaluates packets.
  public let machine: Machine
  /// The machine's zones, tunnels first, `internet` last.
  public let zones: [SiteZone]
  /// The ruleset of the machine.
  public let ruleset: Ruleset
  /// The ruleset as a table, in the kernel's form.
  public let table: KernelTable
  private let walk: PacketWalk
  private let counters: [String: NamedCounter]
  /// The homes of source addresses.
  let homes: AddressHomes
  package let live: LiveFacts

  /// Creates a view of a machine. The ruleset must be the one that the policy compiles to for it. If `table`
  /// is given, it replaces the table that the ruleset is lowered to.
  public init(
    policy: Policy, machine: Machine, ruleset: Ruleset, table: KernelTable? = nil,
    live: LiveFacts = LiveFacts()
  ) {
    self.live = live
    self.policy = policy
    self.machine = machine
    self.ruleset = ruleset
    zones = SiteZone.zones(of: machine, in: policy)
    homes = AddressHomes(on: machine, tunnels: policy.tunnels, machines: policy.machines)
    self.table = table ?? Lowering.table(ruleset)
    walk = PacketWalk([self.table])
    counters = Dictionary(ruleset.counters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The zone of this name.
  public func zone(named name: String) -> SiteZone? { zones.first { $0.name == name } }

  /// The zone that an interface belongs to.
  public func zone(of interface: InterfaceName) -> SiteZone? {
    zones.zone(of: interface, sharedBridges: live.sharedBridges)
  }

  /// The zone of a packet that arrived on an interface. On an interface of a zone with prefixes, a source
  /// outside them belongs to `internet`.
  public func zone(of interface: InterfaceName, from source: IPAddress) -> SiteZone? {
    guard let zone = zone(of: interface), zone.kind == .network, !zone.prefixes.isEmpty else {
      return zone(of: interface)
    }
    let isOwn = zone.prefixes.contains { $0.contains(source) } || LinkAddress.isOfLink(source)
    return isOwn ? zone : zones.first { $0.kind == .internet }
  }

  /// The interfaces on which packets of a zone arrive. If no interface is left for `internet`, its packets
  /// arrive on the interfaces of zones with prefixes.
  package func interfaces(of zone: SiteZone, among all: [NetworkInterface]) -> [NetworkInterface] {
    let own = all.filter { self.zone(of: $0.name)?.name == zone.name }
    guard own.isEmpty, zone.kind == .internet else { return own }
    return all.filter { interface in
      self.zone(of: interface.name).map { $0.kind == .network && !$0.prefixes.isEmpty } ?? false
    }
  }

  /// The zones that are the home of a prefix; for a prefix without a home, `internet` and every network zone
  /// without prefixes. The zone of containers is never a home: containers may send from any address.
  func zones(of prefix: Prefix) -> [SiteZone] {
    if let home = homes.home(of: prefix) {
      return zones.filter { $0.kind != .containers && home.zones.contains($0.name) }
    }
    return zones.filter {
      $0.kind == .internet || ($0.kind == .network && $0.prefixes.isEmpty && prefix.length > 0)
    }
  }

  /// A possible interface name of a zone.
  public func interface(of zone: SiteZone) -> InterfaceName? {
    switch zone.interfaces.first {
    case .exact(let name): return name
    case .beginning(let start): return InterfaceName("\(start)0") ?? start
    case nil:
      let names =
        (0..<16).compactMap { InterfaceName("eth\($0)") } + [InterfaceName("internet")].compactMap { $0 }
      return names.first { name in self.zone(of: name)?.kind == .internet }
    }
  }

  /// The packet with the expected link types of its interfaces, if it has none.
  private func linked(_ packet: Packet) -> Packet {
    func type(_ interface: InterfaceName?) -> LinkType? {
      interface.flatMap { zone(of: $0) }.map { $0.kind == .tunnel ? .linkless : .ethernet }
    }
    var packet = packet
    packet.inputType = packet.inputType ?? type(packet.input)
    packet.outputType = packet.outputType ?? type(packet.output)
    return packet
  }

  /// Walks a packet that is for this host.
  public func arrival(_ packet: Packet) -> Trace {
    walk.trace(linked(packet), hooks: [NFT.hookPrerouting, NFT.hookInput])
  }

  /// Walks a packet that this host forwards: at prerouting, then at forward and postrouting.
  public func passage(_ packet: Packet, to output: InterfaceName) -> Trace {
    var arriving = packet
    arriving.output = nil
    let trace = walk.trace(linked(arriving), hooks: [NFT.hookPrerouting])
    guard trace.verdict == .accept else { return trace }
    var leaving = packet
    leaving.output = output
    return trace.followed(by: walk.trace(linked(leaving), hooks: [NFT.hookForward, NFT.hookPostrouting]))
  }

  /// Walks a packet that this host sends on an interface.
  public func departure(_ packet: Packet, by output: InterfaceName) -> Trace {
    var leaving = packet
    leaving.input = nil
    leaving.output = output
    leaving.destinationType = .unicast
    return walk.trace(linked(leaving), hooks: [NFT.hookOutput, NFT.hookPostrouting])
  }

  /// The line of the policy that decided, or `built in` if no line did.
  public func because(_ trace: Trace) -> String {
    if let counter = decidingCounter(trace) { return counter.origin.place }
    return TraceWords.because(trace)
  }

  /// The reason for the verdict, in words.
  public func reason(_ trace: Trace) -> String {
    let counter = decidingCounter(trace)
    // A packet that a temporary grant accepted is counted only in its counter.
    if case .counted? = TraceWords.deciding(trace)?.outcome {
      for case .opened(let comment) in trace.steps.reversed().map(\.outcome) {
        return "temporary grant by \(comment)"
      }
    }
    return counter?.origin.reason ?? TraceWords.reason(trace)
  }

  /// The counter of the step that decided.
  private func decidingCounter(_ trace: Trace) -> NamedCounter? {
    guard case .counted(let name)? = TraceWords.deciding(trace)?.outcome else { return nil }
    return counters[name]
  }

  /// What decided a trace: the counter, its lines in the policy, and its reason.
  struct Decision {
    /// The counter's name; empty if no rule counted the packet.
    let counter: String
    /// The lines of the policy; empty for a built-in rule.
    let lines: [Int]
    /// The reason, in a few words.
    let reason: String
    /// Why the packet was dropped; nil if no counter of drops counted it.
    let cause: DropCause?
  }

  /// What decided a trace: the drop counter of a refused packet, the grant's counter of an accepted one.
  func decision(_ trace: Trace) -> Decision {
    let counted = trace.steps.last { if case .counted = $0.outcome { true } else { false } }
    if case .counted(let name)? = counted?.outcome, let counter = counters[name] {
      return Decision(
        counter: name, lines: counter.origin.lines, reason: counter.origin.reason,
        cause: counter.purpose.cause)
    }
    return Decision(counter: "", lines: [], reason: reason(trace), cause: nil)
  }

  /// Whether a grant of the policy accepted the packet of a trace.
  public func isGranted(_ trace: Trace) -> Bool {
    guard trace.verdict == .accept, case .counted(let name)? = trace.deciding?.outcome else { return false }
    return counters[name]?.purpose == .grant
  }

  /// Example addresses in a zone that the policy does not name, one for each family that the zone can have.
  public func anyone(in zone: SiteZone) -> [IPAddress] {
    if let tunnel = policy.tunnel(named: zone.name), zone.kind == .tunnel {
      return AddressFamily.allCases.compactMap { family in
        let own = tunnel.prefixes.filter { $0.family == family }
        let machines = Set(policy.machines.flatMap { $0.addresses(in: tunnel.name) })
        // Hosts count from 1; the last address may be that of broadcasts.
        let last = own.lazy.flatMap { prefix in
          [
            prefix.last.bits - (prefix.length < family.bitWidth - 1 ? 1 : 0), prefix.last.bits,
            prefix.address.bits,
          ]
        }.map { IPAddress(family: family, bits: $0) }
        return last.first { !machines.contains($0) } ?? last.first
      }
    }
    if !zone.prefixes.isEmpty {
      return AddressFamily.allCases.compactMap { family in
        zone.prefixes.first { $0.family == family }.map { prefix in
          // Neither the network address nor the usual address of a router.
          IPAddress(family: family, bits: prefix.address.bits + (prefix.last.bits - prefix.address.bits) / 2)
        }
      }
    }
    return AddressFamily.allCases.compactMap { family in Self.strangers(family).first { !isNamed($0) } }
  }

  /// Addresses that stand for those of the internet. Ordinary ones first, far from each other: rules often drop sources in
  /// reserved ranges, such as 198.18.0.0/15 and 2001:db8::/32 (RFC 6890).
  package static func strangers(_ family: AddressFamily) -> [IPAddress] {
    let candidates: [UInt128] =
      family == .ipv4
      ? [0x2d42_4d58, 0x5b5c_5d5e, 0x8384_8586, 0xb9ba_bbbc, 0x0909_0909, 0x0b00_0001, 0xc612_0001]
      : [0x2a05_4d58 << 96 | 1, 0x2607_5d5e << 96 | 1, 0x2400_8586 << 96 | 1, 0x2620_00fe << 96 | 9]
    return candidates.map { IPAddress(family: family, bits: $0) }
  }

  /// Whether a prefix in the policy contains the address.
  package func isNamed(_ address: IPAddress) -> Bool {
    policy.tunnels.contains { $0.prefixes.contains { $0.contains(address) } }
      || policy.lists.contains { list in list.prefixes.contains { $0.contains(address) } }
      || (policy.grants + policy.failsafe).contains { grant in
        grant.from.contains { if case .prefix(let prefix) = $0 { prefix.contains(address) } else { false } }
      }
  }
}

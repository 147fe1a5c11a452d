// SPDX-License-Identifier: GPL-3.0-or-later

/// Something on a host that can drop, change or redirect packets and that the walk does not evaluate, because
/// it is not in the rules of nf_tables or of legacy iptables. The results of an audit are valid except for the effects of these.
public enum BlindSpot: Sendable, Hashable {
  /// A table of legacy arptables that has rules, or one of legacy iptables or ip6tables that could not be read.
  case legacyTable(LegacyFamily, name: String, LegacyRules)
  /// An XDP program on an interface, by the program's id. It receives packets before netfilter does.
  case expressDataPath(InterfaceName, program: UInt32)
  /// Filters of traffic control (tc) on an interface, by kind: `u32`, or `bpf` with its name if it has one.
  case trafficControl(InterfaceName, Direction, filters: [String])
  /// BPF programs that are attached to an interface without traffic control (tcx, netkit): their number.
  case interfacePrograms(InterfaceName, Attachment, count: Int)
  /// BPF programs that select the socket for a packet independently of its port: their number.
  case socketLookup(count: Int)
  /// A BPF program that netfilter calls: the family (`ip`, `ip6`, `inet`, …), hook and priority. The kernel
  /// does not report the network namespace.
  case netfilterProgram(family: String, hook: String, priority: Int32, program: UInt32)
  /// A function of the kernel or of a module that is registered at a hook, besides the chains: its name, the
  /// family and the hook.
  case hookFunction(String, family: String, hook: String)
  /// Virtual services of IPVS, which forwards their packets to other addresses.
  case virtualServices([VirtualService])
  /// A flowtable: packets of the connections in it bypass the rules of the forward hook.
  case flowtable(family: String, table: String, name: String)
  /// Bridges whose frames between ports also pass the rules of the families `ip` and `ip6` (br_netfilter).
  case bridgedThroughRules([InterfaceName])
  /// Bridges whose frames between ports pass no rule of the families `ip`, `ip6` and `inet`.
  case bridgedPastRules([InterfaceName])
  /// What could not be read, and why. Blind spots of this kind may be missing.
  case unseen(String, reason: String)

  /// What is known of the rules of a legacy table.
  public enum LegacyRules: Sendable, Hashable {
    /// The number of rules, without the policies of its chains.
    case count(Int)
    /// They could not be read or decoded, with the reason. The walk takes what depends on them as undetermined.
    case unknown(reason: String)
  }

  /// The families of legacy tables.
  public enum LegacyFamily: String, Sendable, Hashable, CaseIterable {
    case ip
    case ip6
    case arp

    /// The program that lists the tables of the family.
    public var program: String {
      switch self {
      case .ip: "iptables-legacy"
      case .ip6: "ip6tables-legacy"
      case .arp: "arptables-legacy"
      }
    }
  }

  /// The direction of packets on an interface.
  public enum Direction: String, Sendable, Hashable, CaseIterable {
    case ingress
    case egress
  }

  /// Where BPF programs are attached to an interface.
  public enum Attachment: String, Sendable, Hashable, CaseIterable {
    case tcxIngress = "tcx ingress"
    case tcxEgress = "tcx egress"
    case netkitPrimary = "netkit primary"
    case netkitPeer = "netkit peer"
  }
}

extension BlindSpot: CustomStringConvertible {
  /// The blind spot in one sentence, without a full stop.
  public var description: String {
    switch self {
    case .legacyTable(let family, let name, .count(let rules)):
      "the legacy \(family.rawValue) table \(name) has \(rules) rule\(Self.s(rules)) "
        + "that nf_tables does not show (\(family.program) -t \(name) -S)"
    case .legacyTable(let family, let name, .unknown(let reason)):
      "the rules of the legacy \(family.rawValue) table \(name) could not be read: \(reason) "
        + "(\(family.program) -t \(name) -S)"
    case .expressDataPath(let interface, let program):
      "the XDP program \(program) on \(interface) receives packets before any rule does"
    case .trafficControl(let interface, let direction, let filters):
      "traffic control has filters at the \(direction.rawValue) of \(interface): \(filters.joined(separator: ", "))"
    case .interfacePrograms(let interface, let attachment, let count):
      "\(count) BPF program\(Self.s(count)) on \(interface) (\(attachment.rawValue)) can drop or change packets"
    case .socketLookup(let count):
      "\(count) BPF program\(Self.s(count)) select\(count == 1 ? "s" : "") the sockets of packets "
        + "independently of the port"
    case .netfilterProgram(let family, let hook, let priority, let program):
      "netfilter calls the BPF program \(program) at \(hook) of \(family), priority \(priority), "
        + "in an unknown network namespace"
    case .hookFunction(let function, let family, let hook):
      "netfilter calls the function \(function) at \(hook) of \(family), which is not a chain"
    case .virtualServices(let services):
      "IPVS forwards packets of \(services.count) service\(Self.s(services.count)): "
        + services.map(\.description).joined(separator: ", ")
    case .flowtable(let family, let table, let name):
      "connections in the flowtable \(name) of table \(family) \(table) bypass the rules of the forward hook"
    case .bridgedThroughRules(let bridges):
      "frames between the ports of \(Self.list(bridges)) also pass the rules for routed packets (br_netfilter)"
    case .bridgedPastRules(let bridges):
      "frames between the ports of \(Self.list(bridges)) pass no rule of this table "
        + "or of any table of ip, ip6 and inet"
    case .unseen(let what, let reason): "\(what) could not be read: \(reason)"
    }
  }

  private static func s(_ count: Int) -> String { count == 1 ? "" : "s" }

  private static func list(_ names: [InterfaceName]) -> String {
    names.map(\.description).joined(separator: ", ")
  }
}

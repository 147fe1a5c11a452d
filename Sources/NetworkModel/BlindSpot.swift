// SPDX-License-Identifier: GPL-3.0-or-later

/// Something that decides on a host's packets, or turns them elsewhere, and that no walk over nf_tables' rules sees. What
/// an audit says of who reaches what holds but for these.
public enum BlindSpot: Sendable, Hashable {
  /// A table of legacy iptables that holds rules: how many, without the policies of its chains.
  case legacyTable(LegacyFamily, name: String, rules: Int)
  /// An XDP program on an interface, by the program's number: it takes packets before anything else does.
  case expressDataPath(InterfaceName, program: UInt32)
  /// Filters of traffic control on an interface, by their kinds (`bpf`, with its name where it has one; `u32`).
  case trafficControl(InterfaceName, Direction, filters: [String])
  /// BPF programs on an interface without traffic control (tcx, netkit): how many.
  case interfacePrograms(InterfaceName, Attachment, count: Int)
  /// BPF programs that choose the socket for a packet, whatever its port: how many.
  case socketLookup(count: Int)
  /// A BPF program that netfilter calls: the family (`ip`, `ip6`, `inet`, …), hook and priority. The kernel does not say in
  /// which network namespace.
  case netfilterProgram(family: String, hook: String, priority: Int32, program: UInt32)
  /// A function of the kernel, or of a module, that is hooked in beside the chains: its name, the family and the hook.
  case hookFunction(String, family: String, hook: String)
  /// Virtual services of IPVS: packets to them go on to other addresses. Each as `tcp 192.0.2.1:80`.
  case virtualServices([String])
  /// A flowtable: packets of the connections in it pass no rule of the forward hook.
  case flowtable(family: String, table: String, name: String)
  /// Bridges whose frames from one port to another pass the rules of the families `ip` and `ip6` too (br_netfilter).
  case bridgedThroughRules([InterfaceName])
  /// Bridges whose frames from one port to another pass no rule of the families `ip`, `ip6` and `inet`.
  case bridgedPastRules([InterfaceName])
  /// This could not be looked for, and why not.
  case unseen(String, reason: String)

  /// The families of legacy tables.
  public enum LegacyFamily: String, Sendable, Hashable, CaseIterable {
    case ip
    case ip6
    case arp

    /// The program that lists them.
    public var program: String {
      switch self {
      case .ip: "iptables-legacy"
      case .ip6: "ip6tables-legacy"
      case .arp: "arptables-legacy"
      }
    }
  }

  /// The way of packets over an interface.
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
  /// One sentence for people, without a full stop.
  public var description: String {
    switch self {
    case .legacyTable(let family, let name, let rules):
      "the legacy \(family.rawValue) table \(name) holds \(rules) rule\(Self.s(rules)), which nf_tables does not show"
        + " (\(family.program) -t \(name) -S)"
    case .expressDataPath(let interface, let program):
      "the XDP program \(program) on \(interface) takes packets before any rule does"
    case .trafficControl(let interface, let direction, let filters):
      "traffic control has filters at the \(direction.rawValue) of \(interface): \(filters.joined(separator: ", "))"
    case .interfacePrograms(let interface, let attachment, let count):
      "\(count) BPF program\(Self.s(count)) on \(interface) (\(attachment.rawValue)) may take or change packets"
    case .socketLookup(let count):
      "\(count) BPF program\(Self.s(count)) choose\(count == 1 ? "s" : "") the sockets of packets, whatever their ports"
    case .netfilterProgram(let family, let hook, let priority, let program):
      "netfilter calls the BPF program \(program) at \(hook) of \(family), priority \(priority), in some network namespace"
    case .hookFunction(let function, let family, let hook):
      "netfilter calls the function \(function) at \(hook) of \(family), which is no chain"
    case .virtualServices(let services):
      "IPVS hands packets on from \(services.count) service\(Self.s(services.count)): \(services.joined(separator: ", "))"
    case .flowtable(let family, let table, let name):
      "connections in the flowtable \(name) of table \(family) \(table) pass no rule of the forward hook"
    case .bridgedThroughRules(let bridges):
      "what goes from port to port of \(Self.list(bridges)) passes the rules of routed packets too (br_netfilter)"
    case .bridgedPastRules(let bridges):
      "what goes from port to port of \(Self.list(bridges)) passes no rule of this table or any other of ip, ip6 and inet"
    case .unseen(let what, let reason): "\(what) could not be looked for: \(reason)"
    }
  }

  private static func s(_ count: Int) -> String { count == 1 ? "" : "s" }

  private static func list(_ names: [InterfaceName]) -> String {
    names.map(\.description).joined(separator: ", ")
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PolicyLanguage
internal import RulesetModel

/// The policy as one machine of it sees it.
struct Site {
  let policy: Policy
  let machine: Machine
  /// The tunnels by name, then the machine's zones by name; `internet` last.
  let zones: [SiteZone]
  /// Where source addresses belong.
  let homes: AddressHomes
  private let machines: [String: Machine]

  /// `machines` are the policy's, by name.
  init(policy: Policy, machine: Machine, machines: [String: Machine]) {
    self.policy = policy
    self.machine = machine
    self.machines = machines
    zones = SiteZone.zones(of: machine, in: policy)
    homes = AddressHomes(on: machine, tunnels: policy.tunnels, machines: policy.machines)
  }

  /// The zones that are not tunnels.
  var networks: [SiteZone] { zones.filter { $0.kind != .tunnel } }

  func machine(named name: String) -> Machine? { machines[name] }

  func zone(named name: String) -> SiteZone? { zones.first { $0.name == name } }

  /// The tunnels in which both machines have an address.
  func tunnels(shared one: Machine, _ other: Machine) -> [Tunnel] {
    policy.tunnels.filter { !one.addresses(in: $0.name).isEmpty && !other.addresses(in: $0.name).isEmpty }
  }

  /// The origin of a rule in a line of the policy; without one, of a rule that every ruleset has.
  func origin(_ line: Int?, _ reason: String) -> Origin {
    guard let line else { return Origin(reason: reason) }
    return Origin(file: policy.path, lines: [line], reason: reason)
  }
}

/// Interfaces of a machine that are judged alike: a tunnel, a zone, or all the rest.
public struct SiteZone: Sendable, Hashable {
  /// What its interfaces are.
  public enum Kind: Sendable, Hashable {
    case tunnel
    case containers
    case network
    /// Every interface that no other zone claims.
    case internet
  }

  /// The tunnel's or the zone's name.
  public let name: String
  /// What its interfaces are.
  public let kind: Kind
  /// Empty for `internet`.
  public let interfaces: [InterfacePattern]
  /// The sources that may appear there; empty where the policy does not say.
  public let prefixes: [Prefix]
  /// The line of the policy that defines it; nil where it is built in.
  public let line: Int?

  /// The name as part of a chain's or set's: nft's identifiers hold letters, digits, `-`, `_`, `.` and `/`.
  public var identifier: String { Identifier.clean(name) }

  /// The zones of a machine: the tunnels by name, then its own zones by name, `internet` last.
  public static func zones(of machine: Machine, in policy: Policy) -> [SiteZone] {
    policy.tunnels.map { tunnel in
      SiteZone(
        name: tunnel.name.description, kind: .tunnel, interfaces: [.exact(tunnel.name)], prefixes: [],
        line: tunnel.location.line)
    }
      + machine.zones.map { zone in
        SiteZone(
          name: zone.name, kind: zone.name == Zone.containers ? .containers : .network,
          interfaces: zone.interfaces,
          prefixes: zone.prefixes, line: zone.location?.line)
      } + [SiteZone(name: Zone.internet, kind: .internet, interfaces: [], prefixes: [], line: nil)]
  }
}

extension AddressHomes.Home {
  /// As part of a counter's or a set's name.
  var identifier: String { zones.map(Identifier.clean).joined(separator: "+") }
}

/// Names inside the table.
enum Identifier {
  /// The text with every character replaced that nft's identifiers cannot hold.
  static func clean(_ text: String) -> String {
    func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".": true
      default: false
      }
    }
    if text.unicodeScalars.allSatisfy(isAllowed) { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.map { isAllowed($0) ? $0 : "-" }))
  }

  /// A number of 32 bits for a text, the same on every machine and in every version (FNV-1a), as 8 digits.
  static func digest(_ text: String) -> String {
    var hash: UInt32 = 2_166_136_261
    for byte in text.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}

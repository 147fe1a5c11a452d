// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// A first policy for a host, made of what it has: its tunnels and their peers, its interfaces, and what listens. Every
/// guess is a comment beside it. Nothing is granted to the internet, and nothing that only others than the tunnels reach.
public struct FirstPolicy: Sendable {
  /// What a policy is made of.
  public struct Basis: Sendable {
    /// The machine's own name; what a policy cannot write of it is left out.
    public var name: String
    /// The day, for the head.
    public var today: String
    /// The host's interfaces and sockets, and who reaches them now.
    public var audit: Audit
    /// Its interfaces.
    public var interfaces: [NetworkInterface]
    /// What WireGuard says.
    public var devices: [WireGuardDevice]
    /// Names that WireGuard's configuration files give peers in comments, by their keys.
    public var peerNames: [WireGuardKey: String]
    /// The interfaces by which packets leave for anywhere.
    public var uplinks: Set<InterfaceName>
    /// Whether the host passes packets on from one interface to another.
    public var forwarding: Forwarding
    /// Where the administrator's own SSH session comes from; nil for none.
    public var session: IPAddress?

    /// Whether packets are passed on.
    public enum Forwarding: Sendable { case on, off }

    /// A basis of these parts.
    public init(
      name: String, today: String, audit: Audit, interfaces: [NetworkInterface], devices: [WireGuardDevice],
      peerNames: [WireGuardKey: String] = [:], uplinks: Set<InterfaceName> = [],
      forwarding: Forwarding = .off,
      session: IPAddress? = nil
    ) {
      self.name = name
      self.today = today
      self.audit = audit
      self.interfaces = interfaces
      self.devices = devices
      self.peerNames = peerNames
      self.uplinks = uplinks
      self.forwarding = forwarding
      self.session = session
    }
  }

  /// The policy's text.
  public let text: String

  /// Writes the policy.
  public init(_ basis: Basis) {
    var names = FirstPolicyNames()
    let own = names.take(basis.name, or: "host")
    let tunnels = basis.devices.compactMap { TunnelDraft($0, basis, &names) }
    var text = Self.head(own, basis, tunnels)
    if !tunnels.isEmpty {
      text += "tunnels:\n" + tunnels.map { $0.tunnelLines(own) }.joined() + "\n"
    }
    text += "machines:\n  \(own):\n"
    if !tunnels.isEmpty {
      text +=
        "    addresses: { \(tunnels.map { "\($0.name): \(Self.list($0.addresses))" }.joined(separator: ", ")) }\n"
    }
    text += Self.zones(basis, tunnels, &names)
    text += tunnels.map { $0.machineLines() }.joined() + "\n"
    text +=
      FirstGrants(
        basis.audit, own, tunnels.map(\.name), ports: Set(basis.devices.compactMap(\.listenPort)),
        session: basis.session
      ).text
    self.text = text
  }

  private static func head(_ own: String, _ basis: Basis, _ tunnels: [TunnelDraft]) -> String {
    var text = """
      # A first policy, made on \(basis.today) of what \(own) has and of what listens on it. It keeps what the tunnels reach
      # now, and closes everything else, the internet first. Read every line: a comment with "guess" is one.
      #
      #   wgfence check FILE            what is wrong with it, and whether its own tests hold
      #   wgfence plan FILE             what it would change, and which live connections it would cut
      #   wgfence apply FILE --host --confirm 60s
      version: 1


      """
    if tunnels.isEmpty {
      text += """
        # There is no WireGuard interface with an address here. Bring the tunnel up and make this file again, or write the
        # tunnel in:
        # tunnels:
        #   wg0: { prefixes: [10.13.13.0/24], listen: 51820 }


        """
    }
    return text
  }

  /// Zones of the interfaces that look like a LAN's.
  private static func zones(_ basis: Basis, _ tunnels: [TunnelDraft], _ names: inout FirstPolicyNames)
    -> String
  {
    var lines: [String] = []
    var notes: [String] = []
    let inTunnels = Set(tunnels.map(\.name))
    for interface in basis.interfaces
    where !interface.isLoopback && interface.master == nil && !inTunnels.contains(interface.name.description)
    {
      let networks = interface.addresses.filter { !$0.address.isLinkLocal && $0.prefixLength > 0 }.map(
        \.network)
      if networks.isEmpty || isContainers(interface) { continue }
      guard networks.allSatisfy({ $0.address.isPrivate }), !basis.uplinks.contains(interface.name) else {
        notes.append("    # \(interface.name) is part of the zone 'internet': \(uplink(interface, basis))\n")
        continue
      }
      let zone = names.take(lines.isEmpty ? "lan" : "lan-\(interface.name)", or: "lan-\(lines.count + 1)")
      let prefixes = list(Array(Set(networks)).sorted())
      lines.append(
        "      \(zone): { interfaces: [\(interface.name)], prefixes: \(prefixes) }"
          + "  # guess: a LAN, by its private addresses\n")
    }
    if lines.isEmpty && notes.isEmpty && tunnels.isEmpty { return "    zones: {}\n" }
    return notes.joined()
      + (lines.isEmpty ? (tunnels.isEmpty ? "    zones: {}\n" : "") : "    zones:\n" + lines.joined())
  }

  private static func isContainers(_ interface: NetworkInterface) -> Bool {
    let name = interface.name.description
    return name == "docker0" || name == "docker_gwbridge" || name.hasPrefix("br-")
  }

  private static func uplink(_ interface: NetworkInterface, _ basis: Basis) -> String {
    basis.uplinks.contains(interface.name)
      ? "packets for anywhere leave by it" : "its addresses are public"
  }

  /// Values as a YAML flow list, those with a colon quoted.
  static func list(_ values: [some CustomStringConvertible]) -> String {
    "[" + values.map { quoted("\($0)") }.joined(separator: ", ") + "]"
  }

  static func quoted(_ text: String) -> String { text.contains(":") ? "\"\(text)\"" : text }
}

/// Names for machines and zones, each given once.
struct FirstPolicyNames {
  private var taken: Set<String> = ["internet", "containers"]
  /// The number that a name got last: thousands may be called the same.
  private var numbers: [String: Int] = [:]

  /// The name as a policy can write it, with a number behind it where it is given already.
  mutating func take(_ wanted: String, or fallback: String) -> String {
    var name = ""
    for scalar in wanted.lowercased().unicodeScalars.prefix(48) {
      let isFit =
        scalar.isASCII
        && (scalar.properties.isAlphabetic || ("0"..."9").contains(Character(scalar)) || scalar == "-")
      name.unicodeScalars.append(isFit ? scalar : "-")
    }
    name = String(name.drop { !$0.isLetter })
    while name.hasSuffix("-") { name.removeLast() }
    if name.isEmpty { name = fallback }
    var unique = name
    var number = numbers[name, default: 1]
    while !taken.insert(unique).inserted {
      number += 1
      unique = "\(name)-\(number)"
    }
    numbers[name] = number
    return unique
  }
}

extension IPAddress {
  /// Whether it is of a private network (RFC 1918, RFC 4193, and RFC 6598, which providers share).
  var isPrivate: Bool {
    switch family {
    case .ipv4: bits >> 24 == 10 || bits >> 20 == 0xac1 || bits >> 16 == 0xc0a8 || bits >> 22 == 0x191
    case .ipv6: bits >> 121 == 0x7e
    }
  }
}

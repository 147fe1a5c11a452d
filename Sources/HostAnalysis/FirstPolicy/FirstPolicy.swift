// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// Writes a first policy for a host, from its tunnels and their peers, its interfaces, and its listening sockets.
/// Every guess is marked by a comment. Nothing is granted to the internet, and nothing that no tunnel reaches now.
public struct FirstPolicy: Sendable {
  /// The input: what is known of the host.
  public struct Basis: Sendable {
    /// The machine's name; characters that a policy cannot have in a name are replaced.
    public var name: String
    /// Today's date, for the header.
    public var today: String
    /// The host's sockets, and who reaches them now.
    public var audit: Audit
    /// Its interfaces.
    public var interfaces: [NetworkInterface]
    /// The WireGuard devices.
    public var devices: [WireGuardDevice]
    /// The names of peers in comments of WireGuard's configuration files, by their keys.
    public var peerNames: [WireGuardKey: String]
    /// The interfaces of the default routes.
    public var uplinks: Set<InterfaceName>
    /// Whether the host forwards packets between interfaces.
    public var forwarding: Forwarding
    /// The client address of the administrator's own SSH session; nil without one.
    public var session: IPAddress?

    /// Whether forwarding is on.
    public enum Forwarding: Sendable { case on, off }

    /// Creates the input from its parts.
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
      # A first policy, written on \(basis.today) from the tunnels, interfaces and sockets of \(own).
      # It grants each tunnel what it reaches now, and closes everything else, also to the internet.
      # Read every line: "guess" marks a guess.
      #
      #   wgfence check FILE            reports errors in the file, and runs its tests
      #   wgfence plan FILE             prints what it would change, and which live connections it would cut
      #   wgfence apply FILE --host --confirm 60s
      version: 1


      """
    if tunnels.isEmpty {
      text += """
        # This host has no WireGuard interface with an address. Bring the tunnel up and run wgfence init again,
        # or add the tunnel here:
        # tunnels:
        #   wg0: { prefixes: [10.13.13.0/24], listen: 51820 }


        """
    }
    return text
  }

  /// Zones for interfaces that are probably in a LAN.
  private static func zones(_ basis: Basis, _ tunnels: [TunnelDraft], _ names: inout FirstPolicyNames)
    -> String
  {
    var lines: [String] = []
    var notes: [String] = []
    let guests = guestBridges(basis)
    if !guests.isEmpty {
      let all = (DefaultContainers.interfaces.map(\.description) + guests.map(\.description)).sorted()
      lines.append(
        "      containers: { interfaces: \(list(all)) }  # guess: \(guests.map(\.description).joined(separator: ", ")), "
          + "by the ports of guests\n")
    }
    var hasLAN = false
    let inTunnels = Set(tunnels.map(\.name))
    for interface in basis.interfaces
    where !interface.isLoopback && interface.master == nil && !inTunnels.contains(interface.name.description)
    {
      let networks = interface.addresses.filter { !$0.address.isLinkLocal && $0.prefixLength > 0 }.map(
        \.network)
      if networks.isEmpty || isContainers(interface) || guests.contains(interface.name) { continue }
      guard networks.allSatisfy({ $0.address.isPrivate }), !basis.uplinks.contains(interface.name) else {
        notes.append("    # \(interface.name) is part of the zone 'internet': \(uplink(interface, basis))\n")
        continue
      }
      let zone = names.take(hasLAN ? "lan-\(interface.name)" : "lan", or: "lan-\(lines.count + 1)")
      hasLAN = true
      let prefixes = list(Array(Set(networks)).sorted())
      lines.append(
        "      \(zone): { interfaces: [\(interface.name)], prefixes: \(prefixes) }"
          + "  # guess: a LAN, by its private addresses\n")
    }
    if lines.isEmpty && notes.isEmpty && tunnels.isEmpty { return "    zones: {}\n" }
    return notes.joined()
      + (lines.isEmpty ? (tunnels.isEmpty ? "    zones: {}\n" : "") : "    zones:\n" + lines.joined())
  }

  /// Whether the zone `containers` has the interface by default.
  private static func isContainers(_ interface: NetworkInterface) -> Bool {
    DefaultContainers.interfaces.contains { $0.matches(interface.name) }
  }

  /// The bridges of guests that have other names than those of the zone `containers`.
  private static func guestBridges(_ basis: Basis) -> [InterfaceName] {
    let shared = SharedBridges(basis.interfaces, outward: basis.uplinks).reasons
    return basis.interfaces.filter { bridge in
      bridge.kind == "bridge" && shared[bridge.name] == nil && !isContainers(bridge)
        && basis.interfaces.contains { $0.master == bridge.index }
    }.map(\.name).sorted()
  }

  private static func uplink(_ interface: NetworkInterface, _ basis: Basis) -> String {
    basis.uplinks.contains(interface.name)
      ? "it has the default route" : "its addresses are public"
  }

  /// Values as a YAML flow list; values with a colon are quoted.
  static func list(_ values: [some CustomStringConvertible]) -> String {
    "[" + values.map { quoted("\($0)") }.joined(separator: ", ") + "]"
  }

  static func quoted(_ text: String) -> String { text.contains(":") ? "\"\(text)\"" : text }
}

/// Unique names for machines and zones.
struct FirstPolicyNames {
  private var taken: Set<String> = ["internet", "containers"]
  /// The last number that was appended to a name: thousands of peers may have the same name.
  private var numbers: [String: Int] = [:]

  /// The name in characters that a policy accepts, with a number appended if the name is already in use.
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
  /// Whether it is in a private network (RFC 1918, RFC 4193), or in the shared address space of providers (RFC 6598).
  var isPrivate: Bool {
    switch family {
    case .ipv4: bits >> 24 == 10 || bits >> 20 == 0xac1 || bits >> 16 == 0xc0a8 || bits >> 22 == 0x191
    case .ipv6: bits >> 121 == 0x7e
    }
  }
}

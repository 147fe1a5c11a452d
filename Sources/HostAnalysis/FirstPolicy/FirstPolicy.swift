// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// Writes a first policy for a host, from its tunnels and their peers, its interfaces, and its listening sockets.
/// Every guess is marked by a comment. Nothing is granted to the internet, and nothing that no tunnel reaches now.
public struct FirstPolicy: Sendable {
  /// The input: what is known of the host.
  public struct Basis {
    /// The machine's name; characters that a policy cannot have in a name are replaced.
    public var name: String
    /// Today's date, for the header.
    public var today: String
    /// The host's sockets, and who reaches them now. Senders in tunnels have the names that `senders` gives them.
    public var audit: Audit
    /// The host, to find what it forwards now; nil: nothing.
    public var host: AuditedHost?
    /// Its interfaces.
    public var interfaces: [NetworkInterface]
    /// The WireGuard devices.
    public var devices: [WireGuardDevice]
    /// The names of peers in comments of WireGuard's configuration files, by their keys.
    public var peerNames: [WireGuardKey: String]
    /// The peers whose `Endpoint` is in WireGuard's configuration files.
    public var fixedEndpoints: Set<WireGuardKey> = []
    /// What WireGuard's configuration files say about the port of an interface; none for an interface without a file.
    public var writtenPorts: [InterfaceName: WrittenPort] = [:]
    /// The ports from which the kernel chooses one for a socket (`net.ipv4.ip_local_port_range`).
    public var ephemeralPorts: ClosedRange<UInt16> = 32768...60999
    /// The interfaces of the default routes.
    public var uplinks: Set<InterfaceName>
    /// Whether the host forwards packets between interfaces.
    public var forwarding: Forwarding
    /// The administrator's own SSH session; nil without one.
    public var session: Session?
    /// The machines of a policy that is already in force here.
    public var known: [KnownMachine] = []

    /// Whether forwarding is on.
    public enum Forwarding: Sendable { case on, off }

    /// Whether a configuration file has a `ListenPort`.
    public enum WrittenPort: Sendable { case fixed, absent }

    /// Creates the input from its parts.
    public init(
      name: String, today: String, audit: Audit, interfaces: [NetworkInterface], devices: [WireGuardDevice],
      peerNames: [WireGuardKey: String] = [:], uplinks: Set<InterfaceName> = [],
      forwarding: Forwarding = .off,
      session: Session? = nil
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

  /// The SSH session of the administrator.
  public struct Session: Sendable {
    /// The far end.
    public let client: IPAddress
    /// This host's port.
    public let port: UInt16
    /// The interface on which its packets arrive; nil if it is not known.
    public let interface: InterfaceName?

    /// A session of these parts.
    public init(client: IPAddress, port: UInt16, interface: InterfaceName?) {
      self.client = client
      self.port = port
      self.interface = interface
    }
  }

  /// A machine of a policy that is already in force.
  public struct KnownMachine: Sendable {
    /// Its name there.
    public let name: String
    /// Its addresses in tunnels.
    public let addresses: [IPAddress]
    /// Its public key, if the policy has it.
    public let key: WireGuardKey?

    /// A machine of these parts.
    public init(name: String, addresses: [IPAddress], key: WireGuardKey?) {
      self.name = name
      self.addresses = addresses
      self.key = key
    }
  }

  /// The policy's text.
  public let text: String
  /// The name of the host's machine in it.
  public let machine: String

  /// Writes the policy.
  public init(_ basis: Basis) {
    var skeleton = PolicySkeleton(basis)
    machine = skeleton.machine
    let tunnels = skeleton.tunnels
    var grants = FirstGrants(basis, machine, tunnels, skeleton.zones, &skeleton.names)
    let groups = grants.groups
    let lines = grants.text()
    text =
      Self.head(machine, basis, tunnels) + skeleton.sections + groups + skeleton.encryption.lines + lines
  }

  /// The addresses by which machines in tunnels send, by interface: each peer's own, and the networks behind it. Each
  /// has the name of a prefix.
  public static func senders(
    of devices: [WireGuardDevice], on interfaces: [NetworkInterface], known: [KnownMachine]
  ) -> [InterfaceName: [IPAddress: String]] {
    var senders: [InterfaceName: [IPAddress: String]] = [:]
    for device in devices {
      guard let interface = interfaces.first(where: { $0.name == device.name }) else { continue }
      let own = interface.addresses.filter { !$0.address.isLinkLocal }
      let prefixes = TunnelDraft.prefixes(own, device)
      var addresses: [IPAddress: String] = [:]
      for allowed in device.peers.flatMap(\.allowedIPs)
      where !prefixes.contains(where: { allowed.contains($0) }) {
        let isOne = allowed.length >= allowed.family.bitWidth - 1
        let host = isOne ? allowed.address : IPAddress(family: allowed.family, bits: allowed.last.bits - 1)
        addresses[host] = allowed.description
      }
      for address in known.flatMap(\.addresses) where prefixes.contains(where: { $0.contains(address) }) {
        addresses[address] = Prefix(address).description
      }
      for address in own { addresses[address.address] = nil }
      senders[device.name] = addresses
    }
    return senders
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
        # tunnels: { wg0: { prefixes: [\(unusedNetwork(basis))], listen: 51820 } }


        """
    }
    return text
  }

  /// A network for a tunnel that this host has nowhere else.
  private static func unusedNetwork(_ basis: Basis) -> Prefix {
    let used =
      basis.interfaces.flatMap(\.addresses).map(\.network)
      + [basis.session?.client].compactMap { $0.map { Prefix($0) } }
    let networks = (13...250).map {
      Prefix(containing: IPAddress(family: .ipv4, bits: 10 << 24 | $0 << 16 | $0 << 8), length: 24)
    }
    return networks.first { network in !used.contains { $0.length > 0 && $0.overlaps(network) } }
      ?? networks[0]
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

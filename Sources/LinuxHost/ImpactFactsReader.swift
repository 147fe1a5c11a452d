// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink
public import NetworkModel

/// Reads what must keep working on this host. Changes nothing, and sends nothing.
public enum ImpactFactsReader {
  /// Reads this thread's network namespace. `caller` is the session of the user who runs this program. What could not be
  /// read is in the gaps of the facts; throws if the interfaces or sockets cannot be read.
  public static func read(caller: RemoteSession?) throws(HostReadError) -> ImpactFacts {
    let reading = try NamespaceReading.read(.listening)
    let servers = reading.sockets.listeners.filter { $0.protocol == .tcp }
    // Of the owners only those matter that are SSH servers on an unusual port.
    let owners = try ProcessTable.owners(of: Set(servers.map(\.inode)), named: sessionServers)
    var facts = ImpactFacts(host: reading.snapshot(owners))
    facts.leased = reading.links.leased
    facts.nameServers = nameServers()
    do throws(HostReadError) {
      facts.sharedBridges = Set(try SharedBridges.read(reading.links).reasons.keys)
    } catch {
      facts.gaps.append("it is not known which bridges have only guests: \(error)")
    }
    let tunnels = WireGuardDevices.read(interfaces: reading.links.interfaces)
    facts.devices = tunnels.devices
    for case (let name, .unreadable(let error)) in tunnels.failures.map({ ($0.name, $0.reason) }) {
      facts.gaps.append("it is not known whether the tunnel \(name) keeps working: \(error)")
    }
    let ports = Set(servers.filter { $0.port == 22 || owners.owner(of: $0.inode) != nil }.map(\.port))
    let sockets = try SocketDiagnostics.connected(tcp: ports, udpTo: [123])
    facts.timeServers = sockets.filter { $0.protocol == .udp }.map(\.remoteAddress)
      .filter { !$0.isLoopback }.unique.sorted()
    facts.sessions = sessions(sockets.filter { $0.protocol == .tcp }, caller)
    facts.groups = groups()
    if let range = ConnectionReader.ephemeralPorts { facts.ephemeralPorts = range }
    for name in ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"] {
      if let text = try? ProcFile.text("/proc/sys/net/bridge/\(name)"), text.hasPrefix("1") {
        facts.bridgedFrames = .meetRules
      }
    }
    return facts
  }

  // MARK: Name servers

  /// The name servers of resolv.conf(5). Where it names only a local resolver of systemd, those that the resolver asks.
  private static func nameServers() -> [IPAddress] {
    let own = nameServers(in: "/etc/resolv.conf")
    let remote = own.filter { !$0.isLoopback }
    if !own.isEmpty, remote.isEmpty {
      return nameServers(in: "/run/systemd/resolve/resolv.conf").filter { !$0.isLoopback }
    }
    return remote
  }

  private static func nameServers(in path: String) -> [IPAddress] {
    guard let text = try? ProcFile.text(path) else { return [] }
    return nameServers(resolvConf: text)
  }

  /// The addresses of the lines `nameserver ADDRESS`; an IPv6 address may have a scope, and a comment may follow.
  static func nameServers(resolvConf text: String) -> [IPAddress] {
    text.utf8.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
      guard words.count >= 2, words[0].elementsEqual("nameserver".utf8) else { return nil }
      let end = [UInt8(ascii: "%"), UInt8(ascii: ";"), UInt8(ascii: "#")]
      return IPAddress(String(Substring(words[1].prefix { !end.contains($0) })))
    }.unique
  }

  // MARK: Sessions

  /// The names of the processes that listen for SSH.
  private static let sessionServers: Set<String> = ["sshd", "dropbear"]

  /// The established connections to SSH servers, the caller's first.
  private static func sessions(
    _ sockets: [SocketDiagnostics.Socket], _ caller: RemoteSession?
  ) -> [ImpactFacts.AdministratorSession] {
    let others = sockets.filter { !$0.remoteAddress.isLoopback }.map {
      RemoteSession(
        client: $0.remoteAddress, clientPort: $0.remotePort, server: $0.address, serverPort: $0.port)
    }
    return (caller.map { [ImpactFacts.AdministratorSession($0, .caller)] } ?? [])
      + others.filter { $0.client != caller?.client }.map { ImpactFacts.AdministratorSession($0, .other) }
  }

  // MARK: Multicast

  /// The groups of `igmp` and `igmp6` in this thread's `/proc/…/net`. Source: `igmp_mc_seq_show` of `net/ipv4/igmp.c`,
  /// `igmp6_mc_seq_show` of `net/ipv6/mcast.c`.
  private static func groups() -> [InterfaceName: Set<IPAddress>] {
    var groups: [InterfaceName: Set<IPAddress>] = [:]
    if let text = try? ProcFile.text("/proc/thread-self/net/igmp") { groups = IGMPTable.groups(igmp: text) }
    if let text = try? ProcFile.text("/proc/thread-self/net/igmp6") {
      groups.merge(IGMPTable.groups(igmp6: text)) { $0.union($1) }
    }
    return groups
  }
}

/// The tables of joined multicast groups in `/proc/net`.
enum IGMPTable {
  /// Lines of `INDEX NAME : COUNT QUERIER`, each followed by indented lines of `GROUP USERS …`, where the group is a
  /// number in the byte order of the machine.
  static func groups(igmp text: String) -> [InterfaceName: Set<IPAddress>] {
    var groups: [InterfaceName: Set<IPAddress>] = [:]
    var interface: InterfaceName?
    for line in text.split(separator: "\n").dropFirst() {
      let words = line.split { $0 == " " || $0 == "\t" }
      if line.first == "\t" || line.first == " " {
        guard let interface, let word = words.first, let number = UInt32(word, radix: 16) else { continue }
        groups[interface, default: []].insert(IPAddress(family: .ipv4, bits: UInt128(number.byteSwapped)))
      } else if words.count >= 2 {
        interface = InterfaceName(String(words[1].prefix { $0 != ":" }))
      }
    }
    return groups
  }

  /// Lines of `INDEX NAME GROUP …`, where the group is 32 hexadecimal digits.
  static func groups(igmp6 text: String) -> [InterfaceName: Set<IPAddress>] {
    var groups: [InterfaceName: Set<IPAddress>] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split { $0 == " " || $0 == "\t" }
      guard words.count >= 3, let interface = InterfaceName(String(words[1])),
        let bits = UInt128(words[2], radix: 16)
      else { continue }
      groups[interface, default: []].insert(IPAddress(family: .ipv6, bits: bits))
    }
    return groups
  }
}

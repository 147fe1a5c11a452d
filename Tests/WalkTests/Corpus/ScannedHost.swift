// SPDX-License-Identifier: GPL-3.0-or-later

import CTestSupport
import Glibc
import HostAnalysis
import LinuxHost
import NetworkModel
import Ruleset
import TestSupport

/// A host with real servers, and a real machine behind each of its interfaces from which it can be scanned. The calling
/// thread's namespace is the host's.
///
/// Behind each interface is a segment: a bridge with a scanner and with servers, each with the addresses that they have there.
/// Interfaces with the name of a bridge are one, and the servers behind them are containers of this host: a survey of the host
/// finds their namespace. All others are pairs, and what is behind them is no part of the host.
///
/// It is a class because it owns descriptors.
final class ScannedHost {
  struct Failure: Error, CustomStringConvertible { let description: String }

  /// A network that the host is scanned from.
  struct Side {
    let name: String
    /// The addresses of the scanner, those that the audit takes for this side.
    let senders: [IPAddress]
  }

  /// The servers behind an interface.
  struct Servers {
    let side: String
    /// The number of their namespace.
    let identity: UInt64
    let addresses: [IPAddress]
    /// Whether they are containers of the host.
    let areContainers: Bool
  }

  let network: TestNetwork
  let ports: ScannedPorts
  private(set) var sides: [Side] = []
  private(set) var servers: [Servers] = []

  private let inside: Int32
  private let scanner: Int32
  private let outside: Int32
  private var machines: [Int32] = []
  private var sockets: [Int32] = []
  private var stop: [Int32] = [-1, -1]
  private var answering: OwnThread?

  /// Builds it around the calling thread's namespace, which must belong to a test. `others` are addresses of servers that are
  /// in no network of the host.
  init(_ network: TestNetwork, _ ports: ScannedPorts, others: [IPAddress]) throws {
    (self.network, self.ports) = (network, ports)
    inside = open("/proc/thread-self/ns/net", O_RDONLY)
    try World.makeRouter()
    guard ctest_unshare_mount_namespace() == 0 else { throw Failure(description: "no mount namespace") }
    try Self.check(run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]))
    outside = try Self.newNamespace()
    scanner = try Self.newNamespace()
    for _ in network.interfaces { machines.append(try Self.newNamespace()) }
    try enter(inside)
    try makeLinks()
    for ingress in Ingress.all(of: try HostReader.snapshot(), tunnels: []) {
      guard let interface = ingress.interfaces.first else { continue }
      sides.append(
        Side(name: ingress.name, senders: ingress.sources.flatMap { $0.senders(by: interface.name) }))
    }
    guard sides.count == network.interfaces.count else {
      throw Failure(description: "the sides are \(sides.map(\.name)), not the interfaces")
    }
    for index in machines.indices { try makeMachines(index, others) }
    try makeNeighbours()
    try openServers()
    try awaitSegments()
  }

  deinit {
    if stop[1] >= 0 { close(stop[1]) }
    answering?.join()
    for file in sockets + machines + [stop[0], inside, outside, scanner] { close(file) }
  }

  // MARK: Building

  private static func check(_ result: ProgramResult) throws {
    guard result.status == 0 else { throw Failure(description: result.errors) }
  }

  /// A new namespace, which the thread enters.
  private static func newNamespace() throws -> Int32 {
    let code = ctest_unshare_network_namespace()
    let file = open("/proc/thread-self/ns/net", O_RDONLY)
    guard code == 0, file >= 0 else { throw Failure(description: "no namespace: \(code)") }
    for kind in ["all", "default"] {
      try World.set("net/ipv4/conf/\(kind)/rp_filter", "0")
      try World.set("net/ipv6/conf/\(kind)/accept_dad", "0")
      try World.set("net/ipv6/conf/\(kind)/accept_ra", "0")
      try World.set("net/ipv6/conf/\(kind)/autoconf", "0")
    }
    try World.set("net/ipv4/icmp_ratemask", "0")
    try World.set("net/ipv6/icmp/ratelimit", "0")
    guard ctest_set_interface_up("lo") == 0 else { throw Failure(description: "lo stays down") }
    return file
  }

  private func enter(_ namespace: Int32) throws {
    guard ctest_enter_network_namespace(namespace) == 0 else { throw Failure(description: "setns: \(errno)") }
  }

  private enum End: Int { case host = 1, scanner, servers }

  private static func hardware(_ side: Int, _ end: End) -> String {
    "02:00:00:00:\(String(side + 16, radix: 16)):0\(end.rawValue)"
  }

  private static func isBridge(_ name: String) -> Bool {
    let prefixes = ["docker", "br", "virbr", "cni", "podman", "lxc", "lxd", "incusbr", "vmbr", "cbr"]
    return prefixes.contains { name.hasPrefix($0) }
  }

  /// The interfaces of the host with its addresses and routes, and the segments behind them.
  private func makeLinks() throws {
    var own: [String] = []
    var beyond: [String] = []
    for (number, interface) in network.interfaces.enumerated() {
      let name = interface.name
      let hardware = Self.hardware(number, .host)
      func ports(of bridge: String) -> [String] {
        let ends = [("f\(number)", scanner, End.scanner), ("m\(number)", machines[number], .servers)]
        return ends.flatMap { far, namespace, end in
          [
            "link add name port-\(far) type veth peer name \(far) address \(Self.hardware(number, end)) netns /proc/self/fd/\(namespace)",
            "link set port-\(far) master \(bridge) up",
          ]
        }
      }
      if Self.isBridge(name) {
        own +=
          ["link add name \(name) address \(hardware) type bridge", "link set dev \(name) up"]
          + ports(of: name)
      } else {
        own += [
          "link add name \(name) address \(hardware) type veth peer name up\(number) netns /proc/self/fd/\(outside)",
          "link set dev \(name) up",
        ]
        beyond +=
          [
            "link add name seg\(number) type bridge", "link set seg\(number) up",
            "link set up\(number) master seg\(number) up",
          ] + ports(of: "seg\(number)")
      }
      own += interface.addresses.map {
        "address add \($0) dev \(name)" + ($0.contains(":") ? " nodad" : "")
      }
    }
    own += network.gateways.map { gateway in
      "route add \(gateway.contains(":") ? "::/0" : "default") via \(gateway) dev \(network.uplink)"
    }
    try World.ip(own)
    try enter(outside)
    try World.ip(beyond)
    try enter(inside)
    for (number, namespace) in zip(network.interfaces.indices, machines) {
      try enter(namespace)
      try World.ip(["link set m\(number) up"])
    }
    try enter(scanner)
    try World.ip(network.interfaces.indices.map { "link set f\($0) up" })
    for namespace in [inside, outside] {
      try enter(namespace)
      for name in ["iptables", "ip6tables"] { try? World.set("net/bridge/bridge-nf-call-\(name)", "0") }
    }
    try enter(scanner)
    try World.awaitInterfaces(network.interfaces.indices.map { "f\($0)" })
    for (number, namespace) in zip(network.interfaces.indices, machines) {
      try enter(namespace)
      try World.awaitInterfaces(["m\(number)"])
    }
    try enter(inside)
    try World.awaitInterfaces(network.interfaces.map(\.name))
  }

  /// The host's address in the network of an interface, by which what is behind it reaches everything else.
  private func router(_ number: Int, _ family: AddressFamily) -> IPAddress? {
    network.interfaces[number].addresses.lazy.compactMap { IPAddress($0.prefix { $0 != "/" }) }.first {
      $0.family == family
    }
  }

  private func side(_ number: Int) -> Side? {
    sides.first { $0.name == network.interfaces[number].name }
  }

  private static func everything(_ family: AddressFamily) -> String { family == .ipv4 ? "0.0.0.0/0" : "::/0" }

  /// Gives the servers and the scanner behind an interface their addresses and routes.
  private func makeMachines(_ number: Int, _ others: [IPAddress]) throws {
    let interface = network.interfaces[number]
    let senders = side(number)?.senders ?? []
    let own = Set(network.own.compactMap { IPAddress($0) })
    var addresses = interface.neighbours.compactMap { IPAddress($0) }
    if interface.name == network.uplink {
      addresses += network.gateways.compactMap { IPAddress($0) } + others
    }
    // Containers have no addresses but those of their network.
    if Self.isBridge(interface.name) {
      addresses = addresses.filter { address in interface.networks.contains { $0.contains(address) } }
    }
    addresses = addresses.filter { !senders.contains($0) && !own.contains($0) }
    addresses = addresses.indices.filter { addresses.firstIndex(of: addresses[$0]) == $0 }.map {
      addresses[$0]
    }
    var commands = addresses.map {
      "address add \($0)/\($0.family.bitWidth) dev m\(number)" + ($0.family == .ipv6 ? " nodad" : "")
    }
    for network in interface.networks where network.length < network.family.bitWidth {
      commands.append("route add \(network) dev m\(number)")
    }
    for family in AddressFamily.allCases {
      guard let router = router(number, family) else { continue }
      commands += [
        "route add \(Self.everything(family)) via \(router) dev m\(number) onlink",
        "neigh replace \(router) lladdr \(Self.hardware(number, .host)) dev m\(number) nud permanent",
      ]
    }
    commands += senders.filter { address in interface.networks.contains { $0.contains(address) } }.map {
      "neigh replace \($0) lladdr \(Self.hardware(number, .scanner)) dev m\(number) nud permanent"
    }
    try enter(machines[number])
    try World.ip(commands)
    let identity = NetworkNamespace.identity ?? 0
    try enter(scanner)
    let known = Set(sides.prefix { $0.name != interface.name }.flatMap(\.senders))
    try World.ip(
      senders.filter { !known.contains($0) }.map {
        "address add \($0)/\($0.family.bitWidth) dev f\(number)" + ($0.family == .ipv6 ? " nodad" : "")
      })
    try enter(inside)
    let areContainers = Self.isBridge(interface.name)
    if areContainers {
      let path = "/mnt/behind-\(interface.name)"
      try Self.check(run(["touch", path]))
      try Self.check(run(["mount", "-c", "--bind", "/proc/self/fd/\(machines[number])", path]))
    }
    servers.append(
      Servers(
        side: interface.name, identity: identity, addresses: addresses, areContainers: areContainers))
  }

  /// Tells the host the hardware addresses of all machines, so that no rule stops their discovery.
  private func makeNeighbours() throws {
    var commands: [String] = []
    for (number, interface) in network.interfaces.enumerated() {
      func add(_ addresses: [IPAddress], _ end: End) {
        commands += addresses.map {
          "neigh replace \($0) lladdr \(Self.hardware(number, end)) dev \(interface.name) nud permanent"
        }
      }
      add(side(number)?.senders ?? [], .scanner)
      let behind = servers[number].addresses
      add(behind.filter { address in interface.networks.contains { $0.contains(address) } }, .servers)
    }
    try World.ip(commands)
  }

  // MARK: Servers

  private func openServers() throws {
    var datagrams: [Int32] = []
    func open(_ address: IPAddress?, _ family: AddressFamily, _ port: UInt16) throws {
      for transport in [IPPROTO_TCP, IPPROTO_UDP] {
        let file = ctest_server_socket_of(
          Int32(transport), family == .ipv4 ? AF_INET : AF_INET6, address?.bytes, port)
        guard file >= 0 else { throw Failure(description: "port \(port): \(-file)") }
        sockets.append(file)
        if transport == IPPROTO_UDP { datagrams.append(file) }
      }
    }
    func open(_ sockets: ScannedPorts.Sockets?, _ port: UInt16, of own: [IPAddress]) throws {
      switch sockets {
      case .everyAddress?: for family in AddressFamily.allCases { try open(nil, family, port) }
      case .everyAddressOfIPv4?: try open(nil, .ipv4, port)
      case .someAddresses?:
        for family in AddressFamily.allCases {
          for address in own.filter({ $0.family == family }).prefix(2) { try open(address, family, port) }
        }
      case nil: break
      }
    }
    let own = network.own.compactMap { IPAddress($0) }
    for port in ports.all { try open(ports.host[port], port, of: own) }
    for (namespace, servers) in zip(machines, servers) {
      try enter(namespace)
      for port in ports.all {
        try open(servers.areContainers ? ports.containers[port] : .everyAddress, port, of: servers.addresses)
      }
    }
    try enter(inside)
    guard pipe(&stop) == 0 else { throw Failure(description: "no pipe: \(errno)") }
    for file in stop { _ = fcntl(file, F_SETFD, FD_CLOEXEC) }
    let end = stop[0]
    answering = try OwnThread { ctest_answer_datagrams(datagrams, Int32(datagrams.count), end) }
  }

  /// Waits until packets pass through each segment, before any rule is loaded: ports of bridges are brought up some time after
  /// they were made, and what is sent before is lost.
  private func awaitSegments() throws {
    func expect(_ address: IPAddress) throws {
      for _ in 0..<100 where try run(["ping", "-n", "-c", "1", "-W", "1", address.description]).status == 0 {
        return
      }
      throw Failure(description: "\(address) does not answer")
    }
    for (number, interface) in network.interfaces.enumerated() {
      guard let side = side(number), let router = router(number, .ipv4) ?? router(number, .ipv6) else {
        continue
      }
      try select(side)
      try enter(scanner)
      defer { try? enter(inside) }
      try expect(router)
      try enter(inside)
      let near = servers[number].addresses.first { address in
        interface.networks.contains { $0.contains(address) }
      }
      if let near { try expect(near) }
    }
  }

  // MARK: Scanning

  /// Makes a side the one behind which strangers are: the route back to them leads there. The scanner reaches everything
  /// through it.
  func select(_ side: Side) throws {
    guard let number = network.interfaces.firstIndex(where: { $0.name == side.name }) else { return }
    let networks = network.interfaces[number].networks
    let strangers = side.senders.filter { address in !networks.contains { $0.contains(address) } }
    try World.ip(
      strangers.map {
        "route replace \($0)/\($0.family.bitWidth) dev \(side.name)"
      })
    _ = ctest_flush_connections()
    try enter(scanner)
    defer { try? enter(inside) }
    _ = try run(["ip", "route", "flush", "table", "main"])
    _ = try run(["ip", "-6", "route", "flush", "table", "main"])
    var commands: [String] = []
    for family in AddressFamily.allCases {
      guard let router = router(number, family) else { continue }
      commands += [
        "route add \(Self.everything(family)) via \(router) dev f\(number) onlink",
        "neigh replace \(router) lladdr \(Self.hardware(number, .host)) dev f\(number) nud permanent",
      ]
    }
    // Its neighbours, it reaches directly.
    for address in servers[number].addresses where networks.contains(where: { $0.contains(address) }) {
      commands += [
        "route add \(address)/\(address.family.bitWidth) dev f\(number)",
        "neigh replace \(address) lladdr \(Self.hardware(number, .servers)) dev f\(number) nud permanent",
      ]
    }
    try World.ip(commands)
  }

  /// The addresses that are scanned: the host's own, and those of its containers.
  var targets: [IPAddress] {
    network.own.compactMap { IPAddress($0) } + servers.filter(\.areContainers).flatMap(\.addresses)
  }

  /// What a sender of the selected side finds open.
  func scan(_ side: Side, from sender: IPAddress, _ targets: [IPAddress], _ scanned: Nmap.Ports) throws
    -> Set<
      Nmap.Open
    >
  {
    guard let number = network.interfaces.firstIndex(where: { $0.name == side.name }) else { return [] }
    let same = targets.filter { $0.family == sender.family }
    if same.isEmpty { return [] }
    try enter(scanner)
    defer { try? enter(inside) }
    return try Nmap.scan(same, scanned, from: sender, by: "f\(number)")
  }

  /// Runs a body, and returns whether a first packet to one of some ports was delivered meanwhile: to the host or to the
  /// machines behind its interfaces.
  func isDelivered(_ transport: IPProtocol, during body: () throws -> Void) throws -> Bool {
    var raws: [(family: AddressFamily, file: Int32)] = []
    defer { for raw in raws { close(raw.file) } }
    for namespace in [inside] + machines {
      try enter(namespace)
      for family in AddressFamily.allCases {
        let file = ctest_raw_socket(family == .ipv4 ? AF_INET : AF_INET6, Int32(transport.number))
        if file >= 0 { raws.append((family, file)) }
      }
    }
    try enter(inside)
    try body()
    var buffer = [UInt8](repeating: 0, count: 4096)
    for raw in raws {
      while true {
        let count = recv(raw.file, &buffer, buffer.count, 0)
        guard count > 0 else { break }
        let seen =
          raw.family == .ipv4
          ? Wire.read(buffer[..<count]) : Wire.readTransport(buffer[..<count], transport)
        if let seen, transport != .tcp || seen.flags == .syn { return true }
      }
    }
    return false
  }
}

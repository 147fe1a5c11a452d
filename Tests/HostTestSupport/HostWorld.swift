// SPDX-License-Identifier: GPL-3.0-or-later

internal import CTestSupport
internal import Glibc
internal import NetworkModel
internal import PacketWalk
internal import Ruleset
internal import TestSupport

/// A host of a test in the calling thread's network namespace. Its interfaces are TAP and TUN devices: what the host sends
/// is read from their descriptors, and what is written to them arrives, before the call returns. What is delivered is seen
/// by raw sockets, which the kernel serves after the hook input.
///
/// It is a class because it owns descriptors.
final class HostWorld {
  struct Failure: Error, CustomStringConvertible { let description: String }

  /// A packet that was seen, and where.
  struct Sighting {
    /// The device by which it left; nil if it was delivered.
    let device: InterfaceName?
    let seen: Wire.Seen
  }

  /// An interface whose packets the test reads and writes.
  private struct Device {
    let name: InterfaceName
    let file: Int32
    let layer: ctest_layer
    let bridge: InterfaceName?
    let behind: HostPart.Behind
  }

  private var devices: [Device] = []
  private var raws: [(family: AddressFamily, transport: IPProtocol, file: Int32)] = []
  private var others: [Int32] = []
  private var polled: [pollfd] = []
  private var buffer = [UInt8](repeating: 0, count: 4096)
  /// The hardware address of every sender outside, except those behind the second port of a bridge.
  private static let outside: [UInt8] = [2, 0, 0, 0, 0, 9]
  private static let second: [UInt8] = [2, 0, 0, 0, 0, 8]
  private var hardware: [InterfaceName: [UInt8]] = [:]

  /// Builds the host. What needs an interface that does not exist is left out.
  init(_ parts: [HostPart]) throws {
    try prepare(parts)
    for part in parts.sorted(by: { $0.stage < $1.stage }) { try build(part, of: parts) }
    addNeighbours(parts)
    for family in AddressFamily.allCases {
      for transport in [IPProtocol.tcp, .udp, IPProtocol(number: 89), IPProtocol(number: 112)] {
        let number = Int32(transport.number)
        let file = family == .ipv4 ? ctest_raw_socket(AF_INET, number) : ctest_raw_socket6(number)
        guard file >= 0 else { throw Failure(description: "raw \(transport): \(-file)") }
        raws.append((family, transport, file))
      }
    }
    // SSH servers, and the proxies of the tables.
    for port: UInt16 in [22, 8443] { others.append(ctest_server_socket(Int32(IPPROTO_TCP), port)) }
    others.append(ctest_server_socket(Int32(IPPROTO_UDP), 5353))
    polled = (devices.map(\.file) + raws.map(\.file)).map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    _ = witness()
  }

  deinit { for file in devices.map(\.file) + raws.map(\.file) + others where file >= 0 { close(file) } }

  private func prepare(_ parts: [HostPart]) throws {
    for kind in ["all", "default"] {
      try Self.set("net/ipv4/conf/\(kind)/rp_filter", parts.contains(.reversePath) ? "1" : "0")
      try Self.set("net/ipv4/conf/\(kind)/send_redirects", "0")
      try Self.set("net/ipv6/conf/\(kind)/accept_dad", "0")
      try Self.set("net/ipv6/conf/\(kind)/autoconf", "0")
      try Self.set("net/ipv6/conf/\(kind)/forwarding", parts.contains(.noForwarding(.ipv6)) ? "0" : "1")
    }
    try Self.set("net/ipv4/ip_forward", parts.contains(.noForwarding(.ipv4)) ? "0" : "1")
    if parts.contains(.bridgedFrames) {
      try Self.set("net/bridge/bridge-nf-call-iptables", "1")
      try Self.set("net/bridge/bridge-nf-call-ip6tables", "1")
    } else {
      try? Self.set("net/bridge/bridge-nf-call-iptables", "0")
      try? Self.set("net/bridge/bridge-nf-call-ip6tables", "0")
    }
  }

  private static func set(_ name: String, _ value: String) throws {
    let file = Glibc.open("/proc/sys/\(name)", O_WRONLY)
    guard file >= 0 else { throw Failure(description: "no \(name)") }
    defer { close(file) }
    let bytes = Array(value.utf8)
    guard write(file, bytes, bytes.count) == bytes.count else {
      throw Failure(description: "cannot set \(name)")
    }
  }

  private func build(_ part: HostPart, of parts: [HostPart]) throws {
    switch part {
    case .card(let name):
      try open(name, CTEST_FRAMES, nil, .network)
      _ = ctest_set_up_without_neighbours(name.description)
    case .tunnel(let name):
      try open(name, CTEST_PACKETS, nil, .network)
      _ = ctest_set_interface_up(name.description)
    case .bridge(let name):
      _ = ctest_add_bridge(name.description)
      _ = ctest_set_interface_up(name.description)
    case .port(let name, let bridge, let behind):
      guard parts.contains(.bridge(bridge)) else { return }
      try open(name, CTEST_FRAMES, bridge, behind)
      _ = ctest_set_master(name.description, bridge.description)
      _ = ctest_set_interface_up(name.description)
    case .address(let name, let address):
      _ = ctest_add_address(
        name.description, address.address.number, address.address.bytes, Int32(address.prefixLength), 0)
    case .lease(let name, let address):
      _ = ctest_add_address(
        name.description, address.address.number, address.address.bytes, Int32(address.prefixLength), 3600)
    case .route(let prefix, let gateway, let name):
      let network = prefix.address
      _ =
        if let gateway {
          ctest_add_route(
            name.description, network.number, network.bytes, Int32(prefix.length), gateway.bytes)
        } else {
          ctest_add_route(name.description, network.number, network.bytes, Int32(prefix.length), nil)
        }
    case .server(let port, let address):
      others.append(
        address.map { ctest_server_socket_at($0.number, $0.bytes, port) }
          ?? ctest_server_socket(Int32(IPPROTO_UDP), port))
    case .group(let name, let group):
      others.append(ctest_join_group(name.description, group.number, group.bytes))
    case .unmarked(let name, let mark):
      for family in [AF_INET, AF_INET6] { _ = ctest_route_unmarked(name.description, family, mark) }
    case .noForwarding, .reversePath, .session, .device, .nameServer, .timeServer, .bridgedFrames: break
    case .table(let text): try nft(load: text)
    }
  }

  private func open(
    _ name: InterfaceName, _ layer: ctest_layer, _ bridge: InterfaceName?, _ behind: HostPart.Behind
  ) throws {
    let file = ctest_tap(name.description, layer)
    guard file >= 0 else { throw Failure(description: "\(name): \(String(cString: strerror(-file)))") }
    devices.append(Device(name: name, file: file, layer: layer, bridge: bridge, behind: behind))
  }

  /// Bridges need to know the hardware addresses of everyone behind them.
  private func addNeighbours(_ parts: [HostPart]) {
    var named: Set<IPAddress> = []
    for part in parts {
      switch part {
      case .route(_, let gateway?, _): named.insert(gateway)
      case .session(let client, _): named.insert(client)
      case .device(_, _, _, let peers): named.formUnion(peers.map(\.address))
      case .nameServer(let server), .timeServer(let server): named.insert(server)
      default: break
      }
    }
    // Where a table translates packets to.
    if let other = IPAddress("192.168.1.1") { named.insert(other) }
    for part in parts {
      switch part {
      case .address(let name, let own), .lease(let name, let own):
        let network = own.network.address
        let hosts = (1...6).map { IPAddress(family: network.family, bits: network.bits + $0) }
        let present = named.filter { own.network.contains($0) }.union(hosts).subtracting([own.address])
        add(present, behind: name, of: parts)
      // A network whose hosts are on the link, though this host has no address in it.
      case .route(let prefix, nil, let name):
        add(named.filter { prefix.contains($0) }, behind: name, of: parts)
      default: break
      }
    }
  }

  private func add(_ hosts: Set<IPAddress>, behind bridge: InterfaceName, of parts: [HostPart]) {
    guard parts.contains(.bridge(bridge)) else { return }
    for host in hosts { _ = ctest_add_neighbour(bridge.description, host.number, host.bytes, Self.outside) }
  }

  // MARK: Packets

  /// Sends a packet into the host through an interface; through a bridge by its first port.
  func inject(_ packet: [UInt8], by interface: InterfaceName, _ link: Link) {
    let ways = devices.filter { $0.name == interface || $0.bridge == interface }
    guard let device = link == .back ? ways.dropFirst().first : ways.first else { return }
    guard device.layer == CTEST_FRAMES else {
      _ = write(device.file, packet, packet.count)
      return
    }
    let type: [UInt8] = packet[0] >> 4 == 4 ? [0x08, 0x00] : [0x86, 0xdd]
    let destination: [UInt8] =
      switch link {
      case .host: hardwareAddress(device.bridge ?? device.name)
      case .everyone: [UInt8](repeating: 0xff, count: 6)
      case .group(let group): group
      case .neighbour: Self.second
      case .back: Self.outside
      }
    let bytes = destination + (link == .back ? Self.second : Self.outside) + type + packet
    _ = write(device.file, bytes, bytes.count)
  }

  /// To whom a frame is sent.
  enum Link: Equatable {
    case host
    case everyone
    case group([UInt8])
    /// From the first port of a bridge to a guest behind the second one.
    case neighbour
    /// From there to a guest behind the first one.
    case back
  }

  private func hardwareAddress(_ name: InterfaceName) -> [UInt8] {
    if let known = hardware[name] { return known }
    var address = [UInt8](repeating: 0, count: 6)
    _ = ctest_hardware_address(name.description, &address)
    hardware[name] = address
    return address
  }

  /// Sends a packet from the host itself.
  func emit(_ packet: [UInt8], to destination: IPAddress, mark: UInt32 = 0, by name: InterfaceName? = nil) {
    _ = ctest_raw_send_marked(
      destination.number, destination.bytes, mark, name?.description ?? "", packet, packet.count)
  }

  /// The source address that the kernel takes.
  func source(towards destination: IPAddress, mark: UInt32) -> IPAddress? {
    var bytes = [UInt8](repeating: 0, count: destination.family.byteWidth)
    guard ctest_source_address(destination.number, destination.bytes, mark, &bytes) == 0 else { return nil }
    return IPAddress(bytes: bytes)
  }

  /// All packets seen since the last call.
  func witness() -> [Sighting] {
    var sightings: [Sighting] = []
    guard poll(&polled, nfds_t(polled.count), 0) > 0 else { return [] }
    for (index, entry) in polled.enumerated() where entry.revents & Int16(POLLIN) != 0 {
      while let sighting = index < devices.count ? left(devices[index]) : delivered(index - devices.count) {
        if let sighting = sighting.packet { sightings.append(sighting) }
      }
    }
    return sightings
  }

  /// What one call read.
  private struct Reading { let packet: Sighting? }

  private func left(_ device: Device) -> Reading? {
    let count = read(device.file, &buffer, buffer.count)
    guard count > 0 else { return nil }
    let header = device.layer == CTEST_FRAMES ? 14 : 0
    guard count > header else { return Reading(packet: nil) }
    let seen = Wire.read(buffer[header..<count])
    return Reading(packet: seen.map { Sighting(device: device.bridge ?? device.name, seen: $0) })
  }

  private func delivered(_ index: Int) -> Reading? {
    let raw = raws[index]
    if raw.family == .ipv4 {
      let count = recv(raw.file, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      return Reading(packet: Wire.read(buffer[..<count]).map { Sighting(device: nil, seen: $0) })
    }
    var (source, destination) = ([UInt8](repeating: 0, count: 16), [UInt8](repeating: 0, count: 16))
    let count = ctest_raw_receive6(raw.file, &buffer, buffer.count, &source, &destination)
    guard count > 0 else { return nil }
    var seen = Wire.readTransport(buffer[..<count], raw.transport)
    (seen.source, seen.destination) = (IPAddress(bytes: source), IPAddress(bytes: destination))
    return Reading(packet: Sighting(device: nil, seen: seen))
  }
}

extension IPAddress {
  /// `AF_INET` or `AF_INET6`.
  var number: Int32 { family == .ipv4 ? AF_INET : AF_INET6 }
}

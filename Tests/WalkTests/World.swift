// SPDX-License-Identifier: GPL-3.0-or-later

import CTestSupport
import Glibc
import NetworkModel
import TestSupport

/// A host between some networks, in two network namespaces: the calling thread's namespace is the host's, the
/// other one contains the far ends of its interfaces. Packets that leave the host are seen there; packets
/// that arrive are seen by raw sockets of the host, which the kernel serves after the hook input. No counter
/// of a table under test is used.
final class World {
  struct Failure: Error, CustomStringConvertible { let description: String }

  let network: TestNetwork

  /// Packets that were seen after one was sent.
  enum Sighting: Hashable {
    case left(String, Wire.Seen)
    case delivered(Wire.Seen)
  }

  /// By interface that a test made, the interface of the network below it.
  var below: [String: String] = [:]

  private let outside: Int32
  private let inside: Int32
  private var frames: [(name: String, file: Int32, destination: [UInt8])] = []
  private var raws: [(family: AddressFamily, transport: IPProtocol, file: Int32)] = []
  private var senders: [AddressFamily: Int32] = [:]
  private var polled: [pollfd] = []
  private var buffer = [UInt8](repeating: 0, count: 4096)

  /// Builds it around the calling thread's namespace, which must belong to a test.
  init(_ network: TestNetwork = .standard) throws {
    self.network = network
    inside = open("/proc/thread-self/ns/net", O_RDONLY)
    try Self.makeRouter()
    try Self.set("net/ipv4/icmp_echo_ignore_all", "1")
    try Self.set("net/ipv6/icmp/echo_ignore_all", "1")
    let code = ctest_unshare_network_namespace()
    outside = open("/proc/thread-self/ns/net", O_RDONLY)
    guard code == 0, inside >= 0, outside >= 0 else { throw Failure(description: "no second namespace") }
    for kind in ["all", "default"] { try Self.set("net/ipv6/conf/\(kind)/disable_ipv6", "1") }
    try enter(inside)
    var commands: [String] = []
    let names = network.interfaces.map(\.name)
    for (number, interface) in network.interfaces.enumerated() {
      let name = interface.name
      commands.append("link add name \(name) type veth peer name far\(number) netns /proc/self/fd/\(outside)")
      commands.append("link set dev \(name) arp off up")
      commands += interface.addresses.map {
        "address add \($0) dev \(name)" + ($0.contains(":") ? " nodad" : "")
      }
    }
    commands += network.gateways.map { gateway in
      "route add \(gateway.contains(":") ? "::/0" : "default") via \(gateway) dev \(network.uplink)"
    }
    try Self.ip(commands)
    try enter(outside)
    try Self.ip(names.indices.map { "link set far\($0) arp off up" })
    for (number, name) in names.enumerated() {
      let file = ctest_frame_socket("far\(number)")
      guard file >= 0 else { throw Failure(description: "frames of \(name): \(-file)") }
      frames.append((name, file, []))
    }
    try enter(inside)
    try Self.awaitInterfaces(names)
    for index in frames.indices {
      var address = [UInt8](repeating: 0, count: 6)
      guard ctest_hardware_address(frames[index].name, &address) == 0 else {
        throw Failure(description: "no hardware address")
      }
      frames[index].destination = address
    }
    for family in AddressFamily.allCases {
      let number = family == .ipv4 ? AF_INET : AF_INET6
      let icmp = family == .ipv4 ? IPProtocol.icmp : .icmpv6
      for transport in [icmp, .tcp, .udp, .esp, .gre, IPProtocol(number: 89), IPProtocol(number: 253)] {
        let file = ctest_raw_socket(number, Int32(transport.number))
        guard file >= 0 else { throw Failure(description: "raw \(transport): \(-file)") }
        raws.append((family, transport, file))
      }
      senders[family] = ctest_raw_socket(number, 255)
    }
    polled = (frames.map(\.file) + raws.map(\.file)).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    _ = try witness()
  }

  /// Makes the calling thread's namespace that of a router, which sends every error.
  static func makeRouter() throws {
    try set("net/ipv4/conf/all/rp_filter", "0")
    try set("net/ipv4/conf/default/rp_filter", "0")
    try set("net/ipv4/ip_forward", "1")
    for kind in ["all", "default"] {
      try set("net/ipv6/conf/\(kind)/forwarding", "1")
      try set("net/ipv6/conf/\(kind)/accept_dad", "0")
      try set("net/ipv6/conf/\(kind)/autoconf", "0")
      try set("net/ipv4/conf/\(kind)/send_redirects", "0")
    }
    try set("net/ipv4/icmp_ratemask", "0")
    try set("net/ipv4/icmp_msgs_per_sec", "1000000")
    try set("net/ipv4/icmp_msgs_burst", "1000000")
    try set("net/ipv6/icmp/ratelimit", "0")
  }

  deinit {
    for file in frames.map(\.file) + raws.map(\.file) + Array(senders.values) + [inside, outside] {
      close(file)
    }
  }

  /// Waits until the kernel has brought all interfaces up: it does so some time after it made them. Then they have link-local
  /// addresses, and the routes of IPv6 through them can be used.
  static func awaitInterfaces(_ names: [String]) throws {
    for _ in 0..<2_000 {
      let text = try run(["cat", "/proc/self/net/if_inet6"]).output
      let ready = text.split(separator: "\n").compactMap { line -> Substring? in
        // Address, index, length, scope, flags, name: IPV6_ADDR_LINKLOCAL, and not IFA_F_TENTATIVE.
        let words = line.split(separator: " ")
        guard words.count == 6, words[3] == "20", (UInt8(words[4], radix: 16) ?? 0) & 0x40 == 0 else {
          return nil
        }
        return words[5]
      }
      if Set(names).isSubset(of: Set(ready.map(String.init))) { return }
      usleep(1_000)
    }
    throw Failure(description: "the interfaces do not come up")
  }

  private func enter(_ namespace: Int32) throws {
    guard ctest_enter_network_namespace(namespace) == 0 else { throw Failure(description: "setns: \(errno)") }
  }

  static func set(_ name: String, _ value: String) throws {
    let file = open("/proc/sys/\(name)", O_WRONLY)
    guard file >= 0 else { throw Failure(description: "no \(name)") }
    defer { close(file) }
    let bytes = Array(value.utf8)
    guard write(file, bytes, bytes.count) == bytes.count else {
      throw Failure(description: "cannot set \(name)")
    }
  }

  static func ip(_ commands: [String]) throws {
    let result = try run(["ip", "-batch", "-"], input: commands.joined(separator: "\n") + "\n")
    guard result.status == 0 else { throw Failure(description: "ip: \(result.errors)") }
  }

  /// Changes a setting that exists only after conntrack is loaded.
  func relaxConntrack() throws { try Self.set("net/netfilter/nf_conntrack_tcp_be_liberal", "1") }

  /// Sends a packet into the host through an interface, from outside.
  func inject(_ packet: [UInt8], by interface: String) {
    let device = below[interface] ?? interface
    guard let frame = frames.first(where: { $0.name == device }) else { return }
    let type: [UInt8] = packet[0] >> 4 == 4 ? [0x08, 0x00] : [0x86, 0xdd]
    let bytes = frame.destination + [2, 0, 0, 0, 0, 9] + type + packet
    _ = send(frame.file, bytes, bytes.count, 0)
  }

  /// Sends a packet from the host itself. Returns the error if the kernel refused it.
  func emit(_ packet: [UInt8], to destination: IPAddress) -> Int32 {
    let family = destination.family == .ipv4 ? AF_INET : AF_INET6
    return ctest_raw_send(senders[destination.family] ?? -1, family, destination.bytes, packet, packet.count)
  }

  /// All packets seen since the last call.
  func witness() throws -> [Sighting] {
    var sightings: [Sighting] = []
    guard poll(&polled, nfds_t(polled.count), 0) > 0 else { return [] }
    for (index, entry) in polled.enumerated() where entry.revents != 0 {
      while true {
        let count = recv(entry.fd, &buffer, buffer.count, 0)
        guard count > 0 else { break }
        if index < frames.count {
          guard count > 14, let seen = Wire.read(buffer[14..<count]) else { continue }
          sightings.append(.left(frames[index].name, seen))
        } else {
          let raw = raws[index - frames.count]
          let seen =
            raw.family == .ipv4
            ? Wire.read(buffer[..<count]) : Wire.readTransport(buffer[..<count], raw.transport)
          if let seen { sightings.append(.delivered(seen)) }
        }
      }
    }
    return sightings
  }
}

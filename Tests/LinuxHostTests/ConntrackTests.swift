// SPDX-License-Identifier: GPL-3.0-or-later

import CSys
import Glibc
import NetworkModel
import TestSupport
import Testing

@testable import Netlink
@testable import LinuxHost

// These tests load a rule that uses the connection state: without such a rule the kernel tracks no
// connections.
@Suite(.enabled(if: OwnNamespace.isPermitted, "network namespaces cannot be created here"))
struct ConntrackTests {
  private static let follow = """
    table inet follow {
      chain input { type filter hook input priority 0; policy accept; ct state established counter; }
      chain nat { type nat hook output priority -100; policy accept; tcp dport 5432 redirect to :5433; }
    }
    """

  private static func all() throws -> (flows: [LiveFlow], listing: Conntrack.Listing) {
    var flows: [LiveFlow] = []
    let listing = try Conntrack.list { flows.append($0) }
    return (flows, listing)
  }

  private static func setting(_ name: String, to value: String) -> Bool {
    guard let file = fopen("/proc/sys/net/netfilter/\(name)", "w") else { return false }
    defer { fclose(file) }
    return fputs(value, file) >= 0 && fflush(file) == 0
  }

  @Test("An open TCP connection is listed with both ends, state and age", arguments: ["127.0.0.1", "::1"])
  func openConnection(_ address: String) throws {
    try OwnNamespace.run {
      #expect(Conntrack.isEmpty)
      try nft(load: Self.follow)
      let hasTime = Self.setting("nf_conntrack_timestamp", to: "1")
      let hasCounters = Self.setting("nf_conntrack_acct", to: "1")
      let server = try TestSocket(SOCK_STREAM, address)
      #expect(listen(server.descriptor, 8) == 0)
      let client = try TestSocket(SOCK_STREAM, address)
      var now = timespec()
      clock_gettime(CLOCK_REALTIME, &now)
      try client.connect(address, port: server.port)
      #expect(!Conntrack.isEmpty)
      let found = try Self.all()
      let flow = try #require(found.flows.first { $0.original.destinationPort == server.port })
      let own = try #require(IPAddress(address))
      #expect(
        flow.original
          == FlowTuple(
            source: own, destination: own, sourcePort: client.port, destinationPort: server.port))
      #expect(flow.reply == flow.original.inverted)
      #expect(flow.transport == .tcp)
      #expect(flow.tcpState == .established)
      #expect(flow.status.isSuperset(of: [.seenReply, .assured, .confirmed]))
      #expect(flow.isAlive)
      #expect(flow.query == nil)
      #expect((flow.timeout ?? 0) > 0)
      #expect(found.listing.flows == found.flows.count)
      #expect(found.listing.unread == 0)
      if hasCounters { #expect((flow.counters?.originalPackets ?? 0) >= 2) }
      if hasTime {
        let start = try #require(flow.start)
        let before = UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
        #expect(start >= before && start < before + 60_000_000_000)
        #expect(flow.age(at: before + 90_000_000_000).map { (30...90).contains($0) } == true)
      }
    }
  }

  @Test("Without the kernel's timestamps the age is nil")
  func noAge() throws {
    try OwnNamespace.run {
      try nft(load: Self.follow)
      guard Self.setting("nf_conntrack_timestamp", to: "0") else { return }
      let receiver = try TestSocket(SOCK_DGRAM, "127.0.0.1")
      let sender = try TestSocket(SOCK_DGRAM, "127.0.0.1")
      try sender.connect("127.0.0.1", port: receiver.port)
      #expect(send(sender.descriptor, "x", 1, 0) == 1)
      let flow = try #require(try Self.all().flows.first { $0.original.destinationPort == receiver.port })
      #expect(flow.transport == .udp)
      #expect(flow.tcpState == nil)
      #expect(!flow.status.contains(.seenReply))
      #expect(flow.start == nil)
      #expect(flow.age(at: .max) == nil)
    }
  }

  @Test("A redirected connection is found by the tuple that its server sees")
  func byReply() throws {
    try OwnNamespace.run {
      try nft(load: Self.follow)
      let server = try TestSocket(SOCK_STREAM, "127.0.0.1", port: 5433)
      #expect(listen(server.descriptor, 8) == 0)
      let client = try TestSocket(SOCK_STREAM, "127.0.0.1")
      try client.connect("127.0.0.1", port: 5432)
      let own = try #require(IPAddress("127.0.0.1"))
      let seen = FlowTuple(source: own, destination: own, sourcePort: 5433, destinationPort: client.port)
      let flow = try #require(try Conntrack.flow(reply: seen, transport: .tcp))
      #expect(flow.original.destinationPort == 5432)
      #expect(flow.reply == seen)
      #expect(flow.status.contains(.destinationNAT))
      #expect(!flow.status.contains(.sourceNAT))
      // Not by the tuple that the client sees, and not with another protocol or zone.
      var other = seen
      other.sourcePort = 5432
      #expect(try Conntrack.flow(reply: other, transport: .tcp) == nil)
      #expect(try Conntrack.flow(reply: seen, transport: .udp) == nil)
      #expect(try Conntrack.flow(reply: seen, transport: .tcp, zone: 7) == nil)
    }
  }

  @Test(
    "A connection that began before anything tracked it is found with its opener, and tracked by a created entry",
    arguments: ["127.0.0.1", "::1"])
  func adopted(_ address: String) throws {
    try OwnNamespace.run {
      let server = try TestSocket(SOCK_STREAM, address)
      #expect(listen(server.descriptor, 8) == 0)
      let client = try TestSocket(SOCK_STREAM, address)
      try client.connect(address, port: server.port)
      let own = try #require(IPAddress(address))
      let tuple = FlowTuple(
        source: own, destination: own, sourcePort: client.port, destinationPort: server.port)
      let sockets = try SocketDiagnostics.connected()
      #expect(sockets.contains { $0.port == client.port && $0.remotePort == server.port })
      #expect(sockets.contains { $0.port == server.port && $0.remotePort == client.port })

      var flow = LiveFlow(transport: .tcp, original: tuple, reply: tuple.inverted)
      flow.timeout = 1000
      flow.tcpState = .established
      flow.mark = 9
      #expect(try Conntrack.create(flow))
      #expect(try !Conntrack.create(flow))
      let found = try #require(try Self.all().flows.first { $0.original == tuple })
      #expect(found.reply == tuple.inverted)
      #expect(found.status.isSuperset(of: [.seenReply, .assured, .confirmed]))
      #expect(found.tcpState == .established && found.mark == 9 && (900...1000).contains(found.timeout ?? 0))

      // The server sends first, in the middle of the sequence numbers: it is the created entry's reply.
      try nft(load: Self.follow)
      let peer = accept(server.descriptor, nil, nil)
      defer { close(peer) }
      #expect(send(peer, "x", 1, 0) == 1)
      var byte: UInt8 = 0
      #expect(recv(client.descriptor, &byte, 1, 0) == 1)
      let after = try Self.all().flows.filter { $0.original == tuple || $0.original == tuple.inverted }
      #expect(after.map(\.original) == [tuple])
      #expect(after.first?.tcpState == .established)

      #expect(try Conntrack.delete(flow))
      #expect(try !Conntrack.delete(flow))
    }
  }

  @Test(
    "A namespace that has only listening TCP sockets is not asked for connections",
    arguments: ["127.0.0.1", "::1"])
  func connectionsByCount(_ address: String) throws {
    try OwnNamespace.run {
      #expect(try !SocketDiagnostics.hasTCP(beside: SocketDiagnostics.listeners().listeners))
      let server = try TestSocket(SOCK_STREAM, address)
      #expect(listen(server.descriptor, 8) == 0)
      let listeners = try SocketDiagnostics.listeners().listeners
      #expect(!SocketDiagnostics.hasTCP(beside: listeners))
      #expect(SocketDiagnostics.hasTCP(beside: []))
      let client = try TestSocket(SOCK_STREAM, address)
      try client.connect(address, port: server.port)
      #expect(SocketDiagnostics.hasTCP(beside: listeners))
      let found = try SocketDiagnostics.connected(beside: listeners)
      #expect(found.contains { $0.port == client.port && $0.remotePort == server.port })
      // What is counted as the listening sockets is not asked for.
      #expect(try SocketDiagnostics.connected(beside: listeners + found).isEmpty)
    }
  }

  @Test("A connected UDP socket is found, and tracked by a created entry") func adoptedUDP() throws {
    try OwnNamespace.run {
      let client = try TestSocket(SOCK_DGRAM, "127.0.0.1")
      try client.connect("127.0.0.1", port: 53)
      #expect(try SocketDiagnostics.connected().contains { $0.protocol == .udp && $0.remotePort == 53 })
      let own = try #require(IPAddress("127.0.0.1"))
      let tuple = FlowTuple(source: own, destination: own, sourcePort: client.port, destinationPort: 53)
      var flow = LiveFlow(transport: .udp, original: tuple, reply: tuple.inverted)
      flow.timeout = 120
      #expect(try Conntrack.create(flow))
      #expect(try Conntrack.flow(reply: tuple.inverted, transport: .udp)?.original == tuple)
    }
  }

  @Test("A namespace without connection tracking has no connections")
  func nothing() throws {
    let flows = try OwnNamespace.run { try Self.all().flows }
    #expect(flows.isEmpty)
  }

  @Test("The recorded bytes of a kernel 6.18 for a redirected session and for a ping are decoded")
  func recorded() throws {
    let session = try #require(
      Conntrack.flow(
        Self.bytes(
          """
          3400018014000180080001007f000001080002007f0000011c000280050001000600000006000200cbd6000006000300
          153800003400028014000180080001007f000001080002007f0000011c00028005000100060000000600020015390000
          06000300cbd6000008000300000001ae080008000000000008000c00f56309ed08000b0000000001080007000006977f
          300004802c0001800500010003000000050002000a000000050003000a00000006000400230000000600050023000000
          1c0009800c00010000000000000000030c00020000000000000000a51c000a800c00010000000000000000020c000200
          0000000000000070100014800c00010018eb022254af4967
          """)))
    let own = try #require(IPAddress("127.0.0.1"))
    var expected = LiveFlow(
      transport: .tcp,
      original: FlowTuple(source: own, destination: own, sourcePort: 52_182, destinationPort: 5432),
      reply: FlowTuple(source: own, destination: own, sourcePort: 5433, destinationPort: 52_182),
      status: FlowStatus(rawValue: 0x1ae))
    expected.tcpState = .established
    expected.timeout = 431_999
    var counters = FlowCounters()
    (counters.originalPackets, counters.originalBytes) = (3, 165)
    (counters.replyPackets, counters.replyBytes) = (2, 112)
    expected.counters = counters
    expected.start = 1_795_531_222_910_191_975
    #expect(session == expected)

    let ping = try #require(
      Conntrack.flow(
        Self.bytes(
          """
          540001802c0001801400030000000000000000000000000000000001140004000000000000000000000000000000000124
          000280050001003a000000060007000ce3000005000800800000000500090000000000540002802c000180140003000000
          000000000000000000000000000114000400000000000000000000000000000000012400028005000100 3a000000060007
          000ce3000005000800810000000500090000000000080003000000018a080008000000000008000c003bb8437a08000b00
          00000001080007000000001e
          """)))
    #expect(ping.transport == .icmpv6)
    #expect(ping.query == ICMPQuery(type: 128, code: 0, identifier: 0x0ce3))
    #expect(ping.original.destination.description == "::1")
    #expect(ping.timeout == 30)
    #expect(ping.counters == nil && ping.start == nil && ping.tcpState == nil)
  }

  private static func bytes(_ hexadecimal: String) -> ArraySlice<UInt8> {
    let digits = hexadecimal.compactMap { $0.hexDigitValue.map { UInt8($0) } }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }[...]
  }

  @Test("Every attribute is decoded")
  func everyAttribute() throws {
    let ping = Self.entry(
      family: 10, Array(repeating: 0xfd, count: 16), Array(repeating: 0xfe, count: 16),
      [
        (CSYS_CTA_PROTO_NUM, [58]), (CSYS_CTA_PROTO_ICMPV6_ID, [0x12, 0x34]),
        (CSYS_CTA_PROTO_ICMPV6_TYPE, [128]), (CSYS_CTA_PROTO_ICMPV6_CODE, [0]),
      ],
      AttributeReader.encode(Int(CSYS_CTA_STATUS), [0, 0, 0, 0x0a]))
    let flow = try #require(Conntrack.flow(ping[...]))
    #expect(flow.transport == .icmpv6)
    #expect(flow.query == ICMPQuery(type: 128, code: 0, identifier: 0x1234))
    #expect(flow.original.sourcePort == 0)
    #expect(flow.original.source.description == "fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd")
    #expect(flow.status == [.seenReply, .confirmed])

    let nested = Int(CSYS_NLA_F_NESTED)
    func counters(_ type: some BinaryInteger, _ packets: UInt8, _ bytes: UInt8) -> [UInt8] {
      AttributeReader.encode(
        Int(type) | nested,
        AttributeReader.encode(Int(CSYS_CTA_COUNTERS_PACKETS), [0, 0, 0, 0, 0, 0, 1, packets])
          + AttributeReader.encode(Int(CSYS_CTA_COUNTERS_BYTES), [0, 0, 0, 0, 0, 1, 0, bytes]))
    }
    let session = Self.entry(
      family: 2, [10, 13, 13, 10], [10, 13, 13, 2],
      [
        (CSYS_CTA_PROTO_NUM, [6]), (CSYS_CTA_PROTO_SRC_PORT, [0x9c, 0x40]),
        (CSYS_CTA_PROTO_DST_PORT, [0x15, 0x38]),
      ],
      AttributeReader.encode(Int(CSYS_CTA_STATUS), [0, 0, 2, 0x0e])
        + AttributeReader.encode(Int(CSYS_CTA_TIMEOUT), [0, 0, 0, 120])
        + AttributeReader.encode(Int(CSYS_CTA_MARK), [0, 0, 1, 0])
        + AttributeReader.encode(Int(CSYS_CTA_ZONE), [0, 9])
        + counters(CSYS_CTA_COUNTERS_ORIG, 2, 3) + counters(CSYS_CTA_COUNTERS_REPLY, 4, 5)
        + AttributeReader.encode(
          Int(CSYS_CTA_PROTOINFO) | nested,
          AttributeReader.encode(
            Int(CSYS_CTA_PROTOINFO_TCP) | nested,
            AttributeReader.encode(Int(CSYS_CTA_PROTOINFO_TCP_STATE), [4])))
        + AttributeReader.encode(
          Int(CSYS_CTA_TIMESTAMP) | nested,
          AttributeReader.encode(Int(CSYS_CTA_TIMESTAMP_START), [0x18, 0x9a, 0, 0, 0, 0, 0, 1])))
    let other = try #require(Conntrack.flow(session[...]))
    #expect(other.original.sourcePort == 40_000)
    #expect(other.original.destinationPort == 5432)
    #expect(other.original.destination.description == "10.13.13.2")
    #expect(other.timeout == 120)
    #expect(other.mark == 256)
    #expect(other.zone == 9)
    #expect(other.tcpState == .finWait)
    #expect(other.start == 0x189a_0000_0000_0001)
    #expect(other.counters?.originalPackets == 258)
    #expect(other.counters?.replyBytes == 65_541)
    // It is being closed, so it is not alive.
    #expect(!other.isAlive)
    // Cut at any byte, it is decoded in part or not at all, and nothing traps.
    for length in 0..<session.count { _ = Conntrack.flow(session[..<length]) }
    #expect(Conntrack.flow(session.dropFirst(4)) == nil)
  }

  private static func entry(
    family: UInt8, _ source: [UInt8], _ destination: [UInt8], _ ports: [(some BinaryInteger, [UInt8])],
    _ rest: [UInt8]
  ) -> [UInt8] {
    let nested = Int(CSYS_NLA_F_NESTED)
    let isIPv4 = family == 2
    func tuple(_ type: some BinaryInteger, _ from: [UInt8], _ to: [UInt8]) -> [UInt8] {
      let addresses =
        AttributeReader.encode(isIPv4 ? 1 : 3, from) + AttributeReader.encode(isIPv4 ? 2 : 4, to)
      return AttributeReader.encode(
        Int(type) | nested,
        AttributeReader.encode(Int(CSYS_CTA_TUPLE_IP) | nested, addresses)
          + AttributeReader.encode(
            Int(CSYS_CTA_TUPLE_PROTO) | nested,
            ports.flatMap { AttributeReader.encode(Int($0.0), $0.1) }))
    }
    return tuple(CSYS_CTA_TUPLE_ORIG, source, destination)
      + tuple(CSYS_CTA_TUPLE_REPLY, destination, source) + rest
  }
}

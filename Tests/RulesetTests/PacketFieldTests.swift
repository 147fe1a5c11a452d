// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import Testing

@Suite("The catalogue of packet fields")
struct PacketFieldTests {
  /// Every field, with each direction and some flags.
  static let all: [PacketField] =
    MetaKey.allCases.map { .meta($0) } + HeaderField.allCases.map { .header($0) }
    + ConnectionKey.allCases.flatMap { key in
      [nil, .original, .reply].map { .connection(key, $0) }
    }
    + RouteResult.allCases.flatMap { result in
      [NFT.fibDestination, NFT.fibSource | NFT.fibInput | NFT.fibPresent].map { .route(result, flags: $0) }
    }
    + SourceRoute.allCases.map { .sourceRoute($0) }

  @Test("recognises each field in the expression that loads it, in any register", arguments: all)
  func roundTrip(_ field: PacketField) throws {
    for family in AddressFamily.allCases {
      if case .header(let header) = field {
        let other: HeaderField.Header = family == .ipv4 ? .ipv6 : .ipv4
        if header.header == other { continue }
      }
      for register: UInt32 in [1, 2, 9, 20] {
        var flow = RegisterFlow(family: family)
        flow.execute(field.load(into: register)) { _ in nil }
        let piece = try #require(flow.piece(at: register))
        #expect(piece.wholeField == field)
        #expect((field.form.length...field.form.longest).contains(piece.length))
      }
    }
  }

  @Test("has no two fields with the same bytes of a header")
  func disjoint() {
    for header in HeaderField.Header.allCases {
      let places = HeaderField.fields(of: header).map(\.bytes)
      for (one, two) in zip(places, places.dropFirst()) { #expect(one.end <= two.offset) }
      #expect(!places.isEmpty)
    }
    let (ports, tcp) = (HeaderField.fields(of: .ports), HeaderField.fields(of: .tcp))
    #expect(ports.allSatisfy { port in tcp.allSatisfy { port.bytes.end <= $0.bytes.offset } })
  }

  @Test(
    "finds whole fields, parts and several fields in a load",
    arguments: [
      (1, 12, 4, .ipv4, "ip saddr[0..<4]"), (1, 12, 3, .ipv4, "ip saddr[0..<3]"),
      (1, 14, 2, .ipv4, "ip saddr[2..<4]"), (1, 12, 8, .ipv4, "ip saddr[0..<4] ip daddr[0..<4]"),
      (1, 8, 4, .ipv4, "ip ttl[0..<1] ip protocol[0..<1] -[10..<12]"), (1, 8, 16, .ipv6, "ip6 saddr[0..<16]"),
      (1, 8, 1, .ipv6, "ip6 saddr[0..<1]"), (1, 7, 2, .ipv6, "ip6 hoplimit[0..<1] ip6 saddr[0..<1]"),
      (1, 12, 2, nil, "ip saddr[0..<2]"), (1, 8, 16, nil, "ip6 saddr[0..<16]"), (1, 10, 2, nil, "-[10..<12]"),
      (2, 0, 2, .ipv4, "th sport[0..<2]"), (2, 0, 4, nil, "th sport[0..<2] th dport[0..<2]"),
      (2, 0, 1, nil, "icmp type[0..<1]"), (2, 1, 1, nil, "icmp code[0..<1]"),
      (2, 3, 1, nil, "th dport[1..<2]"),
      (2, 12, 2, nil, "-[12..<13] tcp flags[0..<1]"), (2, 20, 4, nil, "-[20..<24]"),
      (0, 6, 6, .ipv4, "-[6..<12]"), (3, 0, 2, .ipv4, "-[0..<2]"), (1, 12, 0, .ipv4, "-[12..<12]"),
    ] as [(UInt32, Int, Int, AddressFamily?, String)])
  func parts(_ base: UInt32, _ offset: Int, _ length: Int, _ family: AddressFamily?, _ text: String) {
    let parts = HeaderBytes(base: base, offset: offset, length: length).parts(family)
    let words = parts.map { part in
      let start = part.offset - (part.field?.bytes.offset ?? 0)
      let name = part.field.map { PacketField.header($0).name(nil) } ?? "-"
      return "\(name)[\(start)..<\(start + part.length)]"
    }
    #expect(words.joined(separator: " ") == text)
  }

  @Test(
    "says which loads may reach the ports",
    arguments: [
      (2, 0, 2, nil, false, true), (2, 0, 4, nil, true, true), (2, 2, 2, nil, true, false),
      (2, 13, 1, nil, false, false), (1, 16, 4, .ipv4, false, false), (1, 20, 2, .ipv4, true, true),
      (1, 24, 16, .ipv6, false, false), (1, 24, 16, nil, true, true), (1, 40, 2, .ipv6, true, true),
      (0, 6, 6, nil, false, false), (0, 12, 4, nil, true, true), (3, 0, 1, .ipv4, true, true),
    ] as [(UInt32, Int, Int, AddressFamily?, Bool, Bool)])
  func reach(
    _ base: UInt32, _ offset: Int, _ length: Int, _ family: AddressFamily?, _ destination: Bool,
    _ source: Bool
  ) {
    let bytes = HeaderBytes(base: base, offset: offset, length: length)
    #expect(bytes.mayReach(.destinationPort, family) == destination)
    #expect(bytes.mayReach(.sourcePort, family) == source)
  }
}

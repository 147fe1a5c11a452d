// SPDX-License-Identifier: GPL-3.0-or-later

@testable import LinuxHost
import Netlink
import NetworkModel
import PacketWalk
import TestSupport
import Testing

@Suite("The element that a packet has in a set of ipset")
struct IPSetKindTests {
  private static func question(
    _ sides: [IPSetQuestion.Side], _ transport: IPProtocol = .tcp, source: String = "192.0.2.1",
    destination: String = "192.0.2.2", mark: UInt32? = 7
  ) throws -> IPSetQuestion {
    var packet = Packet(
      source: try #require(IPAddress(source)), destination: try #require(IPAddress(destination)),
      transport: transport, destinationPort: 443, input: nil)
    packet.sourcePort = transport.hasPorts ? 40_000 : 0
    return IPSetQuestion(
      set: 0, sides: sides, packet: packet, input: InterfaceName("eth0"), output: nil, mark: mark)
  }

  /// An attribute with its type, the flags included.
  private static func attribute(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
    withUnsafeBytes(of: UInt16(4 + value.count)) { Array($0) } + withUnsafeBytes(of: type) { Array($0) }
      + value
      + [UInt8](repeating: 0, count: -value.count & 3)
  }
  /// `IPSET_ATTR_IP` or `IPSET_ATTR_IP2`, with `IPSET_ATTR_IPADDR_IPV4` in it.
  private static func address(_ type: UInt16, _ bytes: [UInt8]) -> [UInt8] {
    attribute(0x8000 | type, attribute(0x4000 | 1, bytes))
  }
  private static let port = attribute(0x4000 | 4, [1, 187])
  private static let tcp = attribute(7, [6])

  @Test("has the parts that the type of the set names, each of the side that the rule names")
  func parts() throws {
    let one = [UInt8]([192, 0, 2, 1]), two = [UInt8]([192, 0, 2, 2])
    let cases: [(type: String, sides: [IPSetQuestion.Side], element: [UInt8])] = [
      ("hash:ip", [.source], Self.address(1, one)),
      ("hash:net", [.destination], Self.address(1, two)),
      ("bitmap:ip", [.source, .destination], Self.address(1, one)),
      ("hash:ip,port", [.source, .destination], Self.address(1, one) + Self.port + Self.tcp),
      (
        "hash:ip,port,net", [.source, .destination, .destination],
        Self.address(1, one) + Self.port + Self.tcp + Self.address(20, two)
      ),
      ("hash:net,net", [.destination, .source], Self.address(1, two) + Self.address(20, one)),
      ("bitmap:port", [.destination], Self.port),
      (
        "hash:net,iface", [.source, .source],
        Self.address(1, one) + Self.attribute(23, Array("eth0".utf8) + [0])
      ),
      (
        "hash:ip,mark", [.source, .source], Self.address(1, one) + Self.attribute(0x4000 | 10, [0, 0, 0, 7])
      ),
    ]
    for (type, sides, element) in cases {
      let kind = IPSetKind(name: "s", type: type, family: type == "bitmap:port" ? 0 : 2)
      #expect(kind.element(of: try Self.question(sides)) == .attributes(element), "\(type)")
    }
  }

  @Test(
    "is not there for another family, a missing interface, too few sides, and addresses of the link as destination"
  )
  func nothing() throws {
    let six = IPSetKind(name: "s", type: "hash:ip", family: 10)
    #expect(six.element(of: try Self.question([.source])) == .none)
    let pair = IPSetKind(name: "s", type: "hash:ip,port", family: 2)
    #expect(pair.element(of: try Self.question([.source])) == .none)
    let card = IPSetKind(name: "s", type: "hash:net,iface", family: 2)
    #expect(card.element(of: try Self.question([.source, .destination])) == .none)
    #expect(
      IPSetKind(name: "s", type: "hash:mac", family: 0).element(of: try Self.question([.destination]))
        == .none)
    // Ports alone: of TCP and UDP only.
    let ports = IPSetKind(name: "s", type: "bitmap:port", family: 0)
    #expect(ports.element(of: try Self.question([.destination], .sctp)) == .none)
  }

  @Test("is not known for addresses of the link, a mark that is not known, and types of a later kernel")
  func unknown() throws {
    #expect(
      IPSetKind(name: "s", type: "hash:mac", family: 0).element(of: try Self.question([.source])) == .unknown)
    #expect(
      IPSetKind(name: "s", type: "hash:ip,mark", family: 2).element(
        of: try Self.question([.source, .source], mark: nil))
        == .unknown)
    #expect(
      IPSetKind(name: "s", type: "hash:ip,vlan", family: 2).element(
        of: try Self.question([.source, .source])) == .unknown)
  }

  @Test("has type and code of ICMP as its port")
  func icmp() throws {
    let kind = IPSetKind(name: "s", type: "hash:ip,port", family: 2)
    let element =
      Self.address(1, [192, 0, 2, 1]) + Self.attribute(0x4000 | 4, [8, 0]) + Self.attribute(7, [1])
    #expect(kind.element(of: try Self.question([.source, .destination], .icmp)) == .attributes(element))
  }

  @Test("is read from the kernel's header of the set, and its members from a listing")
  func answers() {
    let header =
      Self.attribute(1, [7]) + Self.attribute(2, Array("blocked".utf8) + [0])
      + Self.attribute(3, Array("hash:net".utf8) + [0]) + Self.attribute(5, [2]) + Self.attribute(4, [6])
    #expect(IPSetKind(header: header[...]) == IPSetKind(name: "blocked", type: "hash:net", family: 2))
    #expect(IPSetKind(header: Self.attribute(2, [97, 0])[...]) == nil)
    let member = { (name: String) in Self.attribute(0x8000 | 7, Self.attribute(18, Array(name.utf8) + [0])) }
    let listing = Self.attribute(1, [7]) + Self.attribute(0x8000 | 8, member("one") + member("two"))
    #expect(IPSetKind.members(listing[...]) == ["one", "two"])
  }
}

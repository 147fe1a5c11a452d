// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyLanguage
import Testing

@Suite("Live facts") struct LiveFactsTests {
  private static func facts(_ number: UInt8) throws -> LiveFacts {
    let bridge = try #require(InterfaceName("br\(number)"))
    let address = try #require(IPAddress("192.0.2.\(number)"))
    var facts = LiveFacts(
      ["laptop": [address]], sharedBridges: [bridge], networks: ["home": [bridge: [Prefix(address)]]],
      ports: ["home": [bridge: LivePort(port: UInt16(number), peers: [address])]])
    facts.bridges = [bridge]
    return facts
  }

  @Test("of a source that cannot be read keep their last value; those of the other source are the new ones")
  func unread() throws {
    let (last, now) = (try Self.facts(1), try Self.facts(2))
    #expect(now.with(last, for: []) == now)
    #expect(LiveFacts().with(last, for: [.links, .wireGuard]) == last)
    var links = LiveFacts(now.addresses, ports: now.ports)
    links = links.with(last, for: [.links])
    #expect(links.sharedBridges == last.sharedBridges && links.bridges == last.bridges)
    #expect(links.networks == last.networks)
    #expect(links.addresses == now.addresses && links.ports == now.ports)
    let wireGuard = now.with(last, for: [.wireGuard])
    #expect(wireGuard.addresses == last.addresses && wireGuard.ports == last.ports)
    #expect(wireGuard.sharedBridges == now.sharedBridges && wireGuard.networks == now.networks)
  }

  @Test("of a WireGuard device that does not answer keep its port, and the endpoints that only it knows")
  func device() throws {
    let last = try Self.facts(1)
    let (failed, other) = (try #require(InterfaceName("br1")), try #require(InterfaceName("wg9")))
    #expect(LiveFacts().with(last, for: [.device(failed)]) == LiveFacts(last.addresses, ports: last.ports))
    #expect(LiveFacts().with(last, for: [.device(other)]) == LiveFacts(last.addresses))
    var now = LiveFacts(try Self.facts(2).addresses, ports: ["home": [other: LivePort(port: 9, peers: [])]])
    now = now.with(last, for: [.device(failed)])
    #expect(now.addresses == (try Self.facts(2).addresses))
    #expect(now.ports["home"]?.keys.sorted() == [failed, other])
  }

  @Test("that were read and are empty replace the last ones")
  func gone() throws {
    #expect(LiveFacts().with(try Self.facts(1), for: []) == LiveFacts())
  }
}

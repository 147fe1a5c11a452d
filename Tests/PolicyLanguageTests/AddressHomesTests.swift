// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyLanguage
import Testing

@Suite("Homes of addresses") struct AddressHomesTests {
  @Test("an endpoint is outside the tunnel, even inside subnets of its machine or of another one")
  func endpoints() throws {
    let path = "\(repository)/Tests/Golden/accepted/endpoint-inside-subnets/policy.yaml"
    let bytes = try #require(contents(path))
    let policy = try valid(String(decoding: bytes, as: UTF8.self))
    let home = try #require(policy.machines.first { $0.name == "home" })
    let homes = AddressHomes(on: home, tunnels: policy.tunnels, machines: policy.machines)
    for (address, kind) in [
      ("198.51.100.7", nil), ("2001:db8:b::7", nil), ("198.51.100.6", .remoteSubnets),
      ("2001:db8:b::6", .remoteSubnets), ("10.13.13.2", .tunnel), ("203.0.113.10", nil),
    ] as [(String, AddressHomes.Kind?)] {
      let prefix = try #require(Prefix(address))
      #expect(homes.home(of: prefix)?.kind == kind, "\(address)")
    }
  }
}

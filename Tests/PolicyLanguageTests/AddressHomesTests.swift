// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyLanguage
import TestSupport
import Testing

@Suite("Homes of addresses") struct AddressHomesTests {
  @Test("an endpoint is outside the tunnel, even in a subnet of its own or another machine")
  func endpoints() throws {
    let path = "\(repository)/Tests/Golden/accepted/endpoint-inside-subnets/policy.yaml"
    let bytes = try #require(contents(path))
    let homes = try homes(on: "home", String(decoding: bytes, as: UTF8.self))
    for (address, kind) in [
      ("198.51.100.7", nil), ("2001:db8:b::7", nil), ("198.51.100.6", .remoteSubnets),
      ("2001:db8:b::6", .remoteSubnets), ("10.13.13.2", .tunnel), ("203.0.113.10", nil),
    ] as [(String, AddressHomes.Kind?)] {
      let prefix = try #require(Prefix(address))
      #expect(homes.home(of: prefix)?.kind == kind, "\(address)")
    }
  }

  /// The parts of a policy of two machines that determine the home of an address.
  struct Site: CustomStringConvertible {
    var zones: [Prefix]
    var subnets: [Prefix]
    var endpoints: [Prefix]

    static let tunnel = "10.13.13.0/24"

    var description: String {
      var text = """
        version: 1
        tunnels: { wg0: { prefixes: [\(Self.tunnel)], listen: 51820 } }
        machines:
          home:
            addresses: { wg0: 10.13.13.1 }
            zones:

        """
      for (number, prefix) in zones.enumerated() {
        text += "      z\(number): { interfaces: [eth\(number)], prefixes: [\(prefix)] }\n"
      }
      let list = subnets.map(\.description).joined(separator: ", ")
      text += "  office: { addresses: { wg0: 10.13.13.2 }, subnets: [\(list)]"
      if !endpoints.isEmpty {
        text += ", endpoint: [\(endpoints.map(\.description).joined(separator: ", "))]"
      }
      return text + " }\nallow: [ { to: home, services: [ssh], from: office } ]\n"
    }

    /// The home of an address by the table of docs/policy-language.md: the tunnel first, then the longest
    /// prefix.
    func home(of address: IPAddress) -> [String] {
      if Prefix(Self.tunnel).map({ $0.contains(address) }) == true { return ["wg0"] }
      let zone = zones.indices.filter { zones[$0].contains(address) }.max {
        zones[$0].length < zones[$1].length
      }
      let isEndpoint = endpoints.contains(Prefix(address))
      let subnet = isEndpoint ? nil : subnets.filter { $0.contains(address) }.max { $0.length < $1.length }
      switch (zone, subnet) {
      case (let zone?, let subnet?) where subnet.length > zones[zone].length: return ["wg0"]
      case (let zone?, _): return ["z\(zone)"]
      case (nil, .some): return ["wg0"]
      case (nil, nil): return []
      }
    }
  }

  @Test(
    "between a zone and a subnet of another machine the longer prefix wins, and no address has two homes"
  )
  func longestPrefix() throws {
    var random = SeededGenerator(seed: 4)
    var inBoth = 0
    for _ in 0..<400 {
      let site = Self.randomSite(&random)
      let decoded = decode("\(site)")
      let isCovered = decoded.diagnostics.contains { $0.message.contains("has no address left") }
      guard let policy = decoded.policy else {
        #expect(isCovered, "\(site)\(DiagnosticText().render(decoded.diagnostics))")
        continue
      }
      let home = try #require(policy.machines.first { $0.name == "home" })
      let homes = AddressHomes(on: home, tunnels: policy.tunnels, machines: policy.machines)
      for prefix in site.zones + site.subnets + site.endpoints + [try #require(Prefix(Site.tunnel))] {
        for _ in 0..<4 {
          let bits =
            prefix.address.bits + UInt128(random.next() % UInt64(prefix.last.bits - prefix.address.bits + 1))
          let address = IPAddress(family: .ipv4, bits: bits)
          let expected = site.home(of: address)
          let holding = homes.homes.filter { $0.prefixes.contains { $0.contains(address) } }
          #expect(holding.first?.zones ?? [] == expected, "\(address)\n\(site)")
          // A zone's prefix can contain a tunnel's, which is looked up first. Other homes have no address in
          // common.
          #expect(
            holding.count <= (expected == ["wg0"] && holding.first?.kind == .tunnel ? 2 : 1),
            "\(address)\n\(site)")
          if site.zones.contains(where: { $0.contains(address) }),
            site.subnets.contains(where: { $0.contains(address) })
          {
            inBoth += 1
          }
        }
      }
    }
    #expect(inBoth > 400, "too few addresses in a zone and in a subnet")
  }

  private static func randomSite(_ random: inout SeededGenerator) -> Site {
    func prefixes(_ most: Int, apartFrom others: [Prefix] = []) -> [Prefix] {
      var result: [Prefix] = []
      for _ in 0..<Int.random(in: 1...most, using: &random) {
        let bits = UInt128(0x0a0d_0000) | UInt128(UInt16.random(in: .min ... .max, using: &random))
        let prefix = Prefix(
          containing: IPAddress(family: .ipv4, bits: bits), length: Int.random(in: 12...32, using: &random))
        if !(result + others).contains(where: { $0.overlaps(prefix) }) { result.append(prefix) }
      }
      return result.sorted()
    }
    let tunnel = Prefix(Site.tunnel).map { [$0] } ?? []
    var site = Site(zones: [], subnets: prefixes(4, apartFrom: tunnel), endpoints: [])
    site.zones = prefixes(3).filter { prefix in !tunnel.contains { $0.contains(prefix) } }
    if site.zones.isEmpty { site.zones = [Prefix("10.0.0.0/8")].compactMap { $0 } }
    if site.subnets.isEmpty { site.subnets = [Prefix("10.13.200.0/24")].compactMap { $0 } }
    if Bool.random(using: &random), let subnet = site.subnets.randomElement(using: &random) {
      site.endpoints = [Prefix(subnet.last)]
    }
    return site
  }

  private func homes(on machine: String, _ text: String) throws -> AddressHomes {
    let policy = try valid(text)
    let home = try #require(policy.machines.first { $0.name == machine })
    return AddressHomes(on: home, tunnels: policy.tunnels, machines: policy.machines)
  }
}

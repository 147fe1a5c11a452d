// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketSets
import Testing

@Suite("The fields of a packet space")
struct PacketSpaceFieldTests {
  @Test("have a bit each in the set of limited fields")
  func count() {
    #expect(PacketSpace.Field.allCases.map(\.rawValue) == Array(PacketSpace.Field.allCases.indices))
    #expect(PacketSpace.Field.allCases.count <= 32)
  }

  @Test("make a difference when one space is taken from another", arguments: PacketSpace.Field.allCases)
  func difference(_ field: PacketSpace.Field) throws {
    let all = PacketSpace(.ipv4, input: .present, output: .present)
    let first = try #require(all[field].first)
    let one = try #require(all.narrowed(field, to: IntervalSet(first)))
    let rest = all.subtracting(one)
    #expect(rest.count == 1)
    #expect(rest.first?[field] == all[field].subtracting(IntervalSet(first)))
    #expect(one.isDisjoint(with: rest[0]))
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import Ruleset
import TestSupport
import Testing

@testable import PacketWalk

@Suite("Comparisons of registers of which some bits are known")
struct RegisterComparisonTests {
  @Test("hold, or do not, as they do for every value of the other bits", arguments: 0..<20 as Range<UInt64>)
  func agree(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<200 {
      let value = UInt16(random.number(0...0xffff))
      // At most six unknown bits: all their values are tried.
      var unknown: UInt16 = 0
      for _ in 0..<random.number(0...6) { unknown |= 1 << UInt16(random.number(0...15)) }
      let data =
        random.oneIn(2) ? UInt16(random.number(0...0xffff)) : value ^ (1 << UInt16(random.number(0...15)))
      func bytes(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xff)] }
      var registers = RegisterFile()
      registers.write(ArraySlice(bytes(value)), known: ArraySlice(bytes(~unknown)), at: 4)
      let operations: [(UInt32, (UInt16, UInt16) -> Bool)] = [
        (NFT.equal, { $0 == $1 }), (NFT.notEqual, { $0 != $1 }), (NFT.less, { $0 < $1 }),
        (NFT.lessOrEqual, { $0 <= $1 }), (NFT.greater, { $0 > $1 }), (NFT.greaterOrEqual, { $0 >= $1 }),
      ]
      for (operation, holds) in operations {
        var results: Set<Bool> = []
        var rest = unknown
        while true {
          results.insert(holds(value & ~unknown | rest, data))
          if rest == 0 { break }
          rest = (rest - 1) & unknown
        }
        let wanted = results.count == 1 ? results.first : nil
        let found = registers.compare(4, operation, bytes(data))
        let text = "\(value) without the bits \(unknown), operation \(operation), with \(data)"
        #expect(found == nil || found == wanted, "\(text)")
        // A difference above all unknown bits decides.
        if unknown < (value ^ data) & ~unknown { #expect(found == wanted, "\(text)") }
      }
    }
  }
}

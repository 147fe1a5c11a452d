// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import PolicyCompiler
import Ruleset
import Testing

@Suite("What is stored on disk")
struct PersistedStateTests {
  static let table = Lowering.table(PolicyCompiler.lastResort)

  static let provenance = Provenance(
    kind: .policy, path: "a=b\\\n/p.yaml", digest: "00ff", machine: "m", by: "\u{301}eric \\n \r\n=\r",
    since: 5)

  @Test("a stored ruleset reads back as the table and the origin that were written")
  func storedRuleset() throws {
    let stored = try StoredRuleset(Self.table, Self.provenance)
    let read = try #require(StoredRuleset(stored.bytes))
    #expect(read.provenance == Self.provenance)
    #expect(Plan(desired: Self.table, observed: read.table).isEmpty)
  }

  @Test("damage to a stored ruleset is detected wherever it is cut or changed")
  func damage() throws {
    let bytes = try StoredRuleset(Self.table, Self.provenance).bytes
    for length in stride(from: 0, to: bytes.count, by: 97) {
      #expect(StoredRuleset(Array(bytes[..<length])) == nil, "cut at \(length)")
    }
    for place in stride(from: 0, to: bytes.count, by: 61) {
      var changed = bytes
      changed[place] ^= 0x20
      #expect(StoredRuleset(changed) == nil, "changed at \(place)")
    }
  }

  @Test("damage to a stored state is detected at every byte")
  func damagedState() throws {
    var state = PersistedState()
    state.inForce = 3
    state.superseded = ["x\n\\=y", "z"]
    state.file = "z"
    state.pending = PersistedState.Pending(
      back: 2, superseded: ["a", "b"], deadline: 99, boot: "b", seconds: 60, by: "eric\n\r",
      connections: ["1,2>3,4", "5,6>7,8"])
    state.panic = PersistedState.Panic(since: 4, by: "\u{301}ryan\r", behind: 9)
    let bytes = state.bytes
    #expect(PersistedState(bytes) == state)
    for place in bytes.indices {
      #expect(PersistedState(Array(bytes[..<place])) == nil)
      var changed = bytes
      changed[place] ^= 1
      #expect(PersistedState(changed) == nil)
    }
  }

  @Test("the lines that a person may read with head contain no terminal control characters")
  func printable() throws {
    var provenance = Self.provenance
    provenance.by = "\u{1b}[2J\u{85}\u{202e}\u{e0041}\r\n\\u{41}"
    let stored = try StoredRuleset(Self.table, provenance)
    #expect(try #require(StoredRuleset(stored.bytes)).provenance == provenance)
    let words = stored.bytes.dropLast(stored.batch.count)
    #expect(words.allSatisfy { $0 == 0x0a || (0x20..<0x7f).contains($0) })
  }

  @Test("ten rulesets before the one in force are stored, and none that is needed is deleted")
  func history() throws {
    var template = Array("/tmp/wgfence-XXXXXX".utf8CString)
    let path = String(cString: try #require(mkdtemp(&template)))
    let directory = StateDirectory("\(path)/state")
    let ruleset = try StoredRuleset(Self.table, Self.provenance)
    for number in 1...20 { try directory.write(ruleset, number: number, holding: [3]) }
    #expect(directory.numbers() == [3] + Array(10...20))
    #expect(directory.ruleset(20).value?.provenance == Self.provenance)
    #expect(directory.ruleset(4).value == nil)
    try directory.write(PersistedState())
    #expect(directory.state().value == PersistedState())
    guard let lock = try directory.lock() else { throw CancellationError() }
    if try directory.lock() != nil { Issue.record("the lock was taken twice") }
    _ = consume lock
    for number in directory.numbers() { try? directory.remove(number: number) }
    for name in ["state/state", "state/lock"] { unlink("\(path)/\(name)") }
    for name in ["state/rulesets", "state", ""] { rmdir("\(path)/\(name)") }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import ReleaseTestSupport
import Releases
import TestSupport
import Testing

@Suite("The texts of a release")
struct ReleaseTextTests {
  typealias Draft = ReleaseDraft

  static func error(_ body: () throws(ReleaseTextError) -> Void) -> ReleaseTextError? {
    do throws(ReleaseTextError) {
      try body()
      return nil
    } catch {
      return error
    }
  }

  /// Random statements, with everything that a statement can have.
  static func random(_ generator: inout SeededGenerator) throws -> Statement {
    var statement = try Draft.statement(
      epoch: UInt64(generator.number(1...5)), serial: UInt64(generator.number(2...1_000_000)))
    statement.issued = UTCTime(seconds: Int64(generator.number(0...253_402_300_799)))
    statement.freshUntil = generator.oneIn(2) ? nil : statement.issued.adding(86_400)
    statement.lists = (0..<generator.number(0...3)).map {
      .init(generator.bytes(9), name: "lists/\($0) ü.txt")
    }
    statement.commit = generator.oneIn(2) ? nil : String(repeating: "f", count: generator.oneIn(2) ? 40 : 64)
    statement.because = generator.oneIn(2) ? nil : "wave 0 *: it's späť 🚒"
    let waves = generator.number(0...3)
    statement.waves = (0..<waves).map {
      Statement.Wave(
        name: "wave-\($0)", floor: UInt32($0 * 10),
        members: $0 == waves - 1 ? ["*"] : ["m\($0)", "group-\($0)"])
    }
    if generator.oneIn(2) {
      statement.fallBack = .release(statement.serial - 1, until: statement.issued.adding(3600))
    }
    return statement
  }

  @Test("a statement that is written is read as the same, and is written again as the same bytes")
  func roundTrip() throws {
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<500 {
      let statement = try Self.random(&generator)
      #expect(try Statement(statement.bytes) == statement)
    }
  }

  @Test("a statement that is changed at random is refused, or is written again as the same bytes")
  func oneForm() throws {
    var generator = SeededGenerator(seed: 6)
    var refused = 0
    for _ in 0..<4000 {
      var bytes = try Self.random(&generator).bytes
      switch generator.number(0...3) {
      case 0: bytes[generator.number(0...(bytes.count - 1))] ^= 1 << UInt8(generator.number(0...7))
      case 1: bytes.remove(at: generator.number(0...(bytes.count - 1)))
      case 2:
        bytes.insert(generator.one(of: Array("\n 0-*z\u{1b}".utf8)), at: generator.number(0...bytes.count))
      default:
        let lines = bytes.split(separator: 0x0a)
        let line = Array(generator.one(of: Array(lines))) + [0x0a]
        bytes.insert(contentsOf: line, at: 0)
        if generator.oneIn(2) { bytes = Array(bytes.dropFirst(line.count)) + line }
      }
      do throws(ReleaseTextError) { #expect(try Statement(bytes).bytes == bytes) } catch { refused += 1 }
    }
    #expect(refused > 1000)
  }

  /// A change of a line of the statement below, and what is said about it.
  static let faults: [(line: Int, text: String?, error: String)] = [
    (1, "wgfence release 2", "statement, line 1, column 1: the first line is not 'wgfence release 1'"),
    (
      2, "fleet Office",
      "statement, line 2, column 7: the name of a fleet is needed here: lower-case letters, digits and hyphens, 64 at most"
    ),
    (2, nil, "statement, line 2, column 1: 'fleet' is needed here"),
    (3, "epoch 0", "statement, line 3, column 7: a number from 1 to 9223372036854775807 is needed here"),
    (3, "epoch 01", "statement, line 3, column 7: a number from 1 to 9223372036854775807 is needed here"),
    (
      4, "serial 9223372036854775808",
      "statement, line 4, column 8: a number from 1 to 9223372036854775807 is needed here"
    ),
    (4, "serial +1", "statement, line 4, column 8: a number from 1 to 9223372036854775807 is needed here"),
    (4, "serial  1", "statement, line 4, column 8: a number from 1 to 9223372036854775807 is needed here"),
    (4, "serial 1\nserial 2", "statement, line 5, column 1: 'issued' is needed here"),
    (
      5, "issued 2026-02-30T00:00:00Z",
      "statement, line 5, column 8: a time in UTC is needed here: 2026-01-31T12:00:00Z"
    ),
    (
      6, "fresh-until soon",
      "statement, line 6, column 13: a time in UTC is needed here: 2026-01-31T12:00:00Z"
    ),
    (7, "requires 1.02.0", "statement, line 7, column 10: a version of three numbers is needed here: 1.2.3"),
    (
      8, "policy 00 5 policy.yaml",
      "statement, line 8, column 8: a SHA-256 is needed here, as 64 hexadecimal digits in lower case"
    ),
    (
      8, "policy \(ContentDigest(of: [])) 4194305 policy.yaml",
      "statement, line 8, column 73: a number from 0 to 4194304 is needed here"
    ),
    (8, "policy \(ContentDigest(of: [])) 5", "statement, line 8, column 8: 3 words are needed here"),
    (
      9, "list \(ContentDigest(of: [])) 5 ../lists",
      "statement, line 9, column 73: the name of a file in the policy's folder is needed here"
    ),
    (
      9, "list \(ContentDigest(of: [])) 5 /etc/passwd",
      "statement, line 9, column 73: the name of a file in the policy's folder is needed here"
    ),
    (
      9, "list \(ContentDigest(of: [])) 5 b\nlist \(ContentDigest(of: [])) 5 b",
      "statement, line 10, column 6: lists are in the order of their names, and each is given once"
    ),
    (
      10, "commit 0A", "statement, line 10, column 8: a commit is needed here, as 40 or 64 hexadecimal digits"
    ),
    (11, "tests -1", "statement, line 11, column 7: a number from 0 to 9223372036854775807 is needed here"),
    (
      12, "because \u{1b}[2J", "statement, line 12, column 9: a control character, or one that is not visible"
    ),
    (
      12, "because a\u{202e}b",
      "statement, line 12, column 10: a control character, or one that is not visible"
    ),
    (12, "because ", "statement, line 12, column 9: the value is missing"),
    (12, "wave canary 0", "statement, line 12, column 6: a wave has a name, a floor in minutes, and members"),
    (
      12, "wave canary 0 web",
      "statement, line 12, column 15: the last wave, and no other, has the member *, and no more"
    ),
    (
      12, "wave canary 0 *\nwave rest 1 *",
      "statement, line 12, column 15: the last wave, and no other, has the member *, and no more"
    ),
    (
      12, "wave a 2 web\nwave rest 1 *",
      "statement, line 13, column 11: the floor is lower than that of the wave before"
    ),
    (12, "wave a 0 web\nwave a 1 *", "statement, line 13, column 6: two waves have the same name"),
    (12, "wave a 0 web web\nwave b 1 *", "statement, line 12, column 14: this member is named twice"),
    (
      13, "falls-back 1 until 2026-01-31T12:00:00Z",
      "statement, line 13, column 12: the serial is not lower than that of this release"
    ),
    (13, "falls-back 1", "statement, line 13, column 12: 3 words are needed here"),
    (
      13, "falls-back never\nfalls-back never",
      "statement, line 14, column 1: 'falls-back' is unknown here, is given twice, or is in the wrong order"
    ),
    (
      13, "falls-back never\nunknown 1",
      "statement, line 14, column 1: 'unknown' is unknown here, is given twice, or is in the wrong order"
    ),
    (
      13, "falls-back never\n",
      "statement, line 14, column 1: '' is unknown here, is given twice, or is in the wrong order"
    ),
    (
      13, "falls-back never\r",
      "statement, line 13, column 17: a control character, or one that is not visible"
    ),
  ]

  @Test("a fault of a statement is reported with its place", arguments: faults)
  func statementFault(line: Int, text: String?, error: String) throws {
    var lines = String(decoding: try Draft.statement().bytes, as: UTF8.self).split(separator: "\n").map {
      String($0)
    }
    if let text { lines[line - 1] = text } else { lines.remove(at: line - 1) }
    let bytes = Array(lines.map { "\($0)\n" }.joined().utf8)
    let found = Self.error { () throws(ReleaseTextError) in _ = try Statement(bytes) }
    #expect(found?.description == error)
  }

  @Test("a text without a last line feed, one that is not UTF-8, and one that is too long are refused")
  func bytes() throws {
    let bytes = try Draft.statement().bytes
    func reason(_ bytes: [UInt8]) -> String? {
      Self.error { () throws(ReleaseTextError) in _ = try Statement(bytes) }?.reason
    }
    #expect(reason(Array(bytes.dropLast())) == "the last line has no line feed")
    #expect(reason([]) == "the first line is not 'wgfence release 1'")
    #expect(reason(bytes + [0xff, 0x0a]) == "the line is not UTF-8")
    #expect(reason([UInt8](repeating: 0x0a, count: Statement.limit + 1)) == "it is longer than 256 KiB")
  }

  @Test("a machine is in the first wave that names it or a group of it, and may begin at its floor")
  func waves() throws {
    var statement = try Draft.statement()
    #expect(statement.wave(of: "web", in: []) == nil)
    #expect(statement.floor(of: "web", in: []) == nil)
    statement.waves = [
      .init(name: "canary", floor: 0, members: ["web"]), .init(name: "half", floor: 30, members: ["servers"]),
      .init(name: "rest", floor: 90, members: ["*"]),
    ]
    #expect(try Statement(statement.bytes) == statement)
    for (machine, groups, wave, floor) in [
      ("web", ["servers"], "canary", nil), ("db", ["servers"], "half", "2026-01-31T12:30:00Z"),
      ("laptop", [], "rest", "2026-01-31T13:30:00Z"),
    ] as [(String, Set<String>, String, String?)] {
      #expect(statement.wave(of: machine, in: groups)?.name == wave)
      #expect(statement.floor(of: machine, in: groups)?.description == floor)
    }
  }

  @Test(
    "times are those of the calendar",
    arguments: [
      (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"),
      (1_798_761_599, "2026-12-31T23:59:59Z"),
      (4_107_542_400, "2100-03-01T00:00:00Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
    ] as [(Int64, String)])
  func times(seconds: Int64, text: String) {
    #expect(UTCTime(seconds: seconds).description == text)
    #expect(UTCTime(text)?.seconds == seconds)
  }

  @Test(
    "days that do not exist and other forms are no times",
    arguments: [
      "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z",
      "1969-12-31T23:59:59Z",
      "2026-01-01 00:00:00Z", "2026-01-01T00:00:00+00:00", "2026-1-01T00:00:00Z", "", "2026-00-10T00:00:00Z",
      "2026-01-00T00:00:00Z",
    ])
  func noTimes(text: String) { #expect(UTCTime(text) == nil) }

  @Test("a trust file that is written is read as the same")
  func trustRoundTrip() throws {
    for trust in [
      try Draft.trust(), try Draft.trust(epoch: 9, publishers: [Draft.carl, Draft.anna], threshold: 2),
      try Draft.trust(publishers: [Draft.anna], roots: [Draft.anna], rootThreshold: 1),
    ] {
      #expect(try TrustFile(trust.bytes) == trust)
    }
  }

  @Test("a fault of a trust file is reported with its place")
  func trustFaults() throws {
    let text = String(decoding: try Draft.trust().bytes, as: UTF8.self)
    let (anna, ben) = (try Draft.anna.named.line, try Draft.ben.named.line)
    func error(_ old: String, _ new: String) throws -> String? {
      let bytes = Array(text.replacing(old, with: new).utf8)
      try #require(bytes != Array(text.utf8))
      return Self.error { () throws(ReleaseTextError) in _ = try TrustFile(bytes) }?.description
    }
    #expect(
      try error("publish-threshold 1", "publish-threshold 3")
        == "trust file, line 4, column 19: a number from 1 to 2 is needed here")
    #expect(try error("publish-key \(ben)\n", "").map { _ in true } == nil)
    #expect(
      try error("publish-threshold 1\npublish-key \(anna)", "publish-threshold 2")
        == "trust file, line 4, column 19: 2 keys must sign, but there are 1")
    #expect(try error(ben, anna) == "trust file, line 6, column 13: this key is listed twice")
    #expect(
      try error("root-threshold 2", "root-threshold 4")
        == "trust file, line 7, column 16: 4 keys must sign, but there are 3")
    #expect(
      try error("root-threshold 2", "root-threshold 0")
        == "trust file, line 7, column 16: a number from 1 to 64 is needed here")
    #expect(
      try error(anna, "ssh-rsa AAAA")
        == "trust file, line 5, column 13: the line of a .pub file is needed here: it ends too early")
    #expect(
      try error("ssh-ed25519 AAAA", "ssh-ed25519  AAAA")?.hasPrefix("trust file, line 5, column 13: ") == true
    )
    #expect(
      try error("root-key", "root-kez")?.hasPrefix("trust file, line 8, column 1: 'root-key' is needed here")
        == true)
  }

  @Test("a bundle that is written is read as the same")
  func bundleRoundTrip() throws {
    let change = Draft.change(try Draft.trust(epoch: 2), by: [Draft.first, Draft.second])
    for bundle in [
      Draft.bundle(try Draft.statement(), by: []),
      Draft.bundle(try Draft.statement(), by: [Draft.anna, Draft.carl]),
      Draft.bundle(try Draft.statement(epoch: 2), by: [Draft.anna], changes: [change, change]),
    ] {
      #expect(try ReleaseBundle(bundle.bytes) == bundle)
    }
  }

  @Test("a bundle that is cut, extended, reordered, swapped, or claims more than it has is refused")
  func hostileBundles() throws {
    let bundle = Draft.bundle(try Draft.statement(), by: [Draft.anna])
    let bytes = bundle.bytes
    for length in 0..<bytes.count {
      #expect(throws: ReleaseTextError.self) { try ReleaseBundle(Array(bytes.prefix(length))) }
    }
    #expect(throws: ReleaseTextError.self) { try ReleaseBundle(bytes + [0]) }
    let text = String(decoding: bytes, as: UTF8.self)
    for (old, new) in [
      ("policy ", "policy 9999999999999999999\npolicy "), ("policy 11", "policy 11\npolicy 0"),
      ("policy 11", "policy 0011"), ("policy 11", "policy -11"), ("wgfence bundle 1", "wgfence bundle 2"),
      ("statement ", "signature 0\nstatement "), ("list 13", "list 13\nlink /etc/shadow 0"),
      ("list 13", "list 13\u{0}"), ("list 13", "list 14"), ("list 13", "list 12"),
    ] {
      let changed = text.replacing(old, with: new, maxReplacements: 1)
      try #require(changed != text)
      #expect(throws: ReleaseTextError.self, "\(new)") { try ReleaseBundle(Array(changed.utf8)) }
    }
    let many =
      "wgfence bundle 1\nstatement 0\n" + String(repeating: "signature 0\n", count: 17) + "policy 0\n\n"
    #expect(throws: ReleaseTextError.self) { try ReleaseBundle(Array(many.utf8)) }
    // A header without an end is not searched for further than its limit.
    #expect(throws: ReleaseTextError.self) {
      try ReleaseBundle(Array("wgfence bundle 1\n".utf8) + [UInt8](repeating: 0x61, count: 10 << 20))
    }
  }

  @Test("a bundle that is changed at random is never taken unless it means the same")
  func randomBundles() throws {
    var generator = SeededGenerator(seed: 8)
    let bundle = Draft.bundle(try Draft.statement(), by: [Draft.anna])
    let (bytes, check) = (bundle.bytes, ReleaseCheck(first: try Draft.trust(), ratchet: nil))
    var taken = 0
    for _ in 0..<4000 {
      var changed = bytes
      for _ in 0..<generator.number(1...3) {
        switch generator.number(0...2) {
        case 0: changed[generator.number(0...(changed.count - 1))] ^= 1 << UInt8(generator.number(0...7))
        case 1: changed.remove(at: generator.number(0...(changed.count - 1)))
        default: changed.insert(UInt8(generator.number(0...255)), at: generator.number(0...changed.count))
        }
      }
      guard let parsed = try? ReleaseBundle(changed), let verified = try? check.verify(parsed) else {
        continue
      }
      taken += 1
      #expect(verified.statement == (try Draft.statement()))
      #expect((parsed.policy, parsed.lists) == (bundle.policy, bundle.lists))
    }
    // White space inside a signature changes nothing.
    #expect(taken < 100)
  }

  @Test("a ratchet that is written is read as the same, and one that is damaged is refused")
  func ratchet() throws {
    let digest = ContentDigest(of: [1])
    for ratchet in [
      Ratchet(epoch: 1, serial: 0, release: nil, trust: nil),
      Ratchet(epoch: 2, serial: 7, release: digest, trust: nil),
      Ratchet(epoch: 2, serial: 7, release: digest, trust: try Draft.trust(epoch: 2)),
    ] {
      let bytes = ratchet.bytes
      #expect(try Ratchet(bytes) == ratchet)
      for place in bytes.indices {
        var damaged = bytes
        damaged[place] ^= 1
        #expect(throws: ReleaseTextError.self) { try Ratchet(damaged) }
        #expect(throws: ReleaseTextError.self) { try Ratchet(Array(bytes.prefix(place))) }
      }
      #expect(throws: ReleaseTextError.self) { try Ratchet(bytes + [0x0a]) }
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyLanguage
import TestSupport
import Testing

@Suite("Hostile input")
struct HostileInputTests {
  private func decode(_ bytes: [UInt8]) -> DecodedPolicy {
    PolicyDecoder.decode(bytes: bytes, path: "policy.yaml", today: today) { _ in
      .unreadable(reason: "not here")
    }
  }

  @Test("a policy that is cut off at any byte is decoded and printed without a crash")
  func truncated() throws {
    let bytes = try #require(contents("\(repository)/policies/rootski.yaml"))
    let start = ContinuousClock.now
    for end in 0..<bytes.count {
      let decoded = decode(Array(bytes[..<end]))
      #expect(decoded.policy != nil || !decoded.diagnostics.isEmpty, "cut at \(end)")
      #expect(DiagnosticText().render(decoded.diagnostics).description.utf8.count < 1 << 20)
    }
    #expect(ContinuousClock.now - start < .seconds(60))
  }

  @Test("a policy with any one byte replaced is decoded and printed without a crash")
  func mutated() throws {
    let bytes = try #require(contents("\(repository)/policies/rootski.yaml"))
    var generator = SeededGenerator(seed: 7)
    for index in bytes.indices {
      var mutated = bytes
      mutated[index] = UInt8.random(in: 0...255, using: &generator)
      let decoded = decode(mutated)
      _ = DiagnosticText().render(decoded.diagnostics)
    }
  }

  @Test(
    "each is rejected quickly and with a short report",
    arguments: [
      ("a hundred thousand nested lists", "[", 100_000), ("a hundred thousand nested maps", "{a: ", 100_000),
      ("a hundred thousand nested block lists", "- ", 100_000),
      ("a hundred thousand anchors", "- &a x\n", 100_000),
      ("a hundred thousand aliases", "- *a\n", 100_000), ("a hundred thousand tags", "- !a\n", 100_000),
      ("a long line of keys", "a: {a: 1, ", 100_000),
      ("a long line of exclamation marks", "- '!' \n", 100_000),
      ("question marks", "? ", 100_000), ("documents", "---\n", 100_000), ("zeroes", "\0", 100_000),
      ("colons", ":", 100_000), ("quotes", "\"", 100_001), ("an unknown section a line", "x", 100_000),
      ("percent signs", "%", 100_000),
    ])
  func refused(name: String, piece: String, count: Int) {
    let start = ContinuousClock.now
    let decoded = decode(Array(String(repeating: piece, count: count).utf8))
    #expect(decoded.policy == nil)
    #expect((1...501).contains(decoded.diagnostics.count))
    #expect(DiagnosticText().render(decoded.diagnostics).description.utf8.count < 1 << 20)
    #expect(ContinuousClock.now - start < .seconds(20))
  }

  @Test("groups and services that multiply are expanded once")
  func multiplied() throws {
    var text = "version: 1\nmachines: { box: {}, hub: {} }\ngroups:\n  g0: [box, hub]\n"
    for level in 1...60 {
      text += "  g\(level): [\(Array(repeating: "g\(level - 1)", count: 8).joined(separator: ", "))]\n"
    }
    text += "services:\n  s0: [1/tcp, 2/tcp]\n"
    for level in 1...60 {
      text += "  s\(level): [\(Array(repeating: "s\(level - 1)", count: 8).joined(separator: ", "))]\n"
    }
    text += "allow: [{ to: g60, services: s60, from: internet }]\n"
    let policy = try valid(text)
    #expect(policy.grants.first?.to.count == 2)
    #expect(policy.grants.first?.services.first?.ports.count == 2)
  }

  @Test("a file over 4 MiB is rejected without parsing")
  func large() {
    let decoded = decode(Array(repeating: UInt8(ascii: "#"), count: 4 << 20 + 1))
    #expect(decoded.diagnostics.map(\.message) == ["the file is larger than 4 MiB"])
  }

  @Test("ten thousand errors are reported up to a limit")
  func manyMistakes() {
    var text = "version: 1\nmachines: { box: {} }\nallow:\n"
    for index in 0..<10_000 {
      text += "- { to: bax\(index), services: [nothing\(index)], from: nobody\(index) }\n"
    }
    let decoded = decode(Array(text.utf8))
    #expect(decoded.diagnostics.count == 501)
    #expect(decoded.diagnostics.last?.message == "29500 more diagnostics are not shown")
  }

  @Test(
    "invalid UTF-8 and forbidden characters are reported at their location",
    arguments: [
      ([0x61, 0xff], 2), ([0xc0, 0x80], 1), ([0xed, 0xa0, 0x80], 1), ([0xf5, 0x80, 0x80, 0x80], 1),
      ([0xe2, 0x82], 1),
      ([0x61, 0x00], 2), ([0x61, 0x1b], 2), ([0xc2, 0x85], 1), ([0xe2, 0x80, 0xae], 1), ([0x0d, 0x61], 1),
    ] as [([UInt8], Int)])
  func flaws(bytes: [UInt8], column: Int) {
    let decoded = decode(bytes)
    #expect(decoded.diagnostics.count == 1)
    #expect(
      decoded.diagnostics.first?.location == SourceLocation(file: "policy.yaml", line: 1, column: column))
  }
}

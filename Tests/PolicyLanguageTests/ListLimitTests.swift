// SPDX-License-Identifier: GPL-3.0-or-later

import PolicyLanguage
import Testing

@Suite("Limits of lists")
struct ListLimitTests {
  private static let head = "version: 1\nmachines: { box: {} }\n"

  /// Decodes a policy of lists in files; also returns how often files are read.
  private func decode(_ files: [String: [UInt8]], names: [String]) -> (DecodedPolicy, reads: Int) {
    let text = Self.head + "lists:\n" + names.map { "  \($0): { file: \($0) }\n" }.joined()
    var reads = 0
    let decoded = PolicyDecoder.decode(bytes: Array(text.utf8), path: "policy.yaml", today: today) { name in
      reads += 1
      return files[name].map { .bytes($0) } ?? .unreadable(reason: "No such file or directory")
    }
    return (decoded, reads)
  }

  @Test(
    "list files that are too large together are rejected at the one that exceeds the limit, and no more are read"
  )
  func bytes() throws {
    let file = [UInt8](repeating: UInt8(ascii: "\n"), count: PolicyDecoder.listBytesLimit / 2)
    let names = (0..<12).map { "l\($0)" }
    let (decoded, reads) = decode(Dictionary(uniqueKeysWithValues: names.map { ($0, file) }), names: names)
    let error = try #require(decoded.diagnostics.first { $0.severity == .error })
    #expect(
      error.message
        == "the list files up to 'l2' have \(3 * file.count) bytes, the limit is 67108864 (64 MiB)")
    #expect(error.location == SourceLocation(file: "policy.yaml", line: 6, column: 15))
    #expect(decoded.policy == nil && reads == 3)
  }

  @Test("lists that have too many prefixes together are rejected, with their number")
  func prefixes() throws {
    let line = Array("192.0.2.1\n".utf8)
    let most = PolicyDecoder.listPrefixLimit
    var half: [UInt8] = []
    for _ in 0..<(most / 2) { half += line }
    #expect(decode(["a": half, "b": half], names: ["a", "b"]).0.policy != nil)
    let (decoded, _) = decode(["a": half, "b": half + line], names: ["a", "b"])
    let error = try #require(decoded.diagnostics.first { $0.severity == .error })
    #expect(
      error.message
        == "the lists have \(most + 1) prefixes up to here, the limit is \(most)")
    #expect(error.location == SourceLocation(file: "policy.yaml", line: 5, column: 14))
    #expect(decoded.policy == nil)
  }

  @Test("two lists of the same file both count towards the limit")
  func twice() throws {
    var half: [UInt8] = []
    for _ in 0..<(PolicyDecoder.listPrefixLimit / 2) { half += Array("192.0.2.1\n".utf8) }
    let text = Self.head + "lists:\n  a: { file: x }\n  b: { file: x }\n  c: { file: x }\n"
    let decoded = PolicyDecoder.decode(bytes: Array(text.utf8), path: "policy.yaml", today: today) { _ in
      .bytes(half)
    }
    #expect(decoded.diagnostics.contains { $0.message.hasPrefix("the lists have 3000000 prefixes") })
  }
}

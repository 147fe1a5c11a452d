// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyAnalysis
import PolicyLanguage
import Testing

@testable import DropAnalysis

@Suite("A change of a policy file") struct PolicyInsertionTests {
  private static let head = """
    version: 1
    tunnels:
      wg0: { prefixes: [10.13.0.0/16], listen: 51820 }
    machines:
      home: { addresses: { wg0: 10.13.0.1 } }
      laptop: { addresses: { wg0: 10.13.0.2 } }

    """

  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let text: String
    /// The line before the new ones, and the first of the new ones.
    let before: String
    let first: String
  }

  private static let flow = "- { to: home, services: [postgres], from: laptop }"
  private static let block = "- to: home"

  static let cases: [Case] = [
    Case(
      testDescription: "lines in braces", text: "allow:\n  - { to: home, services: [ssh], from: laptop }\n",
      before: "  - { to: home, services: [ssh], from: laptop }", first: "  \(flow)"),
    Case(
      testDescription: "a comment and a section behind",
      text:
        "allow:\n    # SSH\n    - { to: home, services: [ssh],\n        from: laptop }  # eric\n\n# Tests\ntests:\n"
        + "  - { from: laptop, to: home, allow: [ssh] }\n", before: "        from: laptop }  # eric",
      first: "    \(flow)"),
    Case(
      testDescription: "a key on each line, without indentation",
      text: "allow:\n- to: home\n  services: [ssh]\n  from: laptop\n  because: work\nfailsafe:\n"
        + "- to: home\n  services: [ssh]\n  from: laptop\n", before: "  because: work", first: block),
    Case(
      testDescription: "no line feed at the end",
      text: "allow:\n  - { to: home, services: [ssh], from: laptop }",
      before: "  - { to: home, services: [ssh], from: laptop }", first: "  \(flow)"),
    Case(
      testDescription: "carriage returns",
      text: "allow:\r\n  - { to: home, services: [ssh], from: laptop }\r\n# end\r\n",
      before: "  - { to: home, services: [ssh], from: laptop }", first: "  \(flow)"),
    Case(
      testDescription: "an empty list",
      text: "allow: []\nfailsafe:\n  - { to: home, services: [ssh], from: laptop }\n",
      before: "allow:", first: "  \(flow)"),
    Case(
      testDescription: "no section", text: "failsafe:\n  - { to: home, services: [ssh], from: laptop }\n",
      before: "allow:", first: "  \(flow)"),
  ]

  private static func decoded(_ bytes: [UInt8]) throws -> DecodedPolicy {
    PolicyDecoder.decode(
      bytes: bytes, path: "policy.yaml", today: try #require(CalendarDate("2026-11-28")),
      readList: { _ in .unreadable(reason: "no lists here") })
  }

  @Test(
    "stands at the end of 'allow' in the file's style, and its diff gives the same file", arguments: cases)
  func stands(one: Case) throws {
    let isCRLF = one.text.utf8.contains(13)
    let head = isCRLF ? Self.head.replacing("\n", with: "\r\n") : Self.head
    let bytes = Array((head + one.text).utf8)
    let policy = try #require(try Self.decoded(bytes).policy)
    let line = GrantLine(
      to: .machine("home"), service: try #require(ServiceCatalogue.service(named: "postgres")),
      from: .machine("laptop"))
    let change = try #require(
      PolicyInsertion(bytes, policy, entries: [{ line.text(in: $0) + ["# and a comment"] }]))
    let text = String(decoding: change.result, as: UTF8.self)
    let lines = Self.lines(text).map { $0.last == "\r" ? String($0.dropLast()) : $0 }
    let named = try #require(lines.firstIndex { $0.contains("postgres") })
    let place = lines[named] == one.first ? named : named - 1
    #expect(lines[place] == one.first && lines[place - 1] == one.before)
    let new = try Self.decoded(change.result)
    #expect(new.isValid, "\(new.diagnostics)")
    #expect(new.policy?.grants.count == policy.grants.count + 1)
    #expect(Self.patched(String(decoding: bytes, as: UTF8.self), change.diff) == text, "\(change.diff)")
  }

  @Test("is not made where the lines are in one list in brackets")
  func brackets() throws {
    let bytes = Array((Self.head + "allow: [{ to: home, services: [ssh], from: laptop }]\n").utf8)
    let policy = try #require(try Self.decoded(bytes).policy)
    #expect(PolicyInsertion(bytes, policy, entries: [{ _ in ["- x"] }]) == nil)
  }

  private static func lines(_ text: String) -> [String] {
    text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
  }

  /// Applies a diff of one hunk as patch(1) does: the lines of the old file must be there.
  private static func patched(_ old: String, _ diff: String) -> String? {
    var file = lines(old)
    if file.last == "" { file.removeLast() }
    var hunk = lines(diff).dropFirst(3)
    if hunk.last == "" { hunk.removeLast() }
    guard
      let start = lines(diff)[2].split(separator: "-").last?.split(separator: ",").first.flatMap({ Int($0) })
    else { return nil }
    var (result, next) = (Array(file.prefix(start - 1)), start - 1)
    for line in hunk {
      let text = String(line.dropFirst())
      switch line.first {
      case " ", "-":
        guard file.indices.contains(next), file[next] == text else { return nil }
        if line.first == " " { result.append(text) }
        next += 1
      case "+":
        result.append(text)
      case "\\": break
      default: return nil
      }
    }
    result += file[next...]
    return result.joined(separator: "\n") + "\n"
  }
}

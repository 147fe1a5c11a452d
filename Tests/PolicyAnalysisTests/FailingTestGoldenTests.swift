// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import Glibc
import NetworkModel
import Reports
import PolicyAnalysis
import PolicyLanguage
import TestSupport
import Testing

/// A valid policy that fails its own tests or has untested grants, with the recorded report:
/// `Tests/Golden/failing/<point>/policy.yaml` and `report.txt`.
struct FailingPolicy: Sendable, CustomTestStringConvertible {
  let point: String
  var testDescription: String { point }
  var folder: String { "\(goldens)/failing/\(point)" }

  static let all = [
    "allow-in-the-clear", "allow-of-a-blocked-source", "allow-outside-the-tunnel",
    "allow-that-a-part-of-the-source-passes", "allow-that-cannot-be-sent",
    "allow-that-is-granted-in-part", "allow-that-no-line-grants", "deny-of-what-is-built-in",
    "deny-that-a-part-of-the-source-passes", "deny-that-one-line-lets-in", "deny-that-two-lines-let-in",
    "grants-that-no-test-covers",
    "no-tests-at-all", "test-that-no-packet-meets",
  ].map { FailingPolicy(point: $0) }
}

private let goldens = #filePath.split(separator: "/").dropLast(2).reduce("") { "\($0)/\($1)" } + "/Golden"

@Suite("The report of check on a policy's tests")
struct FailingTestGoldenTests {
  private func run(_ golden: FailingPolicy, _ colours: PrintableText.Colours = .leftOut) throws -> (
    report: String, run: PolicyTestRun
  ) {
    let bytes = try bytes(of: "\(golden.folder)/policy.yaml")
    let policy = try policy(String(decoding: bytes, as: UTF8.self))
    let run = PolicyTestRun(CompiledSite(policy, today: try #require(CalendarDate("2026-11-24"))))
    let lines = SourceLines(bytes)
    let report =
      DiagnosticText().render(run.coverage.warnings.map { lines.showing($0) })
      + TestFailureText(lines: lines).render(run.failures)
    return (report.text(columns: nil, colours: colours), run)
  }

  @Test("is recorded", arguments: FailingPolicy.all)
  func report(golden: FailingPolicy) throws {
    let report = try run(golden).report
    let path = "\(golden.folder)/report.txt"
    if getenv("WGFENCE_RECORD") != nil, let file = fopen(path, "w") {
      fputs(report, file)
      fclose(file)
      Issue.record("recorded \(path)")
    }
    #expect(report == String(decoding: try bytes(of: path), as: UTF8.self))
  }

  @Test(
    "has no escape sequences without colours, and the same text with them", arguments: FailingPolicy.all)
  func colour(golden: FailingPolicy) throws {
    let plain = try run(golden).report
    #expect(!plain.contains("\u{1b}"))
    let coloured = try run(golden, .written).report
    var words = ""
    var isEscape = false
    for character in coloured {
      if character == "\u{1b}" { isEscape = true }
      if !isEscape { words.append(character) }
      if isEscape, character == "m" { isEscape = false }
    }
    #expect(words == plain)
  }

  @Test("the suggested fix makes the test pass", arguments: FailingPolicy.all)
  func fixes(golden: FailingPolicy) throws {
    let text = String(decoding: try bytes(of: "\(golden.folder)/policy.yaml"), as: UTF8.self)
    let failures = try run(golden).run.failures
    for failure in failures where failure.fix.hasPrefix("add to 'allow': ") {
      let line = failure.fix.dropFirst("add to 'allow': ".count)
      let changed = text.replacing("\nallow:\n", with: "\nallow:\n  \(line)\n")
      let run = PolicyTestRun(
        CompiledSite(try policy(changed), today: try #require(CalendarDate("2026-11-24"))))
      #expect(!run.failures.contains { $0.expectation == failure.expectation }, "\(failure.fix)")
    }
  }

  @Test("the suggested test covers the grant and passes", arguments: FailingPolicy.all)
  func suggestedTests(golden: FailingPolicy) throws {
    let text = String(decoding: try bytes(of: "\(golden.folder)/policy.yaml"), as: UTF8.self)
    let before = try run(golden).run
    for untouched in before.coverage.untouched {
      let changed =
        text.contains("\ntests:\n")
        ? text + "  \(untouched.test)\n" : text + "tests:\n  \(untouched.test)\n"
      let run = PolicyTestRun(
        CompiledSite(try policy(changed), today: try #require(CalendarDate("2026-11-24"))))
      #expect(!run.coverage.untouched.contains { $0.location == untouched.location }, "\(untouched.test)")
      #expect(run.failures.count == before.failures.count, "\(untouched.test)")
    }
  }

  @Test("the shipped policies have no warnings", arguments: ShippedPolicies.names)
  func shipped(name: String) throws {
    let site = CompiledSite(try shippedPolicy(name), today: try #require(CalendarDate("2026-11-24")))
    let run = PolicyTestRun(site)
    #expect(run.failures.isEmpty)
    #expect(run.coverage.warnings.isEmpty)
    #expect(run.coverage.combinations.touched > 0)
    #expect(run.coverage.combinations.touched <= run.coverage.combinations.all)
  }

  @Test("a combination is a source, a target and a service; a machine with itself is not one")
  func combinations() throws {
    let policy = try policy(
      """
      version: 1
      tunnels: { wg0: { prefixes: [10.1.0.0/24] } }
      machines:
        a: { addresses: { wg0: 10.1.0.1 } }
        b: { addresses: { wg0: 10.1.0.2 } }
        c: { addresses: { wg0: 10.1.0.3 } }
      groups: { all: [a, b, c] }
      allow: [{ to: all, services: [ssh, web], from: all }]
      tests: [{ from: a, to: [b, c], allow: [ssh] }, { from: b, to: a, allow: [443/udp] }]
      """)
    let site = CompiledSite(policy, today: try #require(CalendarDate("2026-11-24")))
    let combinations = PolicyTestRun(site).coverage.combinations
    #expect(combinations.all == 12)
    #expect(combinations.touched == 3)
  }
}

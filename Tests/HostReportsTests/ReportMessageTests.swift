// SPDX-License-Identifier: GPL-3.0-or-later

import DropAnalysis
import Enforcement
import NetworkModel
import PolicyAnalysis
import Reports
import TestSupport
import Testing

@testable import HostReports

@Suite("Requests to the report service")
struct ReportMessageTests {
  static let subjects: [HostReportRequest.Subject] =
    AuditFormat.allCases.flatMap { format in FailureThreshold.allCases.map { .audit(format, $0) } }
    + FirewallRequest.ReportForm.allCases.flatMap {
      [
        .doctor($0), .plan($0, .usual), .plan($0, .operations), .log($0, .day, .lines),
        .log($0, .week, .summary),
        .suggest($0, .week),
      ]
    }

  /// A message with parts that are there or not by chance.
  static func random(_ subject: HostReportRequest.Subject, by generator: inout SeededGenerator)
    -> ReportMessage
  {
    let sessions = [
      "192.0.2.1 4711 192.0.2.2 22", "fe80::1%wg0 1 fd00::1 65535", "::ffff:192.0.2.1 5 192.0.2.2 22",
    ]
    let request = HostReportRequest(
      subject, machine: ["box", "a\nb=c\\n\u{1b}", nil].randomElement(using: &generator) ?? nil,
      session: Bool.random(using: &generator)
        ? sessions.randomElement(using: &generator).flatMap { RemoteSession(sshConnection: $0) } : nil,
      columns: Bool.random(using: &generator) ? Int.random(in: 1...10_000, using: &generator) : nil,
      colours: Bool.random(using: &generator) ? .written : .leftOut)
    let lists = ["a", "/b c", "ü=\\"].prefix(Int.random(in: 0...3, using: &generator))
    let policy = PolicyHandover(
      path: "/etc/p\n.yaml", machine: nil, lists: Array(lists),
      lengths: (0...lists.count).map { _ in Int.random(in: 0...5000, using: &generator) })
    return ReportMessage(
      request, policy: Bool.random(using: &generator) ? policy : nil,
      baseline: Bool.random(using: &generator) ? Int.random(in: 0...99, using: &generator) : nil)
  }

  @Test("what is read is what was sent")
  func roundTrip() throws {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<40 {
      for subject in Self.subjects {
        let message = Self.random(subject, by: &generator)
        #expect(try ReportMessage(payload: message.frame.payload) == message)
        #expect(
          message.lengths.count == (message.policy?.lengths.count ?? 0) + (message.baseline == nil ? 0 : 1))
      }
    }
  }

  @Test("a payload that is changed at random is refused, or is a message that is read again as it is")
  func mutations() throws {
    var generator = SeededGenerator(seed: 2)
    var refused = 0
    for _ in 0..<5000 {
      guard let subject = Self.subjects.randomElement(using: &generator) else { return }
      var payload = Self.random(subject, by: &generator).frame.payload
      for _ in 0...Int.random(in: 0...2, using: &generator) {
        let place = Int.random(in: 0..<payload.count, using: &generator)
        switch Int.random(in: 0...2, using: &generator) {
        case 0: payload[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: payload.remove(at: place)
        default: payload.insert(UInt8.random(in: 0...255, using: &generator), at: place)
        }
      }
      do throws(Refusal) {
        let message = try ReportMessage(payload: payload)
        #expect(try ReportMessage(payload: message.frame.payload) == message)
        #expect(message.lengths.allSatisfy { $0 >= 0 })
      } catch {
        refused += 1
      }
    }
    // Most changes hit a key or a word of a fixed list.
    #expect(refused > 1000 && refused < 5000)
  }

  @Test(
    "what is not just a request is refused",
    arguments: [
      "", "verb=plan", "verb=panic\nformat=text", "verb=plan\nformat=text",
      "verb=plan\nformat=html\ndetail=usual",
      "verb=plan\nformat=text\ndetail=all", "verb=doctor\nformat=sarif",
      "verb=doctor\nformat=text\nfail-on=error",
      "verb=audit\nformat=text\nfail-on=", "verb=doctor\nformat=text\npolicy=/etc/shadow",
      "verb=doctor\nformat=text\npath=/p", "verb=doctor\nformat=text\npath=/p\nlengths=",
      "verb=doctor\nformat=text\npath=/p\nlengths=-1", "verb=doctor\nformat=text\npath=/p\nlengths=1 2",
      "verb=doctor\nformat=text\nlengths=1", "verb=doctor\nformat=text\nbaseline=-1",
      "verb=doctor\nformat=text\ncolumns=0", "verb=doctor\nformat=text\ncolumns=99999",
      "verb=doctor\nformat=text\ncolours=no", "verb=doctor\nformat=text\nsession=192.0.2.1 1 192.0.2.2",
      "verb=doctor\nformat=text\nformat=text", "verb=log\nformat=text\nsince=1d",
      "verb=log\nformat=text\nsince=x\ngrouping=lines", "verb=suggest\nformat=text\nsince=-1d",
    ])
  func malformed(text: String) {
    #expect(throws: Refusal.self) { try ReportMessage(payload: Array("version=1\n\(text)".utf8)) }
  }

  @Test("a long report is sent in frames that end with a line")
  func frames() {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<300 {
      let lines = (0..<Int.random(in: 0...9, using: &generator)).map { _ in
        String(repeating: "ü", count: Int.random(in: 0...12, using: &generator))
      }
      let report = lines.joined(separator: "\n") + (Bool.random(using: &generator) ? "\n" : "")
      let frames = ReportService.frames(of: report, most: 10)
      #expect(frames.flatMap(\.payload) == Array(report.utf8))
      for frame in frames {
        #expect(frame.kind == .output && !frame.payload.isEmpty)
        #expect(frame.payload.count <= 10 || !frame.payload.dropLast().contains(UInt8(ascii: "\n")))
      }
      for frame in frames.dropLast() { #expect(frame.payload.last == UInt8(ascii: "\n")) }
    }
  }

  @Test("a request of another version of the program is refused with that reason")
  func version() {
    let message = ReportMessage(
      HostReportRequest(.doctor(.text), machine: nil, session: nil, columns: nil, colours: .leftOut),
      policy: nil,
      baseline: nil)
    let payload = String(decoding: message.frame.payload, as: UTF8.self)
    #expect((try? ReportMessage(payload: Array(payload.utf8))) == message)
    #expect {
      try ReportMessage(payload: Array(payload.replacing("version=1", with: "version=2").utf8))
    } throws: {
      "\($0)".contains("another version")
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Enforcement
import Glibc
import NetworkModel
import PolicyFiles
import PolicyLanguage
import TemporaryGrants
import Testing

@testable import DaemonService
@testable import wgfence

@Suite("Arguments, and files that a verb writes")
struct ArgumentTests {
  @Test("a time for the confirmation that is none, or too short or long, ends a verb before it does anything")
  func wrongTimes() throws {
    for words in ["", "x", "60", "1s", "4s", "25h", "2d", "-5s"] {
      #expect(throws: (any Error).self, "\(words)") { try EditVerb.parse(["--confirm", words]) }
      #expect(throws: (any Error).self, "\(words)") { try ApplyVerb.parse(["--confirm", words]) }
    }
    for words in ["5s", "60s", "10m", "24h"] {
      #expect(try EditVerb.parse(["--confirm", words]).confirm == words)
      #expect(try ApplyVerb.parse(["--confirm", words]).confirm == words)
    }
    #expect(try TrialTime(words: "10m").seconds == 600)
  }

  @Test("a new file is written with its folder, which may be missing, and never over another file")
  func newFiles() throws {
    var template = Array("/tmp/wgfence-XXXXXX".utf8CString)
    let folder = String(cString: try #require(mkdtemp(&template)))
    defer {
      for name in ["made/policy.yaml", "policy.yaml"] { unlink("\(folder)/\(name)") }
      for name in ["made", ""] { rmdir("\(folder)/\(name)") }
    }
    try NewFile.write("one", to: "\(folder)/made/policy.yaml")
    var status = stat()
    #expect(stat("\(folder)/made", &status) == 0 && status.st_mode & 0o022 == 0)
    guard case .bytes(let bytes) = FileContent.read("\(folder)/made/policy.yaml", limit: 10) else {
      Issue.record("the file was not written")
      return
    }
    #expect(bytes == Array("one".utf8))
    // The folder may exist.
    try NewFile.write("two", to: "\(folder)/policy.yaml")
    func refusal(_ path: String) -> String {
      do throws(Refusal) {
        try NewFile.write("three", to: path)
        return "written"
      } catch {
        return "\(error.text)"
      }
    }
    #expect(refusal("\(folder)/policy.yaml").contains("exists and is not overwritten"))
    #expect(refusal("\(folder)/a/b/policy.yaml").hasPrefix("\(folder)/a/b: "))
    #expect(access("\(folder)/a", F_OK) != 0)
  }
}

@Suite("Reports of requests, for programs")
struct RequestReportTests {
  @Test("each has the schema of its verb, what was asked, and what was done")
  func reports() throws {
    let result = FirewallResult(text: "Done.\n", warnings: ["look"], operations: 3, generation: 7)
    let order = try TemporaryGrantOrder(service: "ssh", from: "laptop", lasting: "90s", because: "work")
    let cases: [(FirewallRequest, [String])] = [
      (
        .confirm(.console),
        [#""schema": "wgfence/confirm/1""#, #""evidence": "console""#, #""stored": true"#]
      ),
      (.confirm(.session("a")), [#""evidence": "connection""#]),
      (.rollback(to: 4), [#""schema": "wgfence/rollback/1""#, #""to": 4"#, #""generation": 7"#]),
      (.panic(.end), [#""schema": "wgfence/panic/1""#, #""change": "end""#]),
      (.accept(digest: nil), [#""schema": "wgfence/accept/1""#, #""digest": null"#]),
      (.endObservation, [#""schema": "wgfence/enforce/1""#, #""operations": 3"#]),
      (.unload, [#""schema": "wgfence/unload/1""#, #""message": "Done.""#]),
      (
        .open(order),
        [#""schema": "wgfence/open-grant/1""#, #""duration_ms": 90000"#, #""changed": true"#, #""look""#]
      ),
      (.closeNumber(2), [#""schema": "wgfence/close/1""#, #""number": 2"#, #""service": null"#]),
      (.close(service: "ssh", from: "laptop"), [#""number": null"#, #""service": "ssh""#]),
    ]
    for (request, parts) in cases {
      let json = ChangeReport(request, result).json
      for part in parts { #expect(json.contains(part), "\(json)") }
    }
    let nothing = ChangeReport(.closeNumber(2), FirewallResult(text: "It has just ended.\n"))
    #expect(nothing.json.contains(#""changed": false"#))
    let lost = FirewallResult(
      text: "Done.\n", notPersisted: FirewallResult.NotPersisted(reason: "full", consequence: "it is lost"))
    #expect(ChangeReport(.unload, lost).json.contains(#""stored": false"#))
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import NetworkModel
import PolicyLanguage
import Testing

/// An invalid policy and its diagnostics: `Tests/Golden/rejected/<point>/policy.yaml` and `diagnostics.txt`.
struct GoldenCase: Sendable, CustomTestStringConvertible {
  let folder: String
  let point: String

  var testDescription: String { point }

  /// The cases of a folder of `Tests/Golden`, by name.
  static func all(_ folder: String) -> [GoldenCase] {
    names(in: "\(repository)/Tests/Golden/\(folder)").map { GoldenCase(folder: folder, point: $0) }
  }

  private static func names(in path: String) -> [String] {
    guard let directory = unsafe opendir(path) else { return [] }
    defer { unsafe _ = closedir(directory) }
    var result: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if !name.hasPrefix(".") { result.append(name) }
    }
    return result.sorted()
  }

  var path: String { "\(repository)/Tests/Golden/\(folder)/\(point)" }

  /// Decodes the case's policy.
  func decoded() throws -> DecodedPolicy {
    let bytes = try #require(contents("\(path)/policy.yaml"))
    return PolicyDecoder.decode(bytes: bytes, path: "policy.yaml", today: today, readList: list(in: path))
  }

  /// Compares a text with the recorded one. With `WGFENCE_RECORD` set, records it instead, and fails the
  /// test.
  func expect(_ text: String) throws {
    let file = "\(path)/diagnostics.txt"
    if unsafe getenv("WGFENCE_RECORD") != nil {
      guard let stream = unsafe fopen(file, "wb") else {
        Issue.record("cannot write \(file)")
        return
      }
      let bytes = Array(text.utf8)
      unsafe fwrite(bytes, 1, bytes.count, stream)
      unsafe fclose(stream)
      Issue.record("recorded \(file)")
      return
    }
    let recorded = try #require(contents(file), "not recorded yet: run with WGFENCE_RECORD=1")
    #expect(text == String(decoding: recorded, as: UTF8.self))
  }
}

@Suite("Recorded diagnostics")
struct GoldenDiagnosticsTests {
  @Test("an invalid policy is rejected with these diagnostics", arguments: GoldenCase.all("rejected"))
  func rejected(golden: GoldenCase) throws {
    let decoded = try golden.decoded()
    #expect(!decoded.isValid)
    try golden.expect(DiagnosticText().render(decoded.diagnostics).description)
  }

  @Test(
    "a policy with probable mistakes is accepted with these warnings", arguments: GoldenCase.all("warned"))
  func warned(golden: GoldenCase) throws {
    let decoded = try golden.decoded()
    #expect(decoded.isValid)
    #expect(!decoded.diagnostics.isEmpty)
    try golden.expect(DiagnosticText().render(decoded.diagnostics).description)
  }

  @Test("there are at least a hundred invalid policies")
  func count() {
    #expect(GoldenCase.all("rejected").count >= 100)
  }
}

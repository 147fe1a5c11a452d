// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import NetworkModel
import PolicyCompiler
import PolicyLanguage
import Ruleset
import Testing

/// A policy on disk. What it compiles to is recorded in a folder, as far as the folder's `about.txt`
/// requires.
struct GoldenPolicy: CustomTestStringConvertible, Sendable {
  let name: String
  /// The policy's path from the root of the repository.
  let path: String
  /// The folder with the recordings.
  let folder: String

  var testDescription: String { name }

  /// The day for which golden files are compiled.
  static var today: CalendarDate {
    get throws { try #require(CalendarDate("2026-11-23")) }
  }

  static let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()

  /// The shipped policies, and the cases, one for each point.
  static let all: [GoldenPolicy] = {
    let accepted = names(in: "\(root)/Tests/Golden/accepted")
    let shipped = ["rootski", "starter", "two-tunnels"].map { name in
      GoldenPolicy(
        name: "policies/\(name)", path: "policies/\(name).yaml",
        folder: "Tests/Golden/accepted/shipped-\(name)")
    }
    return shipped
      + accepted.filter { !$0.hasPrefix("shipped-") }.map { name in
        GoldenPolicy(
          name: name, path: "Tests/Golden/accepted/\(name)/policy.yaml",
          folder: "Tests/Golden/accepted/\(name)")
      }
  }()

  func decode() throws -> Policy {
    let bytes = try #require(Self.read("\(Self.root)/\(path)"))
    let folder = path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)
    let decoded = PolicyDecoder.decode(bytes: Array(bytes.utf8), path: "policy.yaml", today: try Self.today) {
      list in
      Self.read("\(Self.root)/\(folder)/\(list)").map { .bytes(Array($0.utf8)) }
        ?? .unreadable(reason: "no such file")
    }
    #expect(
      decoded.diagnostics.allSatisfy { $0.severity == .warning },
      "\(DiagnosticText().render(decoded.diagnostics))")
    return try #require(decoded.policy)
  }

  /// The managed machines' rulesets, by name.
  func rulesets() throws -> [(machine: Machine, ruleset: Ruleset, policy: Policy)] {
    let policy = try decode()
    let today = try Self.today
    return try policy.machines.filter { !["laptop"].contains($0.name) }.map { machine in
      (machine, try PolicyCompiler.compile(policy, machine: machine.name, today: today), policy)
    }
  }

  /// The contents of `about.txt`.
  func about() throws -> GoldenAbout {
    try GoldenAbout(
      try #require(Self.read("\(Self.root)/\(folder)/about.txt"), "\(folder)/about.txt is missing"))
  }

  /// Compares what the policy compiles to with the recordings, and the files of the folder with those that
  /// `about.txt` accounts for. With WGFENCE_RECORD set, texts that are not accounted for are removed.
  func expectRecordings() throws {
    let rulesets = try rulesets().map { ($0.machine.name, $0.ruleset) }
    let recordings = try about().recordings(of: Dictionary(uniqueKeysWithValues: rulesets))
    for (name, text) in recordings { expect(text, recordedAs: name) }
    let known = Set(recordings.map(\.name) + ["policy.yaml", "about.txt", "lists"])
    for name in Self.names(in: "\(Self.root)/\(folder)") where !known.contains(name) {
      if getenv("WGFENCE_RECORD") != nil, name.hasSuffix(".txt") { unlink("\(Self.root)/\(folder)/\(name)") }
      Issue.record("\(folder)/about.txt does not account for \(name)")
    }
  }

  static func read(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Compares a text with the recording of this name. With WGFENCE_RECORD set the text is written, and the
  /// test fails.
  func expect(_ text: String, recordedAs name: String) {
    let path = "\(Self.root)/\(folder)/\(name)"
    if getenv("WGFENCE_RECORD") != nil {
      mkdir("\(Self.root)/\(folder)", 0o755)
      guard let file = fopen(path, "w") else {
        Issue.record("cannot write \(path)")
        return
      }
      fputs(text, file)
      fclose(file)
      Issue.record("recorded \(name)")
      return
    }
    guard let recorded = Self.read(path) else {
      Issue.record("\(folder)/\(name) is not recorded: run with WGFENCE_RECORD=1")
      return
    }
    if recorded != text {
      let lines = zip(recorded.split(separator: "\n"), text.split(separator: "\n"))
      let first = lines.first { $0 != $1 }
      Issue.record(
        "\(folder)/\(name) differs: recorded «\(first?.0 ?? "its end")», now «\(first?.1 ?? "its end")»")
    }
  }

  static func names(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }
}

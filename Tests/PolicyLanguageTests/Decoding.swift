// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import PolicyLanguage
import Testing

/// The current day in the tests.
let today = CalendarDate(year: 2026, month: 11, day: 23) ?? CalendarDate(secondsSince1970: 0)

/// The repository's root.
let repository = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

/// The bytes of a file; nil if it cannot be read.
func contents(_ path: String) -> [UInt8]? {
  guard let file = unsafe fopen(path, "rb") else { return nil }
  defer { unsafe _ = fclose(file) }
  var result: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = unsafe fread(&buffer, 1, buffer.count, file)
    if count == 0 { return result }
    result += buffer[..<count]
  }
}

/// Reads list files from a folder.
func list(in folder: String) -> (String) -> ListFile {
  { path in
    contents("\(folder)/\(path)").map { .bytes($0) } ?? .unreadable(reason: "No such file or directory")
  }
}

/// Decodes a text as `policy.yaml`, with list files that are given by name.
func decode(_ text: String, files: [String: String] = [:], today: CalendarDate = today) -> DecodedPolicy {
  PolicyDecoder.decode(bytes: Array(text.utf8), path: "policy.yaml", today: today) { path in
    files[path].map { .bytes(Array($0.utf8)) } ?? .unreadable(reason: "No such file or directory")
  }
}

/// Decodes a text that must be valid; records an issue with its diagnostics if it is not.
func valid(_ text: String, files: [String: String] = [:]) throws -> Policy {
  let decoded = decode(text, files: files)
  let errors = decoded.diagnostics.filter { $0.severity == .error }
  #expect(errors.isEmpty, "\(DiagnosticText().render(errors))")
  return try #require(decoded.policy)
}

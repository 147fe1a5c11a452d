// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import PolicyLanguage
import Testing

/// A policy of the folder `policies`, which must be valid.
func shippedPolicy(_ name: String) throws -> Policy {
  let folder = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" } + "/policies/"
  return try policy(bytes(of: folder + name + ".yaml"), path: "policies/\(name).yaml") { list in
    (try? bytes(of: folder + list)).map { .bytes($0) } ?? .unreadable(reason: "not there")
  }
}

/// A policy from its text, which must be valid.
func policy(_ text: String) throws -> Policy {
  try policy(Array(text.utf8), path: "policy.yaml") { _ in .unreadable(reason: "no lists here") }
}

private func policy(
  _ bytes: [UInt8], path: String, lists: (String) -> ListFile
) throws -> Policy {
  let today = try #require(CalendarDate("2026-11-24"))
  let decoded = PolicyDecoder.decode(bytes: bytes, path: path, today: today, readList: lists)
  try #require(decoded.isValid, "\(decoded.diagnostics)")
  return try #require(decoded.policy)
}

func bytes(of path: String) throws -> [UInt8] {
  let file = try #require(fopen(path, "r"), "\(path)")
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
  return bytes
}

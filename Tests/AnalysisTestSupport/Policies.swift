// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
package import PolicyLanguage
internal import Testing

private let repository = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

/// Reads a policy from the folder `policies`; it must be valid.
package func shippedPolicy(_ name: String) throws -> Policy { try policyFile("policies/\(name).yaml") }

/// The same without one of its sections.
package func shippedPolicy(_ name: String, without section: String) throws -> Policy {
  let text = String(decoding: try bytes(of: "\(repository)/policies/\(name).yaml"), as: UTF8.self)
  let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
  let start = try #require(lines.firstIndex { $0.hasPrefix("\(section):") })
  let end = lines[(start + 1)...].firstIndex { $0.first?.isLetter == true } ?? lines.endIndex
  let rest = (lines[..<start] + lines[end...]).joined(separator: "\n")
  return try policy(Array(rest.utf8), path: "policy.yaml", lists: lists(beside: "policies/\(name).yaml"))
}

/// Reads a policy by its path in the repository; it must be valid.
package func policyFile(_ path: String) throws -> Policy {
  try policy(bytes(of: "\(repository)/\(path)"), path: path, lists: lists(beside: path))
}

/// Reads the list files beside a policy.
private func lists(beside path: String) -> (String) -> ListFile {
  let folder = "\(repository)/" + path.split(separator: "/").dropLast().joined(separator: "/") + "/"
  return { list in (try? bytes(of: folder + list)).map { .bytes($0) } ?? .unreadable(reason: "no such file") }
}

/// The names of the policies whose compiled rulesets are golden files.
package func recordedPolicies() throws -> [String] {
  let folder = try #require(opendir("\(repository)/Tests/Golden/accepted"))
  defer { closedir(folder) }
  var names: [String] = []
  while let entry = readdir(folder) {
    let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    // For the shipped policies, this folder has only the rulesets, not the policies.
    if !name.hasPrefix("."), !name.hasPrefix("shipped-") { names.append(name) }
  }
  try #require(names.count > 10)
  return names.sorted()
}

/// Decodes a policy from its text; it must be valid.
package func policy(_ text: String, on day: String = "2026-11-24") throws -> Policy {
  try policy(Array(text.utf8), path: "policy.yaml", on: day) { _ in .unreadable(reason: "no lists here") }
}

private func policy(
  _ bytes: [UInt8], path: String, on day: String = "2026-11-24", lists: (String) -> ListFile
) throws -> Policy {
  let today = try #require(CalendarDate(day))
  let decoded = PolicyDecoder.decode(bytes: bytes, path: path, today: today, readList: lists)
  try #require(decoded.isValid, "\(decoded.diagnostics)")
  return try #require(decoded.policy)
}

package func bytes(of path: String) throws -> [UInt8] {
  let file = try #require(fopen(path, "r"), "\(path)")
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
  return bytes
}

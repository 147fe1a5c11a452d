// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import FoundationEssentials
import NetworkModel
import PolicyLanguage

/// The findings of an earlier audit, by what they are known again.
struct AuditBaseline {
  let fingerprints: Set<String>

  private struct Document: Decodable {
    let schema: String
    let findings: [Finding]

    struct Finding: Decodable {
      let fingerprint: String
    }
  }

  private static let limit = 64 << 20

  /// Reads a report of `wgfence audit --format json`. What is none ends the verb with status 1.
  static func read(_ path: String) throws -> AuditBaseline {
    let bytes: [UInt8]
    switch FileContent.read(path, limit: limit) {
    case .bytes(let found): bytes = found
    case .unreadable(let reason):
      Console.error("\(path): \(reason)")
      throw ExitCode(1)
    }
    guard bytes.count <= limit, let document = try? JSONDecoder().decode(Document.self, from: Data(bytes)),
      document.schema == "wgfence/audit/1"
    else {
      Console.error("\(path) is no report of wgfence audit --format json")
      throw ExitCode(1)
    }
    return AuditBaseline(fingerprints: Set(document.findings.map(\.fingerprint)))
  }
}

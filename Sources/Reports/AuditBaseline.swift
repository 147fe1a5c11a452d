// SPDX-License-Identifier: GPL-3.0-or-later

internal import FoundationEssentials

/// The findings of an earlier audit, by what they are known again.
public struct AuditBaseline: Sendable {
  /// What each finding is known again by.
  public let fingerprints: Set<String>

  private struct Document: Decodable {
    let schema: String
    let findings: [Finding]

    struct Finding: Decodable {
      let fingerprint: String
    }
  }

  /// The longest report, in bytes.
  public static let limit = 64 << 20

  /// The baseline in a report of `wgfence audit --format json`; nil where the bytes are none.
  public init?(json bytes: [UInt8]) {
    guard bytes.count <= Self.limit,
      let document = try? JSONDecoder().decode(Document.self, from: Data(bytes)),
      document.schema == "wgfence/audit/1"
    else { return nil }
    fingerprints = Set(document.findings.map(\.fingerprint))
  }
}

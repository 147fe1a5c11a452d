// SPDX-License-Identifier: GPL-3.0-or-later

internal import FoundationEssentials

/// The fingerprints of the findings of an earlier audit.
public struct AuditBaseline: Sendable {
  /// The fingerprint of each finding (``AuditFinding/fingerprint``).
  public let fingerprints: Set<String>

  private struct Document: Decodable {
    let schema: String
    let findings: [Finding]

    struct Finding: Decodable {
      let fingerprint: String
    }
  }

  /// The maximum size of a report, in bytes.
  public static let limit = 64 << 20

  /// Reads the baseline from a report of `wgfence audit --format json`; nil if the bytes are not such a report.
  public init?(json bytes: [UInt8]) {
    guard bytes.count <= Self.limit,
      let document = try? JSONDecoder().decode(Document.self, from: Data(bytes)),
      document.schema == "wgfence/audit/1"
    else { return nil }
    fingerprints = Set(document.findings.map(\.fingerprint))
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

package import Releases

/// A fleet of a test with its keys, and releases for it.
package struct ReleaseDraft {
  package static let (anna, ben, carl) = (
    Signer(1, name: "anna"), Signer(2, name: "ben"), Signer(4, application: "ssh:")
  )
  package static let (first, second, third) = (Signer(21, name: "root-1"), Signer(22), Signer(23))
  package static let stranger = Signer(99)
  package static let policy = Array("version: 1\n".utf8)
  package static let list = Array("192.0.2.0/24\n".utf8)

  /// A trust file: by default two publish keys of which one signs, and three root keys of which two sign.
  package static func trust(
    fleet: String = "office-1", epoch: UInt64 = 1, publishers: [Signer] = [anna, ben], threshold: Int = 1,
    roots: [Signer] = [first, second, third], rootThreshold: Int = 2
  ) throws -> TrustFile {
    TrustFile(
      fleet: try some(FleetName(fleet)), epoch: epoch,
      publishers: try some(
        TrustFile.Signers(threshold: threshold, keys: try publishers.map { try $0.named })),
      roots: try some(TrustFile.Signers(threshold: rootThreshold, keys: try roots.map { try $0.named })))
  }

  package static func statement(fleet: String = "office-1", epoch: UInt64 = 1, serial: UInt64 = 1) throws
    -> Statement
  {
    Statement(
      fleet: try some(FleetName(fleet)), epoch: epoch, serial: serial,
      issued: try some(UTCTime("2026-01-31T12:00:00Z")), freshUntil: UTCTime("2026-05-01T12:00:00Z"),
      requires: try some(ProgramVersion("0.1.0")), policy: .init(policy, name: "policy.yaml"),
      lists: [.init(list, name: "lists/office.txt")], commit: String(repeating: "0a", count: 20), tests: 31,
      because: "the new file server", waves: [], fallBack: .never)
  }

  package static func bundle(
    _ statement: Statement, by signers: [Signer], changes: [ReleaseBundle.TrustChange] = []
  )
    -> ReleaseBundle
  {
    ReleaseBundle(
      statement: statement.bytes, signatures: signers.map { $0.sign(statement.bytes) }, policy: policy,
      lists: [list], trustChanges: changes)
  }

  package static func change(_ trust: TrustFile, by signers: [Signer]) -> ReleaseBundle.TrustChange {
    ReleaseBundle.TrustChange(
      trust: trust.bytes, signatures: signers.map { $0.sign(trust.bytes, ReleaseCheck.trustNamespace) })
  }
}

/// A value that a test needs is missing.
private struct Missing: Error {}

private func some<Value>(_ value: Value?) throws -> Value {
  guard let value else { throw Missing() }
  return value
}

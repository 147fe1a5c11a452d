// SPDX-License-Identifier: GPL-3.0-or-later

import ReleaseTestSupport
import Releases

/// The texts of signed releases, which any channel may bring.
extension FuzzTarget {
  static func statement(_ bytes: [UInt8]) {
    guard let statement = try? Statement(bytes) else { return }
    precondition(statement.bytes == bytes, "a statement has two forms")
    _ = statement.floor(of: "server", in: ["all"])
  }

  static func trust(_ bytes: [UInt8]) {
    guard let trust = try? TrustFile(bytes) else { return }
    precondition(trust.bytes == bytes, "a trust file has two forms")
    precondition(trust.publishers.threshold <= trust.publishers.keys.count, "more signers than keys")
  }

  static func ratchet(_ bytes: [UInt8]) {
    guard let ratchet = try? Ratchet(bytes) else { return }
    precondition(ratchet.bytes == bytes, "a ratchet has two forms")
  }

  static func signature(_ bytes: [UInt8]) {
    guard let signature = try? SSHSignature(armoured: bytes) else { return }
    let key = signature.key
    precondition((try? SSHKey(blob: key.blob)) == key, "a key changed when it was written and read")
    guard let own = try? ReleaseDraft.anna.key, signature.isValid(of: [1], for: ReleaseCheck.releaseNamespace)
    else { return }
    // Another key may sign anything; nobody can sign for this one.
    precondition(key != own || signature.namespace == ReleaseCheck.releaseNamespace, "another purpose")
  }

  /// Only `ReleaseDraft.anna` and `ben` may sign, and they have signed these two statements.
  private static let signed = [1, 2].compactMap { try? ReleaseDraft.statement(serial: $0).bytes }

  static func bundle(_ bytes: [UInt8]) {
    _ = try? TrustChanges(bytes)
    guard let bundle = try? ReleaseBundle(bytes) else { return }
    precondition(bundle.bytes == bytes, "a bundle has two forms")
    guard let trust = try? ReleaseDraft.trust(),
      let verified = try? ReleaseCheck(first: trust, ratchet: nil).verify(bundle)
    else { return }
    precondition(signed.contains(bundle.statement), "a statement that nobody signed was verified")
    precondition(verified.statement.policy.matches(bundle.policy), "another policy was verified")
  }

  /// The first inputs of these targets.
  static var releaseSeeds: [(FuzzTarget, [[UInt8]])] {
    guard let trust = try? ReleaseDraft.trust(), let next = try? ReleaseDraft.trust(epoch: 2),
      var waves = try? ReleaseDraft.statement(serial: 2), let statement = try? ReleaseDraft.statement()
    else { return [] }
    let change = ReleaseDraft.change(next, by: [ReleaseDraft.first, ReleaseDraft.second])
    let bundles = [
      ReleaseDraft.bundle(statement, by: [ReleaseDraft.anna]),
      ReleaseDraft.bundle(waves, by: [ReleaseDraft.ben, ReleaseDraft.carl], changes: [change]),
    ]
    waves.waves = [
      .init(name: "a", floor: 0, members: ["server"]), .init(name: "b", floor: 60, members: ["*"]),
    ]
    waves.fallBack = .release(1, until: waves.issued)
    return [
      (.statement, [statement.bytes, waves.bytes]), (.trust, [trust.bytes, next.bytes]),
      (.bundle, bundles.map(\.bytes) + [TrustChanges(all: [change]).bytes]),
      (.signature, [ReleaseDraft.anna, ReleaseDraft.carl].map { $0.sign([1]) }),
      (
        .ratchet,
        [
          Ratchet(epoch: 1, serial: 3, release: ContentDigest(of: []), trust: nil).bytes,
          Ratchet(epoch: 2, serial: 3, release: nil, trust: next).bytes,
        ]
      ),
    ]
  }
}

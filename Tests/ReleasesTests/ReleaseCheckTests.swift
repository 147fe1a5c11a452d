// SPDX-License-Identifier: GPL-3.0-or-later

import ReleaseTestSupport
import Releases
import Testing

/// The attacks that The Update Framework names, and those of a channel that somebody has taken over: one case each.
@Suite("Which releases a machine takes")
struct ReleaseCheckTests {
  typealias Draft = ReleaseDraft

  /// The ratchet after a release was taken.
  private static func taken(_ serial: UInt64, epoch: UInt64 = 1, _ trust: TrustFile? = nil) throws -> Ratchet
  {
    Ratchet(
      epoch: epoch, serial: serial,
      release: ContentDigest(of: try Draft.statement(epoch: epoch, serial: serial).bytes), trust: trust)
  }

  private static func refusal(_ check: ReleaseCheck, _ bundle: ReleaseBundle) -> ReleaseRefusal? {
    do throws(ReleaseRefusal) {
      _ = try check.verify(bundle)
      return nil
    } catch {
      return error
    }
  }

  @Test("a release that a publish key has signed is taken, and again after that, and the next one too")
  func taken() throws {
    var check = ReleaseCheck(first: try Draft.trust(), ratchet: nil)
    let bundle = Draft.bundle(try Draft.statement(), by: [Draft.ben])
    let verified = try check.verify(bundle)
    #expect(verified.signers == [try Draft.ben.named])
    #expect(verified.ignored == [])
    #expect(verified.ratchet.serial == 1)
    #expect(verified.ratchet.release == ContentDigest(of: bundle.statement))
    check = ReleaseCheck(first: try Draft.trust(), ratchet: verified.ratchet)
    #expect(try check.verify(bundle) == verified)
    #expect(
      try check.verify(Draft.bundle(try Draft.statement(serial: 2), by: [Draft.anna])).statement.serial == 2)
  }

  @Test("rollback: an older release is refused, however it is signed")
  func rollback() throws {
    let check = ReleaseCheck(first: try Draft.trust(), ratchet: try Self.taken(5))
    let old = Draft.bundle(try Draft.statement(serial: 4), by: [Draft.anna, Draft.ben])
    #expect(Self.refusal(check, old) == .oldSerial(4, own: 5))
  }

  @Test("equivocation: a second release with the serial of the one that was taken is refused")
  func equivocation() throws {
    let check = ReleaseCheck(first: try Draft.trust(), ratchet: try Self.taken(5))
    var statement = try Draft.statement(serial: 5)
    statement.because = "another one"
    #expect(Self.refusal(check, Draft.bundle(statement, by: [Draft.anna])) == .twoReleases(5))
  }

  @Test("freeze: a machine that gets the same release for ever keeps it, and can tell that it is stale")
  func freeze() throws {
    let check = ReleaseCheck(first: try Draft.trust(), ratchet: try Self.taken(5))
    let verified = try check.verify(Draft.bundle(try Draft.statement(serial: 5), by: [Draft.anna]))
    let end = try #require(verified.statement.freshUntil)
    #expect(!verified.statement.isStale(at: end.adding(-1)))
    #expect(verified.statement.isStale(at: end))
    var statement = verified.statement
    statement.freshUntil = nil
    #expect(!statement.isStale(at: UTCTime(seconds: .max)))
  }

  @Test("fast-forward: after the highest serial there is none in that epoch, but a new epoch begins again")
  func fastForward() throws {
    let most = Statement.mostSerial
    let check = ReleaseCheck(first: try Draft.trust(), ratchet: try Self.taken(most))
    #expect(
      Self.refusal(check, Draft.bundle(try Draft.statement(serial: 6), by: [Draft.anna]))
        == .oldSerial(6, own: most))
    let next = Draft.change(
      try Draft.trust(epoch: 2, publishers: [Draft.ben]), by: [Draft.first, Draft.third])
    let fix = Draft.bundle(try Draft.statement(epoch: 2, serial: 1), by: [Draft.ben], changes: [next])
    let verified = try check.verify(fix)
    #expect(verified.ratchet.epoch == 2)
    #expect(verified.ratchet.trust?.epoch == 2)
  }

  @Test("mix and match: the policy or a list of another release, or none, is refused")
  func mixAndMatch() throws {
    let check = ReleaseCheck(first: try Draft.trust(), ratchet: nil)
    let whole = Draft.bundle(try Draft.statement(), by: [Draft.anna])
    var bundle = whole
    bundle.policy.append(0x0a)
    #expect(Self.refusal(check, bundle) == .content("policy.yaml"))
    // Of the same length.
    bundle = whole
    bundle.policy[0] ^= 1
    #expect(Self.refusal(check, bundle) == .content("policy.yaml"))
    bundle = whole
    bundle.lists[0][3] ^= 1
    #expect(Self.refusal(check, bundle) == .content("lists/office.txt"))
    bundle = whole
    bundle.lists = []
    #expect(Self.refusal(check, bundle) == .lists)
    bundle = whole
    (bundle.policy, bundle.lists) = (whole.lists[0], [whole.policy])
    #expect(Self.refusal(check, bundle) == .content("policy.yaml"))
    // The signature of another release.
    bundle = whole
    bundle.signatures = [Draft.anna.sign(try Draft.statement(serial: 2).bytes)]
    #expect(
      Self.refusal(check, bundle)
        == .signatures(
          valid: 0, needed: 1,
          why: ["signature 1 does not fit the text and the key \(try Draft.anna.key.fingerprint)"]))
  }

  @Test(
    "wrong namespace: a signature for git, a file or a trust file is none of a release",
    arguments: ["git", "file", "wgfence-trust", ""])
  func wrongNamespace(name: String) throws {
    let check = ReleaseCheck(first: try Draft.trust(), ratchet: nil)
    var bundle = Draft.bundle(try Draft.statement(), by: [])
    bundle.signatures = [Draft.anna.sign(bundle.statement, name)]
    #expect(
      Self.refusal(check, bundle)
        == .signatures(
          valid: 0, needed: 1, why: ["signature 1 is for '\(name)', not for 'wgfence-release'"]))
  }

  @Test("1 of 2 signatures: two different publish keys must sign, where the trust file says so")
  func threshold() throws {
    let trust = try Draft.trust(publishers: [Draft.anna, Draft.ben, Draft.carl], threshold: 2)
    let check = ReleaseCheck(first: trust, ratchet: nil)
    let statement = try Draft.statement()
    for (signers, valid) in [
      ([], 0), ([Draft.anna], 1), ([Draft.anna, Draft.anna], 1), ([Draft.anna, Draft.stranger], 1),
      ([Draft.anna, Draft.first], 1),
    ] {
      guard case .signatures(valid, 2, let why)? = Self.refusal(check, Draft.bundle(statement, by: signers))
      else {
        Issue.record("\(signers.count) signers")
        continue
      }
      #expect(why.count == signers.count - valid)
    }
    for signers in [[Draft.anna, Draft.ben], [Draft.stranger, Draft.carl, Draft.anna]] {
      #expect(try check.verify(Draft.bundle(statement, by: signers)).signers.count == 2)
    }
  }

  @Test("a token that nobody touched does not count as a signer")
  func untouched() throws {
    let check = ReleaseCheck(first: try Draft.trust(publishers: [Draft.carl]), ratchet: nil)
    var bundle = Draft.bundle(try Draft.statement(), by: [])
    bundle.signatures = [Draft.carl.parts(bundle.statement, ReleaseCheck.releaseNamespace, flags: 0).armoured]
    #expect(
      Self.refusal(check, bundle)
        == .signatures(
          valid: 0, needed: 1,
          why: ["signature 1 was made without a touch of the token \(try Draft.carl.key.fingerprint)"]))
  }

  @Test(
    "revoked key: a key of an earlier epoch signs nothing any more, neither for that epoch nor for the new one"
  )
  func revoked() throws {
    let next = try Draft.trust(epoch: 2, publishers: [Draft.ben])
    let change = Draft.change(next, by: [Draft.first, Draft.second])
    let check = ReleaseCheck(first: try Draft.trust(), ratchet: try Self.taken(1, epoch: 2, next))
    let old = Draft.bundle(try Draft.statement(serial: 9), by: [Draft.anna], changes: [change])
    #expect(Self.refusal(check, old) == .oldEpoch(1, own: 2))
    let new = Draft.bundle(try Draft.statement(epoch: 2, serial: 9), by: [Draft.anna], changes: [change])
    guard case .signatures(0, 1, _)? = Self.refusal(check, new) else { return #expect(Bool(false)) }
    // The machine that knows only epoch 1 learns of epoch 2 from the bundle itself.
    let late = ReleaseCheck(first: try Draft.trust(), ratchet: try Self.taken(3))
    #expect(Self.refusal(late, old) == .oldEpoch(1, own: 2))
  }

  @Test("first-contact replay: a new machine that was told the current serial refuses older releases")
  func firstContact() throws {
    let old = Draft.bundle(try Draft.statement(serial: 3), by: [Draft.anna])
    let told = ReleaseCheck(
      first: try Draft.trust(), ratchet: Ratchet(epoch: 1, serial: 6, release: nil, trust: nil))
    #expect(Self.refusal(told, old) == .oldSerial(3, own: 6))
    #expect(
      Self.refusal(told, Draft.bundle(try Draft.statement(serial: 6), by: [Draft.anna]))
        == .oldSerial(6, own: 6))
    #expect(
      try told.verify(Draft.bundle(try Draft.statement(serial: 7), by: [Draft.anna])).statement.serial == 7)
    // Without that, the channel can choose which release is the first.
    let untold = ReleaseCheck(first: try Draft.trust(), ratchet: nil)
    #expect(Self.refusal(untold, old) == nil)
  }

  @Test("another fleet's release is refused, even if it has the same keys")
  func otherFleet() throws {
    let check = ReleaseCheck(first: try Draft.trust(), ratchet: nil)
    let bundle = Draft.bundle(try Draft.statement(fleet: "office-2"), by: [Draft.anna])
    #expect(
      Self.refusal(check, bundle)
        == .otherFleet(try #require(FleetName("office-2")), own: try Draft.trust().fleet))
  }

  @Test(
    "a trust file of the next epoch needs the root keys of the one before it, and no epoch can be left out")
  func rotation() throws {
    let check = ReleaseCheck(first: try Draft.trust(), ratchet: nil)
    let (second, third) = (
      try Draft.trust(epoch: 2, roots: [Draft.carl], rootThreshold: 1), try Draft.trust(epoch: 3)
    )
    func verdict(_ changes: [ReleaseBundle.TrustChange], epoch: UInt64) throws -> ReleaseRefusal? {
      Self.refusal(check, Draft.bundle(try Draft.statement(epoch: epoch), by: [Draft.anna], changes: changes))
    }
    let good = Draft.change(second, by: [Draft.third, Draft.first])
    #expect(try verdict([good], epoch: 2) == nil)
    // A publish key is no root key, one root key is not two, and the new file's own root keys do not count.
    for signers in [
      [Draft.first], [Draft.first, Draft.first], [Draft.anna, Draft.ben], [Draft.first, Draft.carl], [],
    ] {
      guard case .trustSignatures(2, _, 2, _)? = try verdict([Draft.change(second, by: signers)], epoch: 2)
      else {
        Issue.record("\(signers.count) signers")
        continue
      }
    }
    // The keys of epoch 2 sign epoch 3, not those of epoch 1.
    #expect(try verdict([good, Draft.change(third, by: [Draft.carl])], epoch: 3) == nil)
    guard
      case .trustSignatures(3, 0, 1, _)? = try verdict(
        [good, Draft.change(third, by: [Draft.first, Draft.second])], epoch: 3)
    else { return #expect(Bool(false)) }
    #expect(
      try verdict([Draft.change(third, by: [Draft.first, Draft.second])], epoch: 3) == .missingTrust(2))
    #expect(try verdict([], epoch: 2) == .unknownEpoch(2, own: 1))
    // A signature in the namespace of releases is none of a trust file.
    let wrong = ReleaseBundle.TrustChange(
      trust: second.bytes, signatures: [Draft.first, Draft.second].map { $0.sign(second.bytes) })
    guard case .trustSignatures(2, 0, 2, _)? = try verdict([wrong], epoch: 2) else {
      return #expect(Bool(false))
    }
  }

  @Test("the trust file of a ratchet counts only for the same fleet, and if it is newer")
  func ratchetTrust() throws {
    let (own, newer, other) = (
      try Draft.trust(epoch: 2), try Draft.trust(epoch: 3), try Draft.trust(fleet: "office-2", epoch: 9)
    )
    for (trust, expected) in [(newer, newer), (try Draft.trust(), own), (other, own)] {
      let ratchet = Ratchet(epoch: 1, serial: 1, release: nil, trust: trust)
      #expect(ReleaseCheck(first: own, ratchet: ratchet).trust == expected)
    }
  }
}

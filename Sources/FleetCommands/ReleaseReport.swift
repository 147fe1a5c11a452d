// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Releases
internal import Reports

/// What a bundle contains, and whether a machine takes it.
struct ReleaseReport {
  let statement: Statement
  private let bundle: ReleaseBundle
  private let trust: TrustFile
  private let result: Result<ReleaseCheck.Verified, ReleaseRefusal>

  /// The report about a bundle for a machine with this trust file and ratchet.
  init(_ bundle: ReleaseBundle, _ statement: Statement, by check: ReleaseCheck) {
    (self.bundle, self.statement, trust) = (bundle, statement, check.trust)
    do throws(ReleaseRefusal) { result = .success(try check.verify(bundle)) } catch {
      result = .failure(error)
    }
  }

  /// Why it is refused; nil if it is taken.
  var refusal: ReleaseRefusal? {
    if case .failure(let refusal) = result { refusal } else { nil }
  }

  private var verified: ReleaseCheck.Verified? { try? result.get() }

  /// One line about a release that was made.
  var summary: PrintableText {
    "release \(statement.serial) of \(statement.fleet), epoch \(statement.epoch); \(statement.tests) expectations hold.\n"
  }

  /// What to do with it next.
  func nextStep(_ folder: ChannelFolder) -> PrintableText {
    if case .signatures(let valid, let needed, let why)? = refusal {
      return why.map { "\($0)\n" }.joined()
        + "It has \(valid) of \(needed) signatures that it needs: wgfence fleet sign \(folder.release) --key KEY\n"
    }
    if let refusal { return "No machine takes it: \(refusal)\n" }
    return """
      It is signed by \(signers). On each machine: wgfence fleet accept \(folder.release)
      On a new machine first: wgfence fleet join \(folder.trust) --fingerprint \(trust.fingerprint) --from \(statement.serial)

      """
  }

  private var signers: String {
    (verified?.signers ?? []).map { $0.name.isEmpty ? $0.key.fingerprint : $0.name }.joined(
      separator: " and ")
  }

  /// Everything for people.
  var text: PrintableText {
    var table = AlignedTable([.left(), .left()])
    table.append(["fleet", "\(statement.fleet), epoch \(statement.epoch)"])
    table.append(["serial", "\(statement.serial)"])
    table.append(["issued", "\(statement.issued)"])
    table.append(["fresh until", statement.freshUntil.map { "\($0)" } ?? "never stale"])
    table.append(["requires", "wgfence \(statement.requires)"])
    table.append([
      "policy",
      "\(statement.policy.name), \(statement.policy.length) bytes, SHA-256 \(statement.policy.digest)",
    ])
    for list in statement.lists {
      table.append(["list", "\(list.name), \(list.length) bytes, SHA-256 \(list.digest)"])
    }
    if let commit = statement.commit { table.append(["commit", commit]) }
    table.append(["tests", "\(statement.tests) expectations held"])
    if let because = statement.because { table.append(["because", because]) }
    for wave in statement.waves {
      table.append([
        "wave",
        "\(wave.name), from \(statement.issued.adding(Int64(wave.floor) * 60)): \(wave.members.joined(separator: ", "))",
      ])
    }
    if case .release(let serial, let until) = statement.fallBack {
      table.append(["falls back", "to \(serial), until \(until)"])
    }
    for signer in verified?.signers ?? [] {
      table.append([
        "signed by", "\(signer.name.isEmpty ? "no name" : signer.name), \(signer.key.fingerprint)",
      ])
    }
    for ignored in verified?.ignored ?? [] { table.append(["", ignored]) }
    let verdict: PrintableText = refusal.map { "REFUSED: \($0)\n" } ?? "This release may be taken.\n"
    return table.text() + verdict
  }

  /// `wgfence/fleet-verify/1`, and the same for `publish`.
  func json(_ verb: String) -> String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/\(verb)/1")
      object.put("valid", refusal == nil)
      object.put("refused", refusal.map { "\($0)" })
      object.put("fleet", "\(statement.fleet)")
      object.put("epoch", Int(clamping: statement.epoch))
      object.put("serial", Int(clamping: statement.serial))
      object.put("digest", "\(ContentDigest(of: bundle.statement))")
      object.put("issued", "\(statement.issued)")
      object.put("fresh_until", statement.freshUntil.map { "\($0)" })
      object.put("requires", "\(statement.requires)")
      object.object("policy") { $0.put(statement.policy) }
      object.array("lists") { array in
        for list in statement.lists { array.object { $0.put(list) } }
      }
      object.put("commit", statement.commit)
      object.put("tests", Int(clamping: statement.tests))
      object.put("because", statement.because)
      object.array("waves") { array in
        for wave in statement.waves {
          array.object { object in
            object.put("name", wave.name)
            object.put("floor_minutes", Int(wave.floor))
            object.put("members", each: wave.members)
          }
        }
      }
      if case .release(let serial, let until) = statement.fallBack {
        object.object("falls_back") { object in
          object.put("serial", Int(clamping: serial))
          object.put("until", "\(until)")
        }
      } else {
        object.null("falls_back")
      }
      object.array("signers") { array in
        for signer in verified?.signers ?? [] { array.object { $0.put(signer) } }
      }
      object.put("ignored", each: verified?.ignored ?? [])
      object.put("trust", "\(trust.fingerprint)")
    }
  }
}

extension JSONWriter.Object {
  fileprivate mutating func put(_ content: Statement.Content) {
    put("name", content.name)
    put("bytes", content.length)
    put("sha256", "\(content.digest)")
  }

  mutating func put(_ key: NamedKey) {
    put("name", key.name)
    put("type", key.key.type)
    put("fingerprint", key.key.fingerprint)
  }
}

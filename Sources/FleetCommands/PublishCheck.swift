// SPDX-License-Identifier: GPL-3.0-or-later

internal import DaemonService
internal import Enforcement
internal import NetworkModel
internal import PolicyAnalysis
internal import PolicyFiles
internal import PolicyLanguage
internal import PolicyProof
internal import Reports
internal import Releases
internal import Ruleset

/// What must hold of a policy before it is published: as `wgfence check --strict --prove`, for all its machines.
enum PublishCheck {
  /// The number of expectations, which all hold. Nil if the policy may not be published: `note` has printed why.
  static func expectations(of file: PolicyFile, _ path: String, _ note: @escaping (PrintableText) -> Void)
    -> UInt64?
  {
    note(DiagnosticText().render(file.decoded.diagnostics))
    guard file.decoded.isValid, let policy = file.decoded.policy else {
      note("\(path) is not valid: nothing was published\n")
      return nil
    }
    let site = CompiledSite(policy, today: Today.date)
    let run = PolicyTestRun(site)
    var report = CheckReport()
    report.diagnostics = file.decoded.diagnostics
    note(DiagnosticText().render(report.add(run, run.coverage, file.lines)))
    note(TestFailureText(lines: file.lines).render(run.failures))
    guard run.failed == 0 else {
      note("\(run.failed) expectations of its tests do not hold: nothing was published\n")
      return nil
    }
    guard !report.hasWarning else {
      note("\(path) has warnings: nothing was published\n")
      return nil
    }
    var proof: Proof? = Proof(site)
    var progress = Progress("proved", "machines", by: note)
    _ = SiteCheck.rules(of: site, after: run, proving: &proof) {
      progress.note($0, of: policy.machines.count)
    }
    progress.end()
    guard let proof, proof.counterExamples.isEmpty else {
      if let proof { note(ProofReport.text(proof, path: path)) }
      note("a ruleset does something else than the policy says: nothing was published\n")
      return nil
    }
    return UInt64(run.passed)
  }
}

/// A wave on the command line: `NAME:FLOOR:MEMBERS`.
enum WaveArgument {
  /// Reads `canary:0m:web-1,web-2` or `rest:60m:*`. The members must be machines or groups of the policy.
  static func wave(_ text: String, of policy: Policy) throws(Refusal) -> Statement.Wave {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3, !parts[0].isEmpty, !parts[0].contains(" "), let minutes = minutes(parts[1]) else {
      throw Refusal("--wave \(text): NAME:FLOOR:MEMBERS is needed, as in canary:0m:web-1,web-2 or rest:60m:*")
    }
    let members = parts[2].split(separator: ",").map { String($0) }
    let known = Set(policy.machines.map(\.name) + policy.groups.map(\.name) + [Statement.Wave.others])
    if let unknown = members.first(where: { !known.contains($0) }) {
      throw Refusal("--wave \(text): the policy has no machine and no group '\(unknown)'")
    }
    return Statement.Wave(name: String(parts[0]), floor: minutes, members: members)
  }

  private static func minutes(_ text: Substring) -> UInt32? {
    seconds(String(text)).flatMap { $0 % 60 == 0 && $0 / 60 <= 525_600 ? UInt32($0 / 60) : nil }
  }

  /// A duration in seconds: a number and one of s, m, h, d.
  static func seconds(_ text: String) -> Int64? {
    let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let last = text.last, let unit = units[last], let number = Int64(text.dropLast()), number >= 0,
      number < 1_000_000
    else { return nil }
    return number * unit
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import NetworkModel
internal import PolicyAnalysis
internal import PolicyCompiler
internal import PolicyFiles
internal import PolicyLanguage
internal import Reports
internal import Ruleset

/// Reads and checks a policy all through, as what the daemon may put in force.
struct PolicyReader: Sendable {
  /// The machine as which it is enforced.
  let machine: MachineChoice
  /// How much work a policy may be.
  var extent = Extent.any

  /// Failed tests that are reported of a policy; others are counted.
  static let mostFailures = 100

  /// How much work a policy may be.
  enum Extent {
    case any
    /// What `PolicyWork` says of it is looked at before it is compiled and its tests are run.
    case bounded
  }

  /// A reading, and the files that it was made of.
  struct Reading {
    let reading: PolicyReading
    /// The list files that the policy names.
    let lists: [String]
    /// What is not known of live endpoints.
    let gaps: [String]
    /// The files on disk as they were right before they were read, by path.
    var signatures: [String: FileSignature] = [:]
  }

  /// Reads a policy file and its lists from the disk.
  package func read(_ path: String) -> Reading {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    var signatures = [path: FileSignature(path)]
    var reading = read(path, FileContent.read(path, limit: PolicyFile.policyLimit)) { list in
      let place = list.hasPrefix("/") ? list : folder + list
      signatures[place] = FileSignature(place)
      return (place, FileContent.read(place, limit: PolicyFile.listLimit))
    }
    reading.signatures = signatures
    return reading
  }

  /// Checks a policy of these bytes, whose lists' files `list` gives, with their paths, by the names in the policy.
  ///
  /// A grant whose time is over is no reason to refuse the policy: it is not compiled any more.
  package func read(_ path: String, _ content: ListFile, list: (String) -> (path: String, content: ListFile))
    -> Reading
  {
    guard case .bytes(let bytes) = content else {
      let reason = if case .unreadable(let reason) = content { reason } else { "" }
      return refused("", "\(path): \(reason)", "", [])
    }
    var digest = Digest()
    digest.add(bytes)
    var paths: [String] = []
    let today = Today.date
    let decoded = PolicyDecoder.decode(bytes: bytes, path: path, today: today) { name in
      let file = list(name)
      paths.append(file.path)
      if case .bytes(let bytes) = file.content { digest.add(bytes) }
      return file.content
    }
    guard let policy = decoded.policy else {
      let errors = decoded.diagnostics.filter { $0.severity == .error }
      return refused(
        digest.text, "\(path) is not valid: \(errors.count) error\(errors.count == 1 ? "" : "s")",
        DiagnosticText(style: .plain).render(errors), paths)
    }
    if extent == .bounded, let refusal = PolicyWork(policy).refusal {
      return refused(digest.text, "\(path) is too much work: \(refusal)", "", paths)
    }
    let (live, gaps) = LiveEndpoints.read(for: policy, on: machine.name(in: policy))
    do throws(CompileError) {
      let candidate = try Candidate(
        policy, machine: machine.name(in: policy), digest: digest.text, today: today, live: live)
      let run = PolicyTestRun(CompiledSite(policy, today: today, live: live), keeping: Self.mostFailures)
      guard run.failed == 0 else {
        let more = run.failed - run.failures.count
        return refused(
          digest.text, "\(run.failed) of the tests of \(path) failed",
          TestFailureText(style: .plain, lines: nil).render(run.failures)
            + (more > 0 ? "\(more) more are not shown: run wgfence check\n" : ""), paths)
      }
      if let machine = policy.machine(named: candidate.machine) {
        let proof = Proof.prove(
          candidate.ruleset, of: machine, in: CompiledSite(policy, today: today, live: live))
        guard proof.counterExamples.isEmpty else {
          return refused(
            digest.text, ProofReport.refusal(proof, machine: machine.name),
            ProofReport.text(proof, path: path),
            paths)
        }
      }
      return Reading(reading: .accepted(candidate), lists: paths, gaps: gaps)
    } catch {
      return refused(digest.text, error.description, "", paths)
    }
  }

  func refused(
    _ digest: String, _ reason: String, _ report: PrintableText, _ lists: [String]
  ) -> Reading {
    Reading(
      reading: .refused(PolicyRefusal(digest: digest, reason: reason, report: report)), lists: lists, gaps: []
    )
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import NetworkModel
internal import PolicyAnalysis
package import PolicyFiles
internal import PolicyLanguage
package import PolicyProof
internal import Releases
internal import Reports
internal import Ruleset

/// Turns policy files into a candidate that can be put in force, for the daemon and for verbs: it reads and decodes
/// them, reads live endpoints, compiles once, runs the tests, and proves the ruleset.
package struct PolicyLoader: Sendable {
  /// The machine of the policy that this host is.
  let machine: MachineChoice
  /// How much work checking a policy may be.
  var extent = Extent.any
  /// Which of its tests are run.
  var tests = Tests.all
  /// The most failed tests of a policy that are reported in full; the others are counted.
  var mostFailures = Int.max
  /// The last known live facts, for what cannot be read now.
  var lastFacts = LiveFacts()

  /// The most failed tests that the daemon reports.
  static let reportedFailures = 100

  /// Which tests of a policy are run.
  enum Tests {
    case all
    /// Those that cross the machine: the policy is of a signed release, whose publisher ran all of them.
    case crossing
  }

  /// How much work checking a policy may be.
  enum Extent {
    case any
    /// Limited by `PolicyWork`, which is computed before the policy is compiled and tested.
    case bounded
  }

  /// A loader for a machine.
  package init(machine: MachineChoice) { self.machine = machine }

  /// A loader for a daemon, which limits the number of failed tests that it reports.
  init(daemon machine: MachineChoice, extent: Extent = .any) {
    self.machine = machine
    self.extent = extent
    mostFailures = Self.reportedFailures
  }

  /// The result of loading a policy.
  package struct Loaded: Sendable {
    /// What can be put in force, or why it cannot.
    package let result: Result<Candidate, PolicyRejection>
    /// What is not known of live endpoints, as sentences.
    package private(set) var gaps: [String]
    /// What would stop working on this host, if that was asked.
    package var objection: Objection?
    /// The policy's file, as it was named.
    let path: String
    /// The digest of what was read; empty if nothing could be read.
    let digest: String
    /// The list files that the policy names.
    var lists: [String] = []
    /// The release of which the policy is; nil: it is a local file.
    var release: ReleaseCheck.Verified?
    /// The signatures of the files right before they were read, by path.
    var signatures: [String: FileSignature] = [:]

    /// Adds what would stop working, and what of that is not known.
    mutating func find(_ found: (objection: Objection?, gaps: [String])) {
      objection = found.objection
      gaps += found.gaps
    }

    /// The result as a controller needs it.
    var reading: PolicyReading {
      switch result {
      case .success(let candidate): return .accepted(candidate, objection)
      case .failure(let rejection):
        let text = PolicyRejectionText(rejection, path: path)
        return .refused(
          PolicyRefusal(
            digest: digest.isEmpty ? nil : digest, reason: text.sentence, report: text.report))
      }
    }
  }

  /// Reads a policy file and its lists from the disk, and finds what the policy would end on this host. Nothing is asked
  /// about the policy with the digest `inForce`.
  func load(_ path: String, unless inForce: String?) -> Loaded {
    var loaded = load(path)
    findObjection(in: &loaded, unless: inForce)
    return loaded
  }

  /// Finds what a policy would end on this host. Nothing is asked about the policy with the digest `inForce`.
  func findObjection(in loaded: inout Loaded, unless inForce: String?) {
    if case .success(let candidate) = loaded.result, candidate.digest != inForce {
      loaded.find(ImpactCheck.objection(to: candidate))
    }
  }

  /// Reads a policy file and its lists from the disk.
  func load(_ path: String) -> Loaded {
    var signatures = [path: FileSignature(path)]
    var loaded = load(path, FileContent.read(path, limit: PolicyFile.policyLimit)) { list in
      let place = PolicyFile.place(of: list, besides: path)
      signatures[place] = FileSignature(place)
      return (place, FileContent.read(place, limit: PolicyFile.listLimit))
    }
    loaded.signatures = signatures
    return loaded
  }

  /// Loads a policy from its content. `list` returns the path and content of a list file by its name in the policy.
  func load(_ path: String, _ content: ListFile, list: (String) -> (path: String, content: ListFile))
    -> Loaded
  {
    var lists: [String] = []
    let (decoded, digest): (DecodedPolicy, String)
    do throws(PolicyFileError) {
      let file = try PolicyFile.decode(path, content) { name in
        let file = list(name)
        lists.append(file.path)
        return file.content
      }
      (decoded, digest) = (file.decoded, file.digest)
    } catch {
      return Self.unreadable(path, error.reason)
    }
    var loaded = accept(decoded, digest: digest, path: path)
    loaded.lists = lists
    return loaded
  }

  /// The result for a policy that could not be read.
  static func unreadable(_ path: String, _ reason: String) -> Loaded {
    Loaded(result: .failure(.unreadable(reason: reason)), gaps: [], path: path, digest: "")
  }

  /// Checks a policy that was read and decoded.
  package func accept(_ file: PolicyFile, path: String) -> Loaded {
    accept(file.decoded, digest: file.digest, path: path)
  }

  /// An expired grant is an error of the file, but does not make the daemon refuse the policy: it is not compiled.
  private func accept(_ decoded: DecodedPolicy, digest: String, path: String) -> Loaded {
    guard let policy = decoded.policy else {
      let errors = decoded.diagnostics.filter { $0.severity == .error }
      return Loaded(result: .failure(.invalid(errors)), gaps: [], path: path, digest: digest)
    }
    if extent == .bounded, let limit = PolicyWork(policy).refusal {
      return Loaded(result: .failure(.tooMuchWork(limit)), gaps: [], path: path, digest: digest)
    }
    let (name, today) = (machine.name(in: policy), Today.date)
    let reading = LiveReading(for: policy, on: name)
    let live = reading.facts.with(lastFacts, for: reading.unread)
    let result: Result<Candidate, PolicyRejection>
    do throws(PolicyRejection) {
      let view = try PolicyAcceptance.check(
        policy, machine: name, today: today, live: live, tests: tests == .all ? .all : .crossing(name),
        keeping: mostFailures)
      result = .success(Candidate(view, digest: digest, today: today, live: live))
    } catch {
      result = .failure(error)
    }
    return Loaded(result: result, gaps: reading.gaps, path: path, digest: digest)
  }
}

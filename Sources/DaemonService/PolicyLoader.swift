// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import NetworkModel
package import PolicyAnalysis
package import PolicyFiles
internal import PolicyLanguage
internal import Reports
internal import Ruleset

/// Takes a policy from its files to what can be put in force, for the daemon and for verbs: read, decoded, asked what is
/// live, compiled once, tested, proved.
package struct PolicyLoader: Sendable {
  /// The machine as which it is enforced.
  let machine: MachineChoice
  /// How much work a policy may be.
  var extent = Extent.any
  /// Failed tests that are kept of a policy; others are counted.
  var mostFailures = Int.max

  /// Failed tests that the daemon reports of a policy.
  static let reportedFailures = 100

  /// How much work a policy may be.
  enum Extent {
    case any
    /// What `PolicyWork` says of it is looked at before it is compiled and its tests are run.
    case bounded
  }

  /// A loader for a machine.
  package init(machine: MachineChoice) { self.machine = machine }

  /// A loader for a daemon, which reports a part of many failed tests.
  init(daemon machine: MachineChoice, extent: Extent = .any) {
    self.machine = machine
    self.extent = extent
    mostFailures = Self.reportedFailures
  }

  /// What came of a policy.
  package struct Loaded: Sendable {
    /// What can be put in force, or why it cannot.
    package let result: Result<Candidate, PolicyRejection>
    /// What is not known of live endpoints.
    package let gaps: [String]
    /// The policy's file, as it was named.
    let path: String
    /// The digest of what was read; empty where nothing could be.
    let digest: String
    /// The list files that the policy names.
    var lists: [String] = []
    /// The files on disk as they were right before they were read, by path.
    var signatures: [String: FileSignature] = [:]

    /// The same for a controller.
    var reading: PolicyReading {
      switch result {
      case .success(let candidate): return .accepted(candidate)
      case .failure(let rejection):
        let text = PolicyRejectionText(rejection, path: path)
        return .refused(
          PolicyRefusal(digest: digest, reason: text.sentence, report: text.report(.plain)))
      }
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

  /// Takes a policy of these bytes, whose lists' files `list` gives, with their paths, by the names in the policy.
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

  /// A policy that could not be read.
  static func unreadable(_ path: String, _ reason: String) -> Loaded {
    Loaded(result: .failure(.unreadable(reason: reason)), gaps: [], path: path, digest: "")
  }

  /// Takes a policy that was read and decoded.
  package func accept(_ file: PolicyFile, path: String) -> Loaded {
    accept(file.decoded, digest: file.digest, path: path)
  }

  /// A grant whose time is over is an error of the file, and no reason to refuse the policy: it is not compiled any more.
  private func accept(_ decoded: DecodedPolicy, digest: String, path: String) -> Loaded {
    guard let policy = decoded.policy else {
      let errors = decoded.diagnostics.filter { $0.severity == .error }
      return Loaded(result: .failure(.invalid(errors)), gaps: [], path: path, digest: digest)
    }
    if extent == .bounded, let limit = PolicyWork(policy).refusal {
      return Loaded(result: .failure(.tooMuchWork(limit)), gaps: [], path: path, digest: digest)
    }
    let (name, today) = (machine.name(in: policy), Today.date)
    let (live, gaps) = LiveEndpoints.read(for: policy, on: name)
    let result: Result<Candidate, PolicyRejection>
    do throws(PolicyRejection) {
      let view = try PolicyAcceptance.check(
        policy, machine: name, today: today, live: live, keeping: mostFailures)
      result = .success(Candidate(view, digest: digest, today: today, live: live))
    } catch {
      result = .failure(error)
    }
    return Loaded(result: result, gaps: gaps, path: path, digest: digest)
  }
}

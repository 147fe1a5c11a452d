// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import Glibc
internal import NetworkModel
package import PolicyFiles
package import PolicyLanguage

/// A policy file, and the machine of it that this host is.
package struct PolicyRole: Sendable {
  /// The file.
  package let file: PolicyFile
  /// Its policy.
  package let policy: Policy
  /// The machine.
  package let machine: Machine
  /// The path, as it was named.
  package let path: String
  /// The digest of the file and its lists.
  package var digest: String { file.digest }

  /// A policy that is not valid.
  package struct Invalid: Error {
    /// Its errors.
    package let errors: [Diagnostic]
    /// Its path.
    package let path: String
  }

  /// The policy of a source, and the machine. The usual file is left out with a note if it is missing, not readable, or does
  /// not have this host. Throws `Refusal` or `PolicyFileError` if a named policy or machine cannot be used, and `Invalid`.
  package static func find(
    _ source: PolicySource, _ choice: MachineChoice, _ notes: inout [String]
  ) throws -> PolicyRole? {
    if case .usual(let path) = source, access(path, R_OK) != 0 {
      let reason = String(cString: strerror(errno))
      guard choice.given == nil else { throw Refusal("\(path): \(reason); --machine needs a policy") }
      notes.append("no policy was used: \(path): \(reason)")
      return nil
    }
    let (file, path) = try source.load()
    let policy = try valid(file, path)
    let name = choice.name(in: policy)
    if let found = policy.machine(named: name) {
      return PolicyRole(file: file, policy: policy, machine: found, path: path)
    }
    let known = policy.machines.map(\.name).joined(separator: ", ")
    guard case .usual = source, choice.given == nil else {
      throw Refusal("\(path) has no machine '\(name)' (--machine takes one of \(known))")
    }
    notes.append("\(path) has no machine '\(name)', so it was not used (--machine takes one of \(known))")
    return nil
  }

  /// The policy of a file, which must be valid.
  package static func valid(_ file: PolicyFile, _ path: String) throws(Invalid) -> Policy {
    if file.decoded.isValid, let policy = file.decoded.policy { return policy }
    throw Invalid(errors: file.decoded.diagnostics.filter { $0.severity == .error }, path: path)
  }
}

/// Where a policy comes from.
package enum PolicySource: Sendable {
  /// The usual file at this path, which was not named.
  case usual(String)
  /// A file that was named.
  case file(String)
  /// A file that a client read, with the path that it named.
  case received(PolicyFile, path: String)

  /// A file that was named; nil: the usual one.
  package init(_ named: String?) { self = named.map { .file($0) } ?? .usual(HostPlaces.policy) }

  /// Reads and decodes it.
  package func load() throws(PolicyFileError) -> (file: PolicyFile, path: String) {
    switch self {
    case .usual(let path), .file(let path): (try PolicyFile.load(path), path)
    case .received(let file, let path): (file, path)
    }
  }
}

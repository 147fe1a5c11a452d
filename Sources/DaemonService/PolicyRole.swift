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

  /// The policy and machine that were named. Without a name: the default file, if it exists, is readable and has this
  /// host; else nil and a note. Throws `Refusal` or `PolicyFileError` if a named policy or machine cannot be used, and
  /// `Invalid`.
  package static func find(
    _ named: String?, default standard: String, _ choice: MachineChoice, _ notes: inout [String]
  ) throws -> PolicyRole? {
    let path = named ?? standard
    if named == nil, access(path, R_OK) != 0 {
      let reason = String(cString: strerror(errno))
      guard choice.given == nil else { throw Refusal("\(path): \(reason); --machine needs a policy") }
      notes.append("no policy was used: \(path): \(reason)")
      return nil
    }
    let file = try PolicyFile.load(path)
    guard file.decoded.isValid, let policy = file.decoded.policy else {
      throw Invalid(errors: file.decoded.diagnostics.filter { $0.severity == .error }, path: path)
    }
    let name = choice.name(in: policy)
    if let found = policy.machine(named: name) {
      return PolicyRole(file: file, policy: policy, machine: found, path: path)
    }
    let known = policy.machines.map(\.name).joined(separator: ", ")
    guard named == nil, choice.given == nil else {
      throw Refusal("\(path) has no machine '\(name)' (--machine takes one of \(known))")
    }
    notes.append("\(path) has no machine '\(name)', so it was not used (--machine takes one of \(known))")
    return nil
  }
}

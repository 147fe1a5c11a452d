// SPDX-License-Identifier: GPL-3.0-or-later

internal import DropAnalysis
internal import NetworkModel
internal import PolicyAnalysis
internal import PolicyFiles
internal import PolicyLanguage

/// Tries changes of a policy file: decodes the changed file, and runs its tests.
struct PolicyTrial {
  private let role: PolicyRole

  init(_ role: PolicyRole) { self.role = role }

  /// Whether a changed file is a valid policy.
  func isValid(_ bytes: [UInt8]) -> Bool { decoded(bytes) != nil }

  /// A line with what the file's own tests say of it.
  func judged(_ line: SuggestedLine) -> SuggestedLine {
    guard line.risks.isEmpty, !role.policy.tests.isEmpty,
      let change = PolicyInsertion(role.file.bytes, role.policy, entries: [{ line.line.text(in: $0) }])
    else { return line }
    guard let policy = decoded(change.result) else { return line.adding(.notValid) }
    let before = failures(role.policy)
    let new = failures(policy).filter { !before.contains($0) }.sorted()
    return new.first.map { line.adding(.test(line: $0)) } ?? line
  }

  /// The lines of the tests that fail.
  private func failures(_ policy: Policy) -> Set<Int> {
    let run = PolicyTestRun(CompiledSite(policy, today: Today.date), keeping: 100)
    return Set(run.failures.map(\.location.line))
  }

  private func decoded(_ bytes: [UInt8]) -> Policy? {
    let file = try? PolicyFile.decode(role.path, .bytes(bytes)) { name in
      role.file.lists.first { $0.name == name }.map { .bytes($0.bytes) }
        ?? .unreadable(reason: "it was not read")
    }
    return file.flatMap { $0.decoded.isValid ? $0.decoded.policy : nil }
  }
}

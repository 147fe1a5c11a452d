// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import TestSupport

/// A host of a test with a change of its policy: what is compared is what stops working by the change.
public struct HostDraft: Sendable, Hashable {
  /// The host.
  public var parts: [HostPart]
  /// The policy in force before the change; nil for none.
  public var before: HostPolicyDraft?
  /// The policy after the change.
  public var after: HostPolicyDraft

  /// A host of these parts.
  public init(parts: [HostPart], before: HostPolicyDraft? = nil, after: HostPolicyDraft) {
    self.parts = parts
    self.before = before
    self.after = after
  }

  /// The drafts with one part less.
  var smaller: [HostDraft] {
    var found: [HostDraft] = []
    if before != nil {
      var draft = self
      draft.before = nil
      found.append(draft)
    }
    for index in parts.indices {
      var draft = self
      draft.parts.remove(at: index)
      found.append(draft)
    }
    found += (before?.smaller ?? []).map { HostDraft(parts: parts, before: $0, after: after) }
    found += after.smaller.map { HostDraft(parts: parts, before: before, after: $0) }
    return found
  }
}

extension HostDraft: CustomStringConvertible {
  /// The commands that build the host, and the policies.
  public var description: String {
    var text = parts.sorted { $0.stage < $1.stage }.map { "\($0)\n" }.joined()
    if let before { text += "--- policy before\n\(before.text)" }
    return text + "--- policy\n\(after.text)"
  }
}

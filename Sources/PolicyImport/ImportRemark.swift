// SPDX-License-Identifier: GPL-3.0-or-later

/// Something that the rules of a host do and that the written policy does not, with the reason. It is a comment in the
/// policy.
public struct ImportRemark: Sendable, Hashable {
  /// The kinds of remarks; the raw values are those of the JSON report.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// Ports that are open and on which nothing listens.
    case unheard
    /// Accepted at some addresses, interfaces or source ports only.
    case partial
    /// Accepted from sources that the policy language cannot name.
    case unnamed
    /// The walk cannot know whether it is accepted.
    case undetermined
    /// Accepted within a rate.
    case limit
    /// A port that the kernel chose for a client.
    case client
    /// Accepted at a group or broadcast address only.
    case group
    /// Forwarded by the host.
    case forwarded
    /// What the host itself may send.
    case outbound
    /// Address translation.
    case translation
    /// Packets that are logged.
    case logging
    /// Rules that change packets, or that no walk evaluates.
    case other
    /// Lost for a reason that no other remark gives.
    case lost
  }

  /// Its kind.
  public let kind: Kind
  /// What is not kept, and why.
  public let what: String
  /// What to do to keep it, or why nothing is needed; nil if nothing can be done.
  public let advice: String?

  init(_ kind: Kind, _ what: String, advice: String? = nil) {
    self.kind = kind
    self.what = what
    self.advice = advice
  }
}

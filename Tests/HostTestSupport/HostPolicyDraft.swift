// SPDX-License-Identifier: GPL-3.0-or-later

public import PolicyLanguage

/// A policy for a host of a test, as parts that can be removed one by one. Its machine is `host`.
public struct HostPolicyDraft: Sendable, Hashable {
  /// The lines of `tunnels`.
  public var tunnels: [String]
  /// Keys of the machine `host`, without its zones.
  public var keys: [String]
  /// Zones of the machine `host`.
  public var zones: [String]
  /// The lines of the other machines.
  public var others: [String]
  /// The lines of other sections, each with its name.
  public var lines: [Line]

  /// A line of a section.
  public struct Line: Sendable, Hashable {
    /// The name of the section.
    public var section: String
    /// The line, without indentation.
    public var text: String

    /// A line of a section.
    public init(_ section: String, _ text: String) {
      self.section = section
      self.text = text
    }
  }

  /// A policy of these parts.
  public init(
    tunnels: [String], keys: [String], zones: [String] = [], others: [String] = [], lines: [Line] = []
  ) {
    self.tunnels = tunnels
    self.keys = keys
    self.zones = zones
    self.others = others
    self.lines = lines
  }

  /// The policy's text.
  public var text: String {
    let zoneKey = zones.isEmpty ? [] : ["zones: { \(zones.joined(separator: ", ")) }"]
    var text = ["version: 1", "tunnels:"] + tunnels.map { "  \($0)" } + ["machines:"]
    text.append("  host: { \((keys + zoneKey).joined(separator: ", ")) }")
    text += others.map { "  \($0)" }
    for section in ["lists", "block", "allow", "encrypt", "failsafe"] {
      let own = lines.filter { $0.section == section }
      if own.isEmpty { continue }
      text.append("\(section):")
      text += own.map { section == "lists" ? "  \($0.text)" : "  - \($0.text)" }
    }
    return text.joined(separator: "\n") + "\n"
  }

  /// The policy; nil if it is not valid.
  public func policy(_ today: CalendarDate) -> Policy? {
    let decoded = PolicyDecoder.decode(bytes: Array(text.utf8), path: "policy.yaml", today: today) { _ in
      .unreadable(reason: "no lists")
    }
    return decoded.isValid ? decoded.policy : nil
  }

  /// The drafts with one part less.
  var smaller: [HostPolicyDraft] {
    var found: [HostPolicyDraft] = []
    func without(_ path: WritableKeyPath<HostPolicyDraft, [String]>) {
      for index in self[keyPath: path].indices {
        var draft = self
        draft[keyPath: path].remove(at: index)
        found.append(draft)
      }
    }
    for index in lines.indices {
      var draft = self
      draft.lines.remove(at: index)
      found.append(draft)
    }
    without(\.zones)
    without(\.others)
    without(\.keys)
    without(\.tunnels)
    return found
  }
}

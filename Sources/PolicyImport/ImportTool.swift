// SPDX-License-Identifier: GPL-3.0-or-later

/// The program whose rules are imported.
public enum ImportTool: String, Sendable, Hashable, CaseIterable {
  /// ufw, by iptables-nft or legacy iptables.
  case ufw
  /// firewalld, with its backend nftables.
  case firewalld
  /// All tables of nf_tables, whatever program loaded them.
  case nft
  /// iptables-nft and legacy iptables.
  case iptables
}

/// Why the rules of a host cannot be imported.
public enum ImportError: Error, Sendable, Hashable {
  /// No table of the program is loaded.
  case notLoaded(ImportTool, expected: String)
  /// The rules of tables of legacy iptables could not be read: each as `legacy family table: reason`.
  case unknownRules([String])
  /// Rules compare addresses in a way from which no prefixes follow, each as "family table chain rule N".
  case unreadRules([String])
  /// Rules distinguish too many ranges of addresses.
  case tooManySources(count: Int, limit: Int)
  /// The host's facts give no valid policy: the errors that the decoder found, as text.
  case invalidPolicy(String)
}

extension ImportError: CustomStringConvertible {
  /// What happened, and what to do, as a sentence without a full stop.
  public var description: String {
    switch self {
    case .notLoaded(let tool, let expected):
      "no rules of \(tool.rawValue) are loaded on this host: expected \(expected). "
        + "Start it, or name the program that filters here: nft list ruleset"
    case .unknownRules(let tables):
      "the rules of these tables could not be read: \(tables.joined(separator: "; ")). "
        + "Load them with iptables-nft, then import them"
    case .unreadRules(let rules):
      "these rules compare addresses by a mask that is not a prefix: \(rules.joined(separator: ", ")). "
        + "Write the policy by hand, or change the rules"
    case .tooManySources(let count, let limit):
      "the rules distinguish \(count) ranges of sources; at most \(limit) can be examined. "
        + "Move long lists into a table of their own, and import the others"
    case .invalidPolicy(let errors):
      "this host's facts and rules give no valid policy: write it by hand (docs/policy-language.md)\n\(errors)"
    }
  }
}

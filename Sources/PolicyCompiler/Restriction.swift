// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// How much of a policy is in force.
public enum Restriction: String, Sendable, Hashable, CaseIterable {
  /// All of it.
  case none
  /// Only the `failsafe` grants: nothing is relayed, no temporary grants, and containers open no outbound
  /// connections. What the host itself sends is not restricted.
  case lockDown = "lock-down"
  /// As in lock-down, and the host opens no connections either.
  case panic

  /// Its name in a rule's comment.
  var words: String {
    switch self {
    case .none: ""
    case .lockDown: "lock-down"
    case .panic: "panic"
    }
  }

  /// Why outbound packets are dropped. Without a restriction none are.
  var outbound: DropReason {
    switch self {
    case .lockDown: .lockDownOut
    case .none, .panic: .panicOut
    }
  }
}

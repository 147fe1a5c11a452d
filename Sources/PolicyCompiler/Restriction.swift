// SPDX-License-Identifier: GPL-3.0-or-later

/// How much of a policy holds.
public enum Restriction: String, Sendable, Hashable, CaseIterable {
  /// All of it.
  case none
  /// Of the grants those of `failsafe` alone: nothing is relayed, nothing opened for a time, and containers open no
  /// connection outward. What the host itself sends is as ever.
  case lockDown = "lock-down"
  /// As in a lock-down, and the host opens no connection either.
  case panic

  /// As it is said in a rule's comment.
  var words: String {
    switch self {
    case .none: ""
    case .lockDown: "locked down"
    case .panic: "panic"
    }
  }
}

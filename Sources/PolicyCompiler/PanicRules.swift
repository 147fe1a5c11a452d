// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// What a host may still send if it may open no connections.
extension RulesetBuilder {
  /// Rules of the output chain, after loopback and `encrypt`. The chain's policy stays accept, so that the
  /// chain can be changed in place; the last of these rules refuses.
  mutating func panicRules() -> [Rule] {
    alwaysSent() + [drop([], DropCause(restriction.outbound), Origin(reason: "panic: no outbound traffic"))]
  }
}

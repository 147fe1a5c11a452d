// SPDX-License-Identifier: GPL-3.0-or-later

extension Controller.Purpose {
  /// The user who requested it, or the daemon.
  var author: String {
    switch self {
    case .begin, .policyFile, .recompile, .goBack, .repair: "the daemon"
    case .apply(let by, _), .rollback(let by), .accept(let by), .endObservation(let by), .panic(let by),
      .endPanic(let by):
      by
    }
  }

  /// Whether it goes back to a ruleset that was settled before.
  var isReturn: Bool {
    switch self {
    case .begin, .goBack: true
    case .policyFile, .recompile, .apply, .rollback, .accept, .endObservation, .panic, .endPanic, .repair:
      false
    }
  }
}

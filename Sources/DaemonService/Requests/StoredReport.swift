// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel

/// The message after a change: whether it is also stored, and so survives a restart.
package struct StoredReport {
  /// What was done, as a sentence without its full stop.
  let done: PrintableText
  package let change: Change
  /// Why it could not be stored; nil if it was.
  let notPersisted: String?
  /// What leads to its being stored later, as a sentence without its full stop.
  let remedy: PrintableText

  /// A value of these parts.
  package init(done: PrintableText, change: Change, notPersisted: String?, remedy: PrintableText) {
    self.done = done
    self.change = change
    self.notPersisted = notPersisted
    self.remedy = remedy
  }

  /// The kind of change.
  package enum Change {
    case apply
    case confirm
    case rollback
    case panic
    case endPanic
    case unload

    /// Whether it makes the kernel equal to another ruleset.
    var isEnforcement: Bool {
      switch self {
      case .apply, .rollback, .panic, .endPanic: true
      case .confirm, .unload: false
      }
    }
  }

  /// The message for standard output. It claims nothing that was not stored.
  package var text: PrintableText {
    guard notPersisted == nil else { return "\(done).\n" }
    switch change {
    case .panic: return "\(done). It stays in force after a restart, until wgfence panic --end.\n"
    case .confirm: return "\(done): the ruleset is permanent.\n"
    case .apply, .rollback, .endPanic, .unload: return "\(done).\n"
    }
  }

  /// What a restart does if it is not stored; the verb then ends with status 1. Nil if it is stored.
  package var warning: PrintableText? {
    guard let notPersisted else { return nil }
    let restart: PrintableText =
      switch change {
      case .panic: "The panic is in force now, but does not survive a restart of the daemon or the machine"
      case .endPanic:
        "The panic has ended, but may be in force again after a restart of the daemon or the machine"
      case .confirm: "It is in force now, but a restart of the daemon or the machine may still roll it back"
      case .apply, .rollback:
        "It is in force now, but does not survive a restart of the daemon or the machine"
      case .unload: "A restart of the daemon may resume the apply that was on trial"
      }
    return
      "it could not be stored: \(notPersisted). \(restart). Free disk space or repair the disk. \(remedy)"
  }
}

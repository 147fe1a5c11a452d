// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel

/// What is said of something that is in force now: whether it is also stored, and so survives a restart.
package struct StoredReport {
  /// What was done, as a sentence without its full stop.
  let done: PrintableText
  package let change: Change
  /// Why it could not be stored; nil where it was.
  let notPersisted: String?
  /// What leads to its being stored after all, as a sentence without its full stop.
  let remedy: PrintableText

  /// A value of these parts.
  package init(done: PrintableText, change: Change, notPersisted: String?, remedy: PrintableText) {
    self.done = done
    self.change = change
    self.notPersisted = notPersisted
    self.remedy = remedy
  }

  /// What was asked for.
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

  /// The report: nothing in it promises what is not so.
  package var text: PrintableText {
    guard notPersisted == nil else { return "\(done).\n" }
    switch change {
    case .panic: return "\(done). It holds over a restart, until wgfence panic --end.\n"
    case .confirm: return "\(done): it stays.\n"
    case .apply, .rollback, .endPanic, .unload: return "\(done).\n"
    }
  }

  /// What a restart does instead, where it is not stored; nil where it is. The verb ends with status 1 then.
  package var warning: PrintableText? {
    guard let notPersisted else { return nil }
    let restart: PrintableText =
      switch change {
      case .panic: "The panic is in force now, but does not survive a restart of the daemon or the machine"
      case .endPanic:
        "The panic is over now, but may be in force again after a restart of the daemon or the machine"
      case .confirm: "It is in force now, but a restart of the daemon or the machine may still go back"
      case .apply, .rollback:
        "It is in force now, but does not survive a restart of the daemon or the machine"
      case .unload: "A restart of the daemon may go on with the apply that was on trial"
      }
    return "it could not be stored: \(notPersisted). \(restart). Make room or repair the disk. \(remedy)"
  }
}

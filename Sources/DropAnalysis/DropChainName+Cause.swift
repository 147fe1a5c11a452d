// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

extension DropChainName {
  /// The same chain on a machine that does not only observe.
  var enforced: DropChainName { DropChainName(ending, .enforcing, cause: cause) }

  /// The reason in the name, with its subject; nil if this version does not know it.
  var dropCause: DropCause? {
    let name = cause.prefix { $0 != "/" }
    let known = NamedCounter.Purpose(counterNamed: "drop-\(name)").cause
    return known?.reason == nil ? nil : known
  }
}

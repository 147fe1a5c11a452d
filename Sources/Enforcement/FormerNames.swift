// SPDX-License-Identifier: GPL-3.0-or-later

extension Candidate {
  /// A former name.
  var kept: Candidate { withoutTable }
}

extension Controller {
  /// A former name.
  public mutating func kept(_ number: Int?) { stored(number) }
}

extension ControllerDriver {
  /// A former name.
  public mutating func keepAgain() { storeAgain() }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import NetworkModel

extension Daemon {
  /// The state that an earlier run stored, and the origin of its ruleset. Damaged parts are logged and replaced by
  /// the newest undamaged ones.
  static func storedState(_ directory: StateDirectory, _ journal: Journal) -> (PersistedState, Provenance?) {
    var state = PersistedState()
    switch directory.state() {
    case .whole(let found): state = found
    case .absent: break
    case .damaged(let why):
      journal.say(.error, "\(why): continuing with the newest ruleset that is not damaged")
      state.inForce = directory.numbers().last { directory.ruleset($0).value != nil }
    }
    if let number = state.inForce, directory.ruleset(number).value == nil {
      journal.say(.error, "the stored ruleset \(number) is damaged or missing")
      state.inForce = directory.numbers().last { $0 != number && directory.ruleset($0).value != nil }
    }
    if let back = state.pending?.back, directory.ruleset(back).value == nil,
      directory.ruleset(.boot).value == nil,
      let other = directory.numbers().last(where: { $0 < back && directory.ruleset($0).value != nil })
    {
      journal.say(.error, "the ruleset to roll back to is damaged or missing: the one before it is used")
      state.pending?.back = other
    }
    return (state, state.inForce.flatMap { directory.ruleset($0).value?.provenance })
  }
}

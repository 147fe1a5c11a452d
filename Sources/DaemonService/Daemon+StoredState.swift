// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import NetworkModel

extension Daemon {
  /// The state that an earlier run stored, and the origin of its ruleset. Damaged parts are reported and replaced by the
  /// newest ones that are whole.
  static func storedState(_ directory: StateDirectory, _ journal: Journal) -> (PersistedState, Provenance?) {
    var state = PersistedState()
    switch directory.state() {
    case .whole(let found): state = found
    case .absent: break
    case .damaged(let why):
      journal.say(.error, "\(why): going on from the newest ruleset that is whole")
      state.inForce = directory.numbers().last { directory.ruleset($0).value != nil }
    }
    if let number = state.inForce, directory.ruleset(number).value == nil {
      journal.say(.error, "the stored ruleset \(number) is damaged or gone")
      state.inForce = directory.numbers().last { $0 != number && directory.ruleset($0).value != nil }
    }
    if let pending = state.pending, directory.ruleset(pending.back).value == nil,
      directory.ruleset(.boot).value == nil,
      let other = directory.numbers().last(where: { $0 < pending.back && directory.ruleset($0).value != nil })
    {
      journal.say(.error, "the ruleset to go back to is damaged or gone: it will be the one before")
      state.pending?.back = other
    }
    return (state, state.inForce.flatMap { directory.ruleset($0).value?.provenance })
  }
}

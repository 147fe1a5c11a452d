// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

extension WalkRun {
  /// What a rule does that gives the packet to a program: if none listens, the kernel decides.
  mutating func apply(_ queue: UserQueue, _ unknown: Unknown?) -> RuleEnd {
    if let end = settle(unknown) { return end }
    guard queue.numbers.allSatisfy({ environment.hasListener(toQueue: $0) == false }) else {
      return .undetermined("queue")
    }
    switch queue.absence {
    case .drops: return .verdict(.drop)
    case .bypasses: return .verdict(.accept)
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// Why it is not known whether a rule matches a packet.
struct Unknown: Sendable, Hashable {
  /// What decides.
  enum Nature: Sendable {
    /// Something that the packet and the host do not state.
    case fact
    /// Chance, or a number that the kernel computes from a secret: the rule means that any of its results may happen.
    case chance
  }

  /// The expression that cannot be evaluated.
  let name: String
  let nature: Nature

  init(_ name: String, _ nature: Nature = .fact) { (self.name, self.nature) = (name, nature) }

  /// This reason, and another one that a rule has too.
  func joined(_ other: Unknown) -> Unknown { nature == .fact ? self : Unknown(name, other.nature) }
}

extension Unknown? {
  /// Adds a reason.
  mutating func join(_ other: Unknown) { self = self?.joined(other) ?? other }
}

extension WalkRun {
  /// What this run takes for something unknown, in the order in which the questions arise; nil if this run ends here.
  mutating func choose(_ unknown: Unknown) -> Bool? {
    guard choices.indices.contains(choicesMade) else {
      isOpen = true
      return nil
    }
    choicesMade += 1
    if unknown.nature == .fact { choseFact = true }
    return choices[choicesMade - 1]
  }

  /// What this run takes for a fact about the packet's way through the host; nil if this run ends here, with a step that says so.
  mutating func takes(_ fact: String) -> Bool? {
    if let isIt = choose(Unknown(fact)) { return isIt }
    note(.undetermined(expression: fact), at: "routing")
    return nil
  }

  /// One of `count` numbers from 0 on, by chance; nil if this run ends here.
  mutating func chooseNumber(below count: Int, _ name: String) -> Int? {
    for number in 0..<max(0, count - 1) {
      guard let isIt = choose(Unknown(name, .chance)) else { return nil }
      if isIt { return number }
    }
    return count - 1
  }

  /// More numbers than these are not walked one by one.
  static let mostNumbers = 32
}

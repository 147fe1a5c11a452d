// SPDX-License-Identifier: GPL-3.0-or-later

/// Limits the lines written to the journal: lines that others cause must not fill a disk or hide what the
/// daemon does. Each topic has its own budget, which refills with time. Lines over the budget are counted.
public struct LineBudget: Sendable {
  /// Who causes a line.
  public enum Topic: Int, Sendable, CaseIterable {
    /// What the daemon does to the ruleset, and why it does not do something.
    case state
    /// Lines that clients of its sockets cause. The same text is written at most once a minute.
    case clients
    /// Dropped packets.
    case drops

    /// The maximum number of messages at once.
    var burst: Int64 {
      switch self {
      case .state, .drops: 200
      case .clients: 20
      }
    }

    /// Nanoseconds until one more message fits into the budget.
    var pause: Int64 {
      switch self {
      case .state: 200_000_000
      case .clients: 3_000_000_000
      case .drops: 20_000_000
      }
    }
  }

  /// The decision about a message.
  public enum Verdict: Sendable, Hashable {
    /// It is written, together with the number of messages of its topic that were left out since the last
    /// written one.
    case say(leftOut: Int)
    /// It is left out.
    case leaveOut
  }

  private struct Account {
    /// The time at which the budget is full again.
    var full: Int64 = .min
    var leftOut = 0
  }

  /// The time during which a text of `clients` is not repeated, in nanoseconds.
  static let repetition: Int64 = 60_000_000_000
  /// The maximum number of texts that are remembered.
  private static let mostTexts = 32

  private var accounts = [Account](repeating: Account(), count: Topic.allCases.count)
  private var said: [(text: String, moment: Int64)] = []

  /// Creates full budgets.
  public init() {}

  /// Decides whether a message is written. `now` is in nanoseconds since boot and must not go back.
  public mutating func verdict(on text: String, _ topic: Topic, now: Int64) -> Verdict {
    if topic == .clients {
      said.removeAll { $0.moment + Self.repetition <= now }
      if said.contains(where: { $0.text == text }) { return leaveOut(topic) }
    }
    let full = max(accounts[topic.rawValue].full, now)
    guard full - now <= (topic.burst - 1) * topic.pause else { return leaveOut(topic) }
    accounts[topic.rawValue].full = full + topic.pause
    defer { accounts[topic.rawValue].leftOut = 0 }
    if topic == .clients {
      if said.count >= Self.mostTexts { said.removeFirst() }
      said.append((text, now))
    }
    return .say(leftOut: accounts[topic.rawValue].leftOut)
  }

  private mutating func leaveOut(_ topic: Topic) -> Verdict {
    accounts[topic.rawValue].leftOut += 1
    return .leaveOut
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// Which lines go to the journal: what others cause must not fill a disk, nor hide what the daemon does. Each topic has a
/// budget of its own, which fills again with time; what does not fit is counted.
public struct LineBudget: Sendable {
  /// Whose doing a line is.
  public enum Topic: Int, Sendable, CaseIterable {
    /// What the daemon does to the ruleset, and why it does not.
    case state
    /// What clients of its sockets cause. The same text is written once a minute.
    case clients
    /// Dropped packets.
    case drops

    /// Messages at once.
    var burst: Int64 {
      switch self {
      case .state, .drops: 200
      case .clients: 20
      }
    }

    /// Nanoseconds until there is room for one more.
    var pause: Int64 {
      switch self {
      case .state: 200_000_000
      case .clients: 3_000_000_000
      case .drops: 20_000_000
      }
    }
  }

  /// What becomes of a message.
  public enum Verdict: Sendable, Hashable {
    /// It is written, and so is how many of its topic were left out since the last that was written.
    case say(leftOut: Int)
    /// It is left out.
    case leaveOut
  }

  private struct Account {
    /// When all of the budget is there again.
    var full: Int64 = .min
    var leftOut = 0
  }

  /// How long a text of `clients` is not repeated, in nanoseconds.
  static let repetition: Int64 = 60_000_000_000
  /// Texts that are remembered.
  private static let mostTexts = 32

  private var accounts = [Account](repeating: Account(), count: Topic.allCases.count)
  private var said: [(text: String, moment: Int64)] = []

  /// Nothing was written yet.
  public init() {}

  /// Decides on a message. `now` is in nanoseconds since boot and does not go back.
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

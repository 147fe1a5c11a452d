// SPDX-License-Identifier: GPL-3.0-or-later

/// What a ruleset does with the packets that the policy does not allow.
public enum EnforcementMode: Sendable, Hashable {
  /// They are dropped or refused.
  case enforcing
  /// They are counted, logged and accepted: nothing is dropped or refused.
  case observing
}

/// The name of a chain in which all packets of one cause end. It is also the prefix of their log lines.
public struct DropChainName: Sendable, Hashable {
  /// What the chain does with the packets. Raw values are parts of the names, which users see.
  public enum Ending: String, Sendable, Hashable, CaseIterable {
    /// No answer.
    case drop
    /// An ICMP error.
    case reject
    /// A TCP reset.
    case reset

    /// The ending of an action; nil for an action that does not end with a drop or an answer.
    init?(_ action: Action) {
      switch action {
      case .drop: self = .drop
      case .reject: self = .reject
      case .reset: self = .reset
      case .accept, .return, .jump, .goto, .byInputInterface, .byPort, .byDestination, .translate:
        return nil
      }
    }
  }

  /// What the chain does, or would do.
  public let ending: Ending
  /// Whether it does it.
  public let mode: EnforcementMode
  /// The cause, with a number if several lines of the policy have the same cause: `not-granted-wg0`, `invalid/2`.
  public let cause: String

  private static let observed = "would-"

  /// A name from its parts.
  public init(_ ending: Ending, _ mode: EnforcementMode, cause: String) {
    self.ending = ending
    self.mode = mode
    self.cause = cause
  }

  /// The parts of a name; nil if it is the name of another chain.
  public init?(_ name: some StringProtocol) {
    let isObserved = name.hasPrefix(Self.observed)
    let rest = name.dropFirst(isObserved ? Self.observed.count : 0)
    guard let slash = rest.firstIndex(of: "/"), let ending = Ending(rawValue: String(rest[..<slash])) else {
      return nil
    }
    self.init(
      ending, isObserved ? .observing : .enforcing, cause: String(rest[rest.index(after: slash)...]))
  }

  /// The name: `drop/not-granted-wg0`, or `would-drop/not-granted-wg0` if nothing is dropped.
  public var text: String { "\(mode == .observing ? Self.observed : "")\(ending.rawValue)/\(cause)" }
}

extension KernelTable {
  /// Whether the table drops packets, or only counts what it would drop. A table without chains of dropped packets is
  /// enforcing.
  public var mode: EnforcementMode {
    chains.contains { DropChainName($0.name)?.mode == .observing } ? .observing : .enforcing
  }
}

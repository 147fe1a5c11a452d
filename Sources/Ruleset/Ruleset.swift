// SPDX-License-Identifier: GPL-3.0-or-later

/// What one machine enforces, as a person reads it: one table of chains, sets and counters.
public struct Ruleset: Sendable, Hashable {
  /// The table's name in the kernel, family inet.
  public static let tableName = "wgfence"

  /// Base chains first, in the order in which a packet meets them; then the others, by name.
  public var chains: [RuleChain]
  /// By name.
  public var sets: [NamedSet]
  /// By name.
  public var counters: [NamedCounter]

  /// Creates a value from its parts.
  public init(chains: [RuleChain], sets: [NamedSet], counters: [NamedCounter]) {
    self.chains = chains
    self.sets = sets
    self.counters = counters
  }
}

/// A chain of rules as a person reads it.
public struct RuleChain: Sendable, Hashable {
  /// Its name in the table.
  public var name: String
  /// Where it hooks in; nil for a chain that others jump to.
  public var base: BaseChain?
  /// Its rules, in order.
  public var rules: [Rule]

  /// Creates a value from its parts.
  public init(name: String, base: BaseChain? = nil, rules: [Rule]) {
    self.name = name
    self.base = base
    self.rules = rules
  }
}

/// A counter, and what it counts.
public struct NamedCounter: Sendable, Hashable {
  /// Its name in the table.
  public var name: String
  /// What it counts, and the policy lines that it comes from.
  public var origin: Origin
  /// What it counts.
  public var purpose: Purpose

  /// Whether it counts packets that are let in, or packets that are dropped, and why these are.
  public enum Purpose: Sendable, Hashable {
    case grant
    case drop(DropCause)

    /// The purpose of a counter of which the name alone is known, as of one that was read from the kernel: the one
    /// place where a counter's name is parsed.
    public init(counterNamed name: String) {
      self =
        name.hasPrefix(Self.dropPrefix)
        ? .drop(DropCause(named: name.dropFirst(Self.dropPrefix.count))) : .grant
    }

    /// How the names of counters of drops begin.
    fileprivate static let dropPrefix = "drop-"

    /// The cause of the drops that it counts; nil if it counts a grant.
    public var cause: DropCause? { if case .drop(let cause) = self { cause } else { nil } }
  }

  /// The counter of the drops of a cause.
  public init(_ cause: DropCause, origin: Origin) {
    self.init(name: "\(Purpose.dropPrefix)\(cause.name)", purpose: .drop(cause), origin: origin)
  }

  /// Creates a value from its parts.
  public init(name: String, purpose: Purpose, origin: Origin) {
    self.name = name
    self.purpose = purpose
    self.origin = origin
  }
}

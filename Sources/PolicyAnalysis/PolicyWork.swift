// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PolicyLanguage

/// How much work a policy's check is, known before any of it is done: a few lines can ask for millions of packets.
public struct PolicyWork: Sendable, Hashable {
  /// Packets that its tests send at most, over both address families.
  public let packets: Int
  /// Pairs of a source and a target that its grants name, failsafe ones included.
  public let pairs: Int

  /// The work of a policy. Numbers that are too large to count stay at `Int.max`.
  public init(_ policy: Policy) {
    packets = policy.tests.reduce(0) { sum, test in
      let ports = (test.allow + test.deny).reduce(0) {
        Self.sum($0, $1.ports.reduce(0) { $0 + Self.packets($1) })
      }
      return Self.sum(sum, Self.product(Self.product(test.from.count, test.to.count), 2 * ports))
    }
    pairs = (policy.grants + policy.failsafe).reduce(0) {
      Self.sum($0, Self.product($1.from.count, $1.to.count))
    }
  }

  /// What is done for whoever is not root of the host.
  public static let memberLimit = (packets: 200_000, pairs: 200_000)

  /// Why this is too much work for a client that is not root of the host; nil where it is not.
  public var refusal: String? {
    if packets > Self.memberLimit.packets {
      return
        "its tests send \(packets) packets, and the daemon checks at most \(Self.memberLimit.packets) for others "
        + "than root: name fewer machines or services in 'tests', or let root apply it"
    }
    if pairs > Self.memberLimit.pairs {
      return "its grants name \(pairs) pairs of a source and a target, and the daemon compiles at most "
        + "\(Self.memberLimit.pairs) for others than root: let root apply it"
    }
    return nil
  }

  /// A range of ports is tried at both its ends.
  private static func packets(_ port: ServicePort) -> Int {
    if case .ports(_, let range) = port, range.lower != range.upper { 2 } else { 1 }
  }

  private static func sum(_ left: Int, _ right: Int) -> Int {
    let (value, isTooLarge) = left.addingReportingOverflow(right)
    return isTooLarge ? .max : value
  }

  private static func product(_ left: Int, _ right: Int) -> Int {
    let (value, isTooLarge) = left.multipliedReportingOverflow(by: right)
    return isTooLarge ? .max : value
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PolicyLanguage

/// The cost of checking a policy, computed before the check: a few lines can require millions of packets.
public struct PolicyWork: Sendable, Hashable {
  /// The maximum number of packets of its tests, over both address families.
  public let packets: Int
  /// The number of source and target pairs of its grants, including `failsafe`.
  public let pairs: Int

  /// Computes the cost of a policy. Numbers that overflow become `Int.max`.
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

  /// The limit for clients that are not root on the host.
  public static let memberLimit = (packets: 200_000, pairs: 200_000)

  /// Why this exceeds the limit for a client that is not root on the host; nil if it does not.
  public var refusal: String? {
    if packets > Self.memberLimit.packets {
      return
        "its tests send \(packets) packets, and the daemon checks at most \(Self.memberLimit.packets) for "
        + "clients other than root: name fewer machines or services in 'tests', or apply it as root"
    }
    if pairs > Self.memberLimit.pairs {
      return "its grants name \(pairs) pairs of a source and a target, and the daemon compiles at most "
        + "\(Self.memberLimit.pairs) for clients other than root: apply it as root"
    }
    return nil
  }

  /// The number of packets for a port: a range is tested at its first and last port.
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

// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// Ranges of ports that stand for each of their ports.
enum PortRanges {
  /// The ranges that the grants of a policy distinguish, and what lies between them: the compiled ruleset accepts ports of
  /// grants, and those that it opens by itself (68 and 546 of the DHCP clients, and WireGuard's).
  static func of(_ policy: Policy) -> [ClosedRange<UInt16>] {
    let services = (policy.grants + policy.failsafe).flatMap(\.services).flatMap(\.ports)
    let granted = services.compactMap { port -> PortRange? in
      if case .ports(_, let range) = port { range } else { nil }
    }
    let builtIn = (policy.tunnels.compactMap(\.listen) + [68, 546]).compactMap { PortRange($0) }
    return cut(at: (granted + builtIn).flatMap { [Int($0.lower), Int($0.upper) + 1] })
  }

  /// The ranges that both distinguish.
  static func between(_ one: [ClosedRange<UInt16>], _ two: [ClosedRange<UInt16>]) -> [ClosedRange<UInt16>] {
    cut(at: (one + two).map { Int($0.lowerBound) })
  }

  private static func cut(at places: [Int]) -> [ClosedRange<UInt16>] {
    let starts = Set(places + [1]).filter { $0 >= 1 && $0 <= 0xffff }.sorted()
    return zip(starts, starts.dropFirst() + [0x1_0000]).compactMap { start, next in
      guard let first = UInt16(exactly: start), let last = UInt16(exactly: next - 1) else { return nil }
      return first...last
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

internal import PolicyLanguage

/// The tests of a policy whose packets may pass a machine, and the machines that these packets pass.
struct CrossingTests {
  private let machine: String
  /// The tests, by their places in the policy.
  let tests: Set<Int>
  /// The machines on the paths of their packets.
  let judges: Set<String>

  init(_ machine: String, _ policy: Policy) {
    self.machine = machine
    var (tests, judges): (Set<Int>, Set<String>) = ([], [])
    for (place, test) in policy.tests.enumerated() {
      // A test of which no machine at all is this one needs no look at its pairs.
      guard PacketPaths.judges(of: [(test.from, test.to)], in: policy).contains(machine) else { continue }
      for source in test.from {
        for target in test.to {
          let own = PacketPaths.judges(of: [([source], [target])], in: policy)
          guard own.contains(machine) else { continue }
          tests.insert(place)
          judges.formUnion(own)
        }
      }
    }
    (self.tests, self.judges) = (tests, judges)
  }

  /// Whether packets from a source to a target may pass the machine.
  func isCrossed(_ source: GrantSource, _ target: GrantTarget, in policy: Policy) -> Bool {
    PacketPaths.judges(of: [([source], [target])], in: policy).contains(machine)
  }
}

extension PolicyTestRun.Extent {
  /// What is known of the tests to run; nil for all.
  func crossing(_ policy: Policy) -> CrossingTests? {
    switch self {
    case .all: nil
    case .crossing(let machine): CrossingTests(machine, policy)
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyLanguage
import Ruleset
import TestSupport
import Testing

/// Compares the results of test lines, which are about all their packets, with single packets, for random
/// policies.
@Suite("A policy's tests, compared with single packets") struct WholeTestsTests {
  /// How a packet contradicts the results of a policy's tests; nil if none does.
  private static func contradiction(
    _ random: RandomTestedPolicy, seed: UInt64, _ count: inout (allow: Int, deny: Int, failures: Int)
  ) -> String? {
    guard let policy = random.policy, let today = CalendarDate("2026-11-24") else { return nil }
    let site = CompiledSite(policy, today: today)
    let run = PolicyTestRun(site)
    let packets = TestedPackets(site)
    var generator = SeededGenerator(seed: seed)
    for test in policy.tests {
      for source in test.from {
        for target in test.to where source != .machine(target.machine) || target != .machine(target.machine) {
          for (service, expected) in test.allow.map({ ($0, "may") }) + test.deny.map({ ($0, "may not") }) {
            let start = "\(words(source)) \(expected) reach \(service.name) on \(words(target))"
            let failure = run.failures.first { $0.expectation == start }
            if let failure {
              count.failures += 1
              if let wrong = contradiction(failure, expected, source, target, packets) { return wrong }
              continue
            }
            for _ in 0..<200 {
              guard
                let tested = packets.packet(source, target, service, over: test.over, &generator)
              else { continue }
              let verdicts = packets.verdicts(tested.packet, source, target, by: tested.zone)
              let passes = !verdicts.isEmpty && verdicts.allSatisfy { $0 == .accept }
              if expected == "may not" { count.deny += 1 }
              if expected == "may not", passes {
                return "\(start) holds, but \(WalkText.full(tested.packet)) from \(tested.zone.name) passes"
              }
              if expected == "may", tested.isClaimed {
                count.allow += 1
                if !passes {
                  return
                    "\(start) holds, but \(WalkText.full(tested.packet)) from \(tested.zone.name) is refused"
                }
              }
            }
          }
        }
      }
    }
    return nil
  }

  /// How a failure is wrong: the walk of its packet gives another verdict. Nil if it does not.
  private static func contradiction(
    _ failure: PolicyTestRun.Failure, _ expected: String, _ source: GrantSource, _ target: GrantTarget,
    _ packets: TestedPackets
  ) -> String? {
    guard let packet = failure.packet else { return nil }
    guard let zone = failure.over.flatMap({ packets.views[target.machine]?.zone(named: $0) }) else {
      return "\(failure.expectation): no zone"
    }
    let verdicts = packets.verdicts(packet, source, target, by: zone)
    let passes = !verdicts.isEmpty && verdicts.allSatisfy { $0 == .accept }
    if passes == (expected == "may") || (failure.trace?.verdict == .accept) != passes {
      return "\(failure.expectation) fails, but \(WalkText.full(packet)) from \(zone.name) does not show it"
    }
    return nil
  }

  private static func words(_ source: GrantSource) -> String {
    switch source {
    case .machine(let name), .zone(let name), .list(let name): name
    case .tunnel(let name): name.description
    case .machineZone(let machine, let zone): "\(machine).\(zone)"
    case .prefix(let prefix): prefix.description
    case .anywhere: "anywhere"
    }
  }

  private static func words(_ target: GrantTarget) -> String {
    switch target {
    case .machine(let name): name
    case .zone(let machine, let zone): "\(machine).\(zone)"
    case .subnet(let machine, let prefix): "\(prefix) behind \(machine)"
    }
  }

  /// The number of policies: `WGFENCE_TESTED_POLICIES`, else 250.
  private static var policies: UInt64 {
    unsafe getenv("WGFENCE_TESTED_POLICIES").flatMap { unsafe UInt64(String(cString: $0)) } ?? 250
  }

  @Test("no packet contradicts a passed test, and the packet of a failed test shows the failure")
  func agrees() {
    var count = (allow: 0, deny: 0, failures: 0)
    var valid = 0
    for seed in 0..<Self.policies {
      var generator = SeededGenerator(seed: seed)
      let random = RandomTestedPolicy(&generator)
      if random.policy == nil { continue }
      valid += 1
      guard let found = Self.contradiction(random, seed: seed, &count) else { continue }
      var ignored = count
      let small = random.shrunk { Self.contradiction($0, seed: seed, &ignored) != nil }
      let last = Self.contradiction(small, seed: seed, &ignored) ?? found
      Issue.record("seed \(seed): \(last)\n\(small)")
    }
    // Each kind must occur often enough for a meaningful result.
    #expect(valid > Int(Self.policies) / 3)
    #expect(count.deny > 1000 && count.allow > 1000 && count.failures > 20, "\(count)")
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

public import PolicyLanguage
internal import TestSupport

/// The comparison of the impact analysis with real packets for many random hosts.
public struct RandomImpacts: Sendable {
  /// Hosts that were compared.
  public private(set) var hosts = 0
  /// Drafts whose policy was not valid.
  public private(set) var rejected = 0
  /// Exchanges that worked before a change.
  public private(set) var working = 0
  /// Of these, those that stopped.
  public private(set) var broken = 0
  /// Those that stopped, by kind of flow.
  public private(set) var kinds: [String: Int] = [:]
  /// All exchanges.
  public private(set) var exchanges = 0
  /// Of these, those that the walk could not evaluate.
  public private(set) var undetermined = 0
  /// The first difference, reduced to what is needed for it; nil if there is none.
  public private(set) var failure: String?
  /// Differences that the same host did not show when it was built again, each time of `repetitions`: a state of the kernel in
  /// between, on a busy machine. They are not failures, unless there are more than `mostTransient` of them.
  public private(set) var transient: [String] = []

  private static let (repetitions, mostTransient) = (5, 2)

  /// Compares hosts from a seed on, until there is a difference. `done` is called after each host.
  public init(count: Int, seed: UInt64, today: CalendarDate, done: (Int) -> Void) {
    var number = seed
    while hosts < count {
      let draft = HostDraft(seed: number)
      number += 1
      do {
        guard let found = try ImpactComparison.run(draft, today: today) else {
          rejected += 1
          continue
        }
        hosts += 1
        working += found.working.count
        broken += found.broken.count
        for name in found.broken { kinds[String(name.prefix { $0 != ":" }), default: 0] += 1 }
        undetermined += found.undetermined.count
        exchanges += found.exchanges
        if !found.differences.isEmpty {
          let text = "seed \(number - 1): \(found.differences.joined(separator: "; "))"
          if try !Self.isRepeated(draft, today) {
            transient.append(text)
            if transient.count <= Self.mostTransient { continue }
          }
          let (small, differences) = Self.shrink(draft, found.differences, today)
          failure =
            "seed \(number - 1), whole:\n\(found.differences.joined(separator: "\n"))\n\(draft)\n"
            + "reduced:\n\(differences.joined(separator: "\n"))\n\(small)"
          return
        }
      } catch {
        failure = "seed \(number - 1): \(error)\n\(draft)"
        return
      }
      done(hosts)
    }
  }

  /// Whether a host that showed a difference shows one again.
  private static func isRepeated(_ draft: HostDraft, _ today: CalendarDate) throws -> Bool {
    for _ in 0..<repetitions {
      if let again = try ImpactComparison.run(draft, today: today), !again.differences.isEmpty { return true }
    }
    return false
  }

  /// Removes what is not needed for a difference.
  private static func shrink(_ draft: HostDraft, _ found: [String], _ today: CalendarDate) -> (
    HostDraft, [String]
  ) {
    var (best, differences) = (draft, found)
    var goesOn = true
    while goesOn {
      goesOn = false
      for smaller in best.smaller {
        guard let next = try? ImpactComparison.run(smaller, today: today), !next.differences.isEmpty else {
          continue
        }
        (best, differences) = (smaller, next.differences)
        goesOn = true
        break
      }
    }
    return (best, differences)
  }
}

extension HostDraft {
  /// The random host of a seed, with random policies.
  public init(seed: UInt64) {
    var host = RandomHost(SeededGenerator(seed: seed))
    host.make()
    let before = host.random.oneIn(3) ? host.policy() : nil
    self.init(parts: host.parts, before: before, after: host.policy())
  }
}

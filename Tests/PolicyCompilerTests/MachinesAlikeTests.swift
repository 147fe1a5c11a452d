// SPDX-License-Identifier: GPL-3.0-or-later

import PolicyCompiler
import PolicyLanguage
import PolicyTestSupport
import Ruleset
import TestSupport
import Testing

/// `diff` does not compile machines whose compiler input is equal in both policies. An input that the
/// comparison misses would hide a change.
@Suite("Machines that are compared without compiling them") struct MachinesAlikeTests {
  @Test("have equal rulesets, except for line numbers, whatever a policy's edit changes")
  func equalRulesets() throws {
    var random = SeededGenerator(seed: 7)
    let today = try #require(CalendarDate("2026-11-28"))
    var (compared, changed) = (0, 0)
    for seed in 0..<250 as Range<UInt64> {
      let site = RandomSite(seed: seed)
      guard let old = RandomSite.policy(site.text, today: today) else { continue }
      for _ in 0..<6 {
        let edit = Self.edited(site, &random)
        guard let new = RandomSite.policy(edit.text, today: today) else { continue }
        let (one, two) = (SiteCompiler(old, today: today), SiteCompiler(new, today: today))
        let alike = one.machinesAlike(in: two)
        for machine in old.machines {
          guard let other = new.machine(named: machine.name) else { continue }
          if alike.contains(machine.name) {
            compared += 1
            let isEqual = Self.effect(one.ruleset(of: machine)) == Self.effect(two.ruleset(of: other))
            #expect(isEqual, "seed \(seed), \(machine.name): \(edit.what)\n\(site.text)")
          } else {
            changed += 1
          }
        }
      }
    }
    #expect(compared > 200 && changed > 200, "\(compared) compared, \(changed) not alike")
  }

  /// The site with one edit: a number changed, two words of a list exchanged, or a line removed.
  private static func edited(_ site: RandomSite, _ random: inout SeededGenerator) -> (
    text: String, what: String
  ) {
    var lines = site.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let place = random.number(0...(lines.count - 1))
    let line = lines[place]
    let digits = line.indices.filter { line[$0].isNumber }
    switch random.number(0...2) {
    case 0 where !digits.isEmpty:
      let index = random.one(of: digits)
      let digit = String(random.number(0...9))
      lines[place] = line.replacingCharacters(index, digit)
    case 1 where line.contains(", "):
      var words = line.split(separator: ", ").map(String.init)
      words.swapAt(0, words.count - 1)
      lines[place] = words.joined(separator: ", ")
    default: lines.remove(at: place)
    }
    return (
      lines.joined(separator: "\n"),
      "line \(place + 1) '\(line)' -> '\(place < lines.count ? lines[place] : "")'"
    )
  }

  /// What the kernel executes: everything in the table except comments.
  private static func effect(_ ruleset: Ruleset) -> [String] {
    let table = Lowering.table(ruleset)
    return table.chains.map { "\($0.name) \(String(describing: $0.base)) \($0.rules.map(\.expressions))" }
      + table.sets.map { "\($0.name) \($0.elements)" } + table.objects.map { "\($0.name)" }
  }
}

extension String {
  fileprivate func replacingCharacters(_ index: Index, _ text: String) -> String {
    String(self[..<index]) + text + String(self[self.index(after: index)...])
  }
}

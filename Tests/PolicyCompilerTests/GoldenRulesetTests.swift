// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Netlink
import NetworkModel
import PolicyLanguage
import Ruleset
import TestSupport
import Testing

@Suite("A compiled policy")
struct GoldenRulesetTests {
  @Test("is equal to the recording", arguments: GoldenPolicy.all)
  func isRecorded(_ golden: GoldenPolicy) throws { try golden.expectRecordings() }

  /// Of the other shipped policies, the recorded cases have what is special about them.
  @Test("is recorded completely for every machine of three shipped policies")
  func shippedPoliciesAreRecordedInWhole() throws {
    let shipped = GoldenPolicy.all.filter { $0.path.hasPrefix("policies/") }
    #expect(shipped.count == 3)
    for golden in shipped {
      let machines = try golden.rulesets().map(\.machine.name)
      #expect(try golden.about().recordedInWhole == Set(machines), "\(golden.name)")
    }
    // No recordings are left of policies that are no longer shipped.
    let folders = Set(GoldenPolicy.all.map(\.folder))
    for name in GoldenPolicy.names(in: "\(GoldenPolicy.root)/Tests/Golden/accepted") {
      #expect(folders.contains("Tests/Golden/accepted/\(name)"))
    }
  }

  @Test(
    "is not recorded by a line that records nothing",
    arguments: [
      "server part local-wg1/*", "server part", "server", "server part local with more",
      "# server part local", "", "nobody part local", "server unlike other",
      "server part local\nserver unlike server",
    ])
  func nothingIsAnError(_ about: String) throws {
    let golden = try #require(GoldenPolicy.all.first { $0.name == "nothing-allowed" })
    let rulesets = try golden.rulesets().map { ($0.machine.name, $0.ruleset) }
    #expect(throws: GoldenAbout.Invalid.self) {
      try GoldenAbout(about).recordings(of: Dictionary(uniqueKeysWithValues: rulesets))
    }
  }

  @Test func `the parts are the whole text of a ruleset`() throws {
    for golden in GoldenPolicy.all {
      for (_, ruleset, _) in try golden.rulesets() {
        let text = RulesetText.text(ruleset)
        let parts = RulesetPart.all(text)
        #expect(
          parts.count == ruleset.counters.count + ruleset.sets.count + ruleset.chains.count, "\(golden.name)")
        #expect(Set(parts.map(\.head)).count == parts.count)
        let lines = parts.flatMap { $0.text.split(separator: "\n") }.map { "\t\($0)" }
        #expect(lines == text.split(separator: "\n").dropFirst().dropLast().map(String.init))
      }
    }
  }

  /// The text therefore equals what a real kernel lists, and no listing needs to be recorded.
  @Test("is the same whether loaded by netlink or as text by nft", arguments: GoldenPolicy.all)
  func textMeansTheSame(_ golden: GoldenPolicy) throws {
    for (_, ruleset, _) in try golden.rulesets() {
      let text = try inNetworkNamespace {
        try nft(load: RulesetText.text(ruleset))
        return Self.normalised(try nft("list", "ruleset"))
      }
      let direct = try Self.loaded(ruleset)
      let difference = zip(direct.split(separator: "\n"), text.split(separator: "\n")).first { $0 != $1 }
      #expect(direct == text, "\(difference.map { "«\($0.0)» by netlink, «\($0.1)» by nft" } ?? "")")
    }
  }

  @Test(
    "has a policy line or 'built in' as the origin of every rule", arguments: GoldenPolicy.all)
  func everyRuleHasItsOrigin(_ golden: GoldenPolicy) throws {
    for (_, ruleset, _) in try golden.rulesets() {
      for rule in ruleset.chains.flatMap(\.rules) {
        let comment = rule.origin.comment
        #expect(
          comment.hasPrefix("policy.yaml:") || comment.hasPrefix("built in: "), "\(RulesetText.text(rule))")
        #expect(comment.utf8.count < Userdata.commentLimit)
      }
    }
  }

  @Test(
    "counts every accept of a grant and every drop in an existing counter", arguments: GoldenPolicy.all)
  func countersExist(_ golden: GoldenPolicy) throws {
    for (_, ruleset, _) in try golden.rulesets() {
      let known = Set(ruleset.counters.map(\.name))
      for rule in ruleset.chains.flatMap(\.rules) {
        if case .named(let name) = rule.count { #expect(known.contains(name)) }
        if [.drop, .reject, .reset].contains(rule.action) {
          #expect(rule.count != nil, "\(RulesetText.text(rule))")
        }
      }
      for set in ruleset.sets where set.kind == .counters {
        for case .object(let name) in set.elements.values { #expect(known.contains(name)) }
      }
    }
  }

  @Test("logs what it drops, with the chain's name as prefix", arguments: GoldenPolicy.all)
  func dropsAreLogged(_ golden: GoldenPolicy) throws {
    for (_, ruleset, _) in try golden.rulesets() {
      for chain in ruleset.chains {
        for (place, rule) in chain.rules.enumerated() {
          if rule.log != nil { #expect(rule.matches.isEmpty && rule.count == nil && rule.action == nil) }
          guard [.drop, .reject, .reset].contains(rule.action) else { continue }
          // An answer with a rate is followed by a drop for what is above it.
          let rates = rule.matches.filter { if case .belowRate = $0 { true } else { false } }
          let isAbove = place == 2 && rule.action == .drop && rule.matches.isEmpty
          #expect(
            (place == 1 || isAbove) && chain.rules.count == (rates.isEmpty && !isAbove ? 2 : 3),
            "\(chain.name)")
          #expect(
            rule.matches == (rule.action == .reset ? [.transport(.equal, .tcp)] : []) + rates, "\(chain.name)"
          )
          #expect(chain.rules.first?.log == DropLog(prefix: chain.name))
        }
      }
    }
  }

  @Test("leaves no packet to a chain policy that drops without a log", arguments: GoldenPolicy.all)
  func policiesDropNothing(_ golden: GoldenPolicy) throws {
    for (_, ruleset, _) in try golden.rulesets() {
      /// Whether every packet in the chain gets a verdict there.
      func decides(_ name: String) -> Bool {
        guard let last = ruleset.chains.first(where: { $0.name == name })?.rules.last, last.matches.isEmpty
        else { return false }
        switch last.action {
        case .accept, .drop, .reject: return true
        case .goto(let next): return decides(next)
        default: return false
        }
      }
      for chain in ruleset.chains where chain.base?.policy == .drop {
        #expect(decides(chain.name), "\(chain.name)")
        for rule in chain.rules {
          // A chain that returns would end the base chain.
          if case .goto(let next) = rule.action { #expect(decides(next), "\(next)") }
        }
      }
    }
  }

  @Test("can be changed in place into any other, and back", arguments: GoldenPolicy.all)
  func changesInPlace(_ golden: GoldenPolicy) throws {
    let others = try GoldenPolicy.all.prefix(6).flatMap { try $0.rulesets().prefix(1) }
    for (_, ruleset, _) in try golden.rulesets().prefix(1) {
      let table = Lowering.table(ruleset)
      try inNetworkNamespace {
        var store = try KernelRuleset()
        _ = try Enforcer.apply(table, to: &store)
        for other in others {
          // `apply` throws if the table that it reads back differs from the desired one.
          _ = try Enforcer.apply(Lowering.table(other.ruleset), to: &store)
          let back = try Enforcer.apply(table, to: &store)
          #expect(back.plan.scope == .inPlace)
          #expect(try Enforcer.plan(table, in: &store).plan.isEmpty)
        }
      }
    }
  }

  /// What nft lists after the ruleset is applied.
  private static func loaded(_ ruleset: Ruleset) throws -> String {
    try inNetworkNamespace {
      var store = try KernelRuleset()
      let outcome = try Enforcer.apply(Lowering.table(ruleset), to: &store)
      #expect(!outcome.plan.isEmpty)
      #expect(try Enforcer.plan(Lowering.table(ruleset), in: &store).plan.isEmpty)
      return normalised(try nft("list", "ruleset"))
    }
  }

  /// A listing with the elements of each set sorted: the kernel lists a hash in its own order.
  static func normalised(_ listing: String) -> String {
    var lines: [String] = []
    var elements: String?
    for line in listing.split(separator: "\n", omittingEmptySubsequences: false) {
      let text = line.drop { $0 == "\t" || $0 == " " }
      if text.hasPrefix("elements = {") {
        elements = String(text.dropFirst("elements = {".count))
      } else if let open = elements {
        elements = "\(open) \(text)"
      } else {
        lines.append(String(line))
      }
      if let whole = elements, whole.hasSuffix("}") {
        let sorted = whole.dropLast().split(separator: ",").map { part in
          part.split(separator: " ").joined(separator: " ")
        }.sorted()
        lines += sorted.map { "\t\telement \($0)" }
        elements = nil
      }
    }
    return lines.joined(separator: "\n")
  }
}

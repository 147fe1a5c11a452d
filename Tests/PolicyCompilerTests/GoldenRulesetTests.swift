// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Netlink
import NetworkModel
import PolicyLanguage
import Ruleset
import TestSupport
import Testing

@Suite("What a policy compiles to")
struct GoldenRulesetTests {
  @Test("is what was recorded", arguments: GoldenPolicy.all)
  func isRecorded(_ golden: GoldenPolicy) throws { try golden.expectRecordings() }

  @Test("is recorded in whole for every machine of the policies that ship")
  func shippedPoliciesAreRecordedInWhole() throws {
    let shipped = GoldenPolicy.all.filter { $0.path.hasPrefix("policies/") }
    #expect(
      shipped.map(\.path)
        == GoldenPolicy.names(in: "\(GoldenPolicy.root)/policies").filter { $0.hasSuffix(".yaml") }
        .map { "policies/\($0)" })
    for golden in shipped {
      let machines = try golden.rulesets().map(\.machine.name)
      #expect(try golden.about().recordedInWhole == Set(machines), "\(golden.name)")
    }
    // Of a policy that does not ship any more, nothing is left.
    let folders = Set(GoldenPolicy.all.map(\.folder))
    for name in GoldenPolicy.names(in: "\(GoldenPolicy.root)/Tests/Golden/accepted") {
      #expect(folders.contains("Tests/Golden/accepted/\(name)"))
    }
  }

  @Test(
    "is not recorded by a line that names nothing",
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

  @Test func `parts are all that a ruleset says`() throws {
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

  /// So the text says what a real kernel lists, and no listing is recorded.
  @Test("is the same whether it goes by netlink or as its text through nft", arguments: GoldenPolicy.all)
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
    "names a place in the policy, or says that it is built in, in every rule", arguments: GoldenPolicy.all)
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
    "counts every acceptance of a grant and every drop in a counter that exists", arguments: GoldenPolicy.all)
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

  @Test("logs what it drops, under a prefix that names the chain", arguments: GoldenPolicy.all)
  func dropsAreLogged(_ golden: GoldenPolicy) throws {
    for (_, ruleset, _) in try golden.rulesets() {
      for chain in ruleset.chains {
        for (place, rule) in chain.rules.enumerated() {
          if rule.log != nil { #expect(rule.matches.isEmpty && rule.count == nil && rule.action == nil) }
          guard [.drop, .reject, .reset].contains(rule.action) else { continue }
          #expect(place == 1 && chain.rules.count == 2, "\(chain.name)")
          #expect(rule.matches == (rule.action == .reset ? [.transport(.equal, .tcp)] : []), "\(chain.name)")
          #expect(chain.rules.first?.log == DropLog(prefix: chain.name))
        }
      }
    }
  }

  @Test("leaves nothing to a policy that drops in silence", arguments: GoldenPolicy.all)
  func policiesDropNothing(_ golden: GoldenPolicy) throws {
    for (_, ruleset, _) in try golden.rulesets() {
      /// Whether every packet that comes into the chain meets a verdict in it.
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
          // What another chain returns from ends the base chain.
          if case .goto(let next) = rule.action { #expect(decides(next), "\(next)") }
        }
      }
    }
  }

  @Test("turns into any other in place, and back", arguments: GoldenPolicy.all)
  func changesInPlace(_ golden: GoldenPolicy) throws {
    let others = try GoldenPolicy.all.prefix(6).flatMap { try $0.rulesets().prefix(1) }
    for (_, ruleset, _) in try golden.rulesets().prefix(1) {
      let table = Lowering.table(ruleset)
      try inNetworkNamespace {
        var store = try KernelRuleset()
        _ = try Enforcer.apply(table, to: &store)
        for other in others {
          // `apply` throws where what is read back is not what was meant.
          _ = try Enforcer.apply(Lowering.table(other.ruleset), to: &store)
          let back = try Enforcer.apply(table, to: &store)
          #expect(back.plan.scope == .inPlace)
          #expect(try Enforcer.plan(table, in: &store).plan.isEmpty)
        }
      }
    }
  }

  /// What nft lists once the ruleset is applied.
  private static func loaded(_ ruleset: Ruleset) throws -> String {
    try inNetworkNamespace {
      var store = try KernelRuleset()
      let outcome = try Enforcer.apply(Lowering.table(ruleset), to: &store)
      #expect(!outcome.plan.isEmpty)
      #expect(try Enforcer.plan(Lowering.table(ruleset), in: &store).plan.isEmpty)
      return normalised(try nft("list", "ruleset"))
    }
  }

  /// A listing with the elements of each set sorted: the kernel lists hashes in an order of its own.
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

// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import NetworkModel
import Ruleset

/// What is recorded of a policy: the lines of the file `about.txt` in its folder.
///
///     # What the case is about, in a comment.
///     server part local-wg0/*
///     server expressions
///     other unlike server
///
/// Each line begins with the name of a machine.
///
/// - `part GLOB`: the counters, sets, maps and chains whose names match; `*` also matches slashes. They are
/// recorded in `MACHINE.ruleset.txt`, with those of the machine's other lines, in the order of the ruleset's
/// text.
/// - `expressions`: what the kernel executes for each rule: `MACHINE.expressions.txt`. Sets and counters are in the text
/// of the ruleset; of the chains that only log and refuse, one of each kind is recorded.
/// - `unlike OTHER`: the differences between the machine's ruleset and that of a machine of an earlier line:
/// `MACHINE.unlike-OTHER.txt`. It contains the names that only the other ruleset has, and each part that is
/// not equal in both.
///
/// - `steps INTERFACE SOURCE DESTINATION PORT`: how many rules a TCP packet of these parts passes at each hook, as the first
/// of a connection, later, and as a reply from that port: `MACHINE.steps.txt`, with those of the machine's other lines. A
/// destination after which `forwarded` is added is another machine's, back through the same interface.
///
/// A line that records nothing is an error, except that two machines may have equal rulesets.
struct GoldenAbout {
  struct Invalid: Error, CustomStringConvertible {
    let description: String
  }

  private enum Form {
    case part(glob: String)
    case expressions
    case unlike(String)
    case steps(GoldenSteps)
  }

  private var lines: [(machine: String, form: Form)] = []

  init(_ text: String) throws(Invalid) {
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      let words = line.split(separator: " ").map(String.init)
      switch (words.count, words.dropFirst().first) {
      case (3, "part"): lines.append((words[0], .part(glob: words[2])))
      case (2, "expressions"): lines.append((words[0], .expressions))
      case (3, "unlike"):
        guard words[0] != words[2], lines.contains(where: { $0.machine == words[2] }) else {
          throw Invalid(description: "about.txt: «\(line)»: no earlier line records \(words[2])")
        }
        lines.append((words[0], .unlike(words[2])))
      case (6...7, "steps"):
        guard let steps = GoldenSteps(Array(words.dropFirst(2))) else {
          throw Invalid(
            description: "about.txt: «\(line)»: steps INTERFACE SOURCE DESTINATION PORT [forwarded]")
        }
        lines.append((words[0], .steps(steps)))
      default: throw Invalid(description: "about.txt: «\(line)» is not a form that GoldenAbout reads")
      }
    }
    if lines.isEmpty { throw Invalid(description: "about.txt has no line that records anything") }
  }

  /// The machines of which every part is recorded, directly or by comparison with a machine that is recorded
  /// completely.
  var recordedInWhole: Set<String> {
    var result: Set<String> = []
    for (machine, form) in lines {
      switch form {
      case .part(glob: "*"): result.insert(machine)
      case .unlike(let other) where result.contains(other): result.insert(machine)
      case .part, .expressions, .unlike, .steps: break
      }
    }
    return result
  }

  /// The recordings, by file name.
  func recordings(of rulesets: [String: Ruleset]) throws(Invalid) -> [(name: String, text: String)] {
    let parts = rulesets.mapValues { RulesetPart.all(RulesetText.text($0)) }
    var chosen: [String: Set<Int>] = [:]
    var steps: [String: String] = [:]
    var result: [(name: String, text: String)] = []
    for (machine, form) in lines {
      guard let ruleset = rulesets[machine], let own = parts[machine] else {
        throw Invalid(description: "about.txt: there is no ruleset of \(machine)")
      }
      switch form {
      case .part(let glob):
        let places = own.indices.filter { fnmatch(glob, own[$0].name, 0) == 0 }
        if places.isEmpty {
          throw Invalid(description: "about.txt: no part of the ruleset of \(machine) matches \(glob)")
        }
        chosen[machine, default: []].formUnion(places)
      case .expressions:
        result.append(
          ("\(machine).expressions.txt", Self.rules(ExpressionText.text(Lowering.table(ruleset)))))
      case .steps(let packets):
        steps[machine, default: ""] += packets.text(Lowering.table(ruleset))
      case .unlike(let other):
        result.append(("\(machine).unlike-\(other).txt", Self.difference(own, from: parts[other] ?? [])))
      }
    }
    result += steps.sorted { $0.key < $1.key }.map { ("\($0.key).steps.txt", $0.value) }
    for (machine, places) in chosen.sorted(by: { $0.key < $1.key }) {
      let text = places.sorted().map { parts[machine]?[$0].text ?? "" }.joined()
      result.append(("\(machine).ruleset.txt", text))
    }
    return result
  }

  private static func difference(_ own: [RulesetPart], from other: [RulesetPart]) -> String {
    let heads = Set(own.map(\.head))
    var text = ""
    for kind in ["counter", "set", "map", "chain"] {
      let missing = other.filter { $0.kind == kind && !heads.contains($0.head) }.map(\.name)
      if !missing.isEmpty { text += "without \(kind) \(missing.joined(separator: " "))\n" }
    }
    let texts = Set(other.map(\.text))
    return text + own.map(\.text).filter { !texts.contains($0) }.joined()
  }
}

/// A counter, set, map or chain of a ruleset, as written by `RulesetText`, without the indentation of the
/// table.
struct RulesetPart {
  let kind: String
  let name: String
  /// Each line with its newline.
  fileprivate(set) var text: String

  var head: String { "\(kind) \(name)" }

  static func all(_ ruleset: String) -> [RulesetPart] {
    var parts: [RulesetPart] = []
    // The first line opens the table, and the last closes it.
    for line in ruleset.split(separator: "\n").dropFirst().dropLast() {
      let line = line.dropFirst()
      if !line.hasPrefix("\t"), line.hasSuffix(" {") {
        let words = line.split(separator: " ").map(String.init)
        parts.append(RulesetPart(kind: words[0], name: words[1], text: ""))
      }
      parts[parts.count - 1].text += "\(line)\n"
    }
    return parts
  }
}

extension GoldenAbout {
  /// The rules of the text: without sets and objects, and with one chain of each kind of refusal, since all of a kind
  /// have the same expressions.
  fileprivate static func rules(_ text: String) -> String {
    var kinds: Set<Substring> = []
    var isShown = true
    return text.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
      if ["object ", "set ", "  element "].contains(where: line.hasPrefix) { return false }
      if line.hasPrefix("chain ") {
        let kind = line.split(separator: "/").first ?? line
        isShown =
          !["chain drop", "chain reject", "chain reset"].contains(kind) || kinds.insert(kind).inserted
      }
      return isShown
    }.joined(separator: "\n")
  }
}

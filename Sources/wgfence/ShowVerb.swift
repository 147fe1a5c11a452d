// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import NetworkModel
import Reports
import Ruleset

/// `wgfence show`: what a policy compiles to.
struct ShowVerb: Verb {
  static let configuration = verb(
    "show", "Print the ruleset that a policy compiles to for a machine.",
    discussion: "Needs no root and changes nothing. The text is what `nft -f` would load.")

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
    case expressions
  }

  @OptionGroup var options: PolicyOptions

  @Option(help: "text (nft), json, or expressions (what the kernel executes).")
  var format: Format = .text

  func run() throws {
    let loaded = try options.load()
    let ruleset = try options.compile(loaded.policy)
    switch format {
    case .text: Console.print(document: RulesetText.text(ruleset))
    case .expressions: Console.print(document: ExpressionText.text(Lowering.table(ruleset)))
    case .json: Console.print(document: json(ruleset, loaded))
    }
  }

  private func json(_ ruleset: Ruleset, _ loaded: LoadedPolicy) -> String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/show/1")
      object.put("machine", options.machine.name(in: loaded.policy))
      object.put("table", "inet \(Ruleset.tableName)")
      object.array("chains") { array in
        for chain in ruleset.chains {
          array.object { object in
            object.put("name", chain.name)
            if let base = chain.base {
              object.put("hook", Int(base.hook))
              object.put("priority", Int(base.priority))
              object.put("policy", "\(base.policy)")
            }
            object.array("rules") { array in
              for rule in chain.rules {
                array.object { object in
                  object.put("text", RulesetText.text(rule))
                  object.put("file", rule.origin.file.isEmpty ? nil : rule.origin.file)
                  object.put("lines", each: rule.origin.lines)
                  object.put("reason", rule.origin.reason)
                }
              }
            }
          }
        }
      }
      object.array("sets") { array in
        for set in ruleset.sets {
          array.object { object in
            object.put("name", set.name)
            object.put("elements", set.elements.count)
          }
        }
      }
      object.array("counters") { array in
        for counter in ruleset.counters {
          array.object { object in
            object.put("name", counter.name)
            object.put("because", counter.origin.place)
            object.put("reason", counter.origin.reason)
          }
        }
      }
    }
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later

package import Ruleset

/// What a policy compiles to, for programs.
package enum RulesetReport {
  /// The ruleset of a machine.
  package static func json(_ ruleset: Ruleset, machine: String) -> String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/show/1")
      object.put("machine", machine)
      object.put("table", "inet \(Ruleset.tableName)")
      object.array("chains") { array in
        for chain in ruleset.chains { array.object { put(chain, in: &$0) } }
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

  private static func put(_ chain: RuleChain, in object: inout JSONWriter.Object) {
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

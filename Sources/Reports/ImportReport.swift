// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import PolicyImport

/// The report of `wgfence import`: what was read and granted, what is not kept, and how the rules and the policy differ.
package struct ImportReport: Sendable {
  private let imported: PolicyImport
  private let path: String?
  private let notes: [String]

  /// A report. `path` is the file to which the policy is written; nil for standard output. `notes` are sentences about what
  /// could not be read.
  package init(_ imported: PolicyImport, path: String?, notes: [String] = []) {
    self.imported = imported
    self.path = path
    self.notes = notes
  }

  /// The policy's text.
  package var policy: String { imported.text }

  /// Whether the policy may be written: it opens nothing that the rules did not.
  package var isEqual: Bool { imported.comparison.opensNothing }

  /// The report for people.
  package var text: PrintableText {
    let comparison = imported.comparison
    var text: PrintableText = "read: \(imported.tables.joined(separator: ", "))\n"
    if !imported.otherTables.isEmpty {
      text +=
        "not imported, and stays beside the policy: \(imported.otherTables.joined(separator: ", "))\n"
    }
    text +=
      "\(Self.count(imported.grants.count, "grant")), \(Self.count(imported.remarks.count, "comment")) on what is not kept\n"
    text += "compared with the rules: \(Self.count(comparison.compared, "packet")). "
    if isEqual {
      text += "Nothing is newly reachable\n"
    } else {
      text += "The policy is not written, because it would let in what the rules do not:\n"
      text += Self.list(comparison.gained)
      text +=
        "This is an error of wgfence or of a name in the policy: please report it with the output of nft list ruleset\n"
    }
    if !comparison.builtIn.isEmpty {
      text += "Every policy lets this in, and the rules do not:\n" + Self.list(comparison.builtIn)
    }
    if !comparison.lost.isEmpty {
      let services = comparison.lost.map(\.service).unique
      text +=
        "no longer reachable, with a comment in the policy: \(services.prefix(12).joined(separator: ", "))"
        + "\(services.count > 12 ? ", …" : "")\n"
    }
    for note in notes { text += "not read: \(note)\n" }
    if isEqual, let path { text += "Written to \(path). Next: read it, then wgfence check \(path)\n" }
    return text
  }

  private static func list(_ differences: [ImportComparison.Difference]) -> PrintableText {
    var text: PrintableText = ""
    for difference in differences {
      text += "  \(difference.service) from \(Self.short(difference.sources)) in \(difference.side)"
      text += " to \(Self.short(difference.destinations)): \(difference.because)\n"
    }
    return text
  }

  private static func short(_ words: [String]) -> String {
    words.prefix(4).joined(separator: ", ") + (words.count > 4 ? ", …" : "")
  }

  private static func count(_ number: Int, _ word: String) -> String {
    "\(number) \(word)\(number == 1 ? "" : "s")"
  }

  /// The report for programs, with the policy if it is not written to a file.
  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/import/1")
      object.put("tool", imported.tool.rawValue)
      object.put("machine", imported.machine)
      object.array("tables") { for name in imported.tables { $0.put(name) } }
      object.array("other_tables") { for name in imported.otherTables { $0.put(name) } }
      object.put("written", isEqual)
      object.put("path", isEqual ? path : nil)
      object.put("policy", isEqual && path == nil ? policy : nil)
      object.array("grants") { array in
        for grant in imported.grants {
          array.object { object in
            object.put("section", grant.section.rawValue)
            object.array("to") { for word in grant.to { $0.put(word) } }
            object.array("services") { for word in grant.services { $0.put(word) } }
            object.array("from") { for word in grant.from { $0.put(word) } }
          }
        }
      }
      object.array("not_kept") { array in
        for remark in imported.remarks {
          array.object { object in
            object.put("kind", remark.kind.rawValue)
            object.put("what", remark.what)
            object.put("advice", remark.advice)
          }
        }
      }
      object.array("notes") { for note in notes { $0.put(note) } }
      object.put("compared", imported.comparison.compared)
      Self.put("gained", imported.comparison.gained, in: &object)
      Self.put("built_in", imported.comparison.builtIn, in: &object)
      Self.put("lost", imported.comparison.lost, in: &object)
    }
  }

  private static func put(
    _ key: String, _ differences: [ImportComparison.Difference], in object: inout JSONWriter.Object
  ) {
    object.array(key) { array in
      for difference in differences {
        array.object { object in
          object.put("service", difference.service)
          object.put("from", difference.side)
          object.array("sources") { for word in difference.sources { $0.put(word) } }
          object.array("destinations") { for word in difference.destinations { $0.put(word) } }
          object.put("forwarded", difference.isForwarded)
          object.put("because", difference.because)
        }
      }
    }
  }
}

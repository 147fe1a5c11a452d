// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import NetworkModel
import PolicyLanguage
import Reports

/// `wgfence schema`: the JSON Schema of the policy language.
struct SchemaVerb: Verb {
  static let configuration = verb(
    "schema", "Print the JSON Schema of the policy language, for editors.",
    discussion: """
      Save the schema and name it in the policy's first line. Editors with the YAML language server then complete, \
      explain and check the policy while you type:

        # yaml-language-server: $schema=policy-1.schema.json

      Needs no root and reads nothing. Exit status: 0.
      """)

  func run() { Console.print(document: PolicySchema.text) }
}

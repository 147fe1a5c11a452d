// SPDX-License-Identifier: GPL-3.0-or-later

import Testing

@testable import PolicyLanguage

@Suite("The examples of docs/review.md")
struct ReviewSnippetTests {
  /// The YAML code blocks of the page.
  private func snippets() throws -> [JSONValue] {
    let bytes = try #require(contents("\(repository)/docs/review.md"))
    var snippets: [String] = []
    var isInside = false
    for line in String(decoding: bytes, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
    {
      if line == "```yaml" {
        isInside = true
        snippets.append("")
      } else if line == "```" {
        isInside = false
      } else if isInside {
        snippets[snippets.count - 1] += "\(line)\n"
      }
    }
    return try snippets.map { try parse(Array($0.utf8)) }
  }

  private func parse(_ bytes: [UInt8]) throws -> JSONValue {
    let source = SourceText(path: "snippet", bytes: bytes)
    var log = DiagnosticLog(policy: source)
    let node = YamlReader.read(source, log: &log)
    #expect(log.errorCount == 0, "\(DiagnosticText().render(log.diagnostics()))")
    return JSONValue(try #require(node)) ?? .null
  }

  @Test("are valid YAML")
  func yaml() throws {
    #expect(try snippets().count == 3)
  }

  @Test("give each job of the workflow one permission, and none by default")
  func permissions() throws {
    let workflow = try #require(try snippets().first { $0["jobs"] != .null })
    #expect(workflow["permissions"] == .object([:]))
    #expect(workflow["jobs", "judge", "permissions"] == .object(["contents": .text("read")]))
    #expect(workflow["jobs", "comment", "permissions"] == .object(["pull-requests": .text("write")]))
    #expect(workflow["on", "pull_request_target", "paths"] != .null)
  }

  @Test("give the token of the workflow to no step that reads the proposed policy")
  func token() throws {
    let workflow = try #require(try snippets().first { $0["jobs"] != .null })
    let steps = workflow["jobs", "judge", "steps"].elements
    let judge = try #require(steps.first { $0["name"] == .text("Judge") })
    #expect(judge["env"].members["GH_TOKEN"] == nil)
    for step in steps + workflow["jobs", "comment", "steps"].elements {
      let shell = try #require(step["run"].string)
      #expect(!shell.contains("${{"))
      #expect(step.members["uses"] == nil)
    }
  }

  @Test("give the pipeline's token to the job that comments")
  func environment() throws {
    let pipeline = try #require(try snippets().first { $0["policy-judge"] != .null })
    #expect(pipeline["policy-comment", "environment", "name"] == .text("policy-review"))
    #expect(pipeline["policy-judge"].members["environment"] == nil)
  }

  @Test("and the hook's definition has the keys that the framework requires")
  func hook() throws {
    let bytes = try #require(contents("\(repository)/.pre-commit-hooks.yaml"))
    let hook = try #require(try parse(bytes).elements.first)
    for key in ["id", "name", "description", "entry", "language", "files", "types"] {
      #expect(hook[key] != .null, "\(key)")
    }
    let used = try snippets().compactMap { $0["repos"].elements.first?["hooks"].elements.first?["id"] }
    #expect(used == [hook["id"]])
  }
}

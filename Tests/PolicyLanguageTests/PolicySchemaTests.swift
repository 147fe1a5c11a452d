// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import TestSupport
import Testing

@testable import PolicyLanguage
import Reports

@Suite("The schema for editors")
struct PolicySchemaTests {
  private static let path = "\(repository)/docs/policy-1.schema.json"

  private func schema() throws -> JSONSchema {
    let bytes = try #require(contents(Self.path))
    return try JSONSchema(bytes)
  }

  /// The value of a policy's text, as an editor reads it; nil if `YamlReader` rejects it.
  private func parsed(_ bytes: [UInt8]) -> JSONValue? {
    let source = SourceText(path: "policy.yaml", bytes: bytes)
    var log = DiagnosticLog(policy: source)
    let node = YamlReader.read(source, log: &log)
    return log.errorCount == 0 ? node.flatMap { JSONValue($0) } : nil
  }

  private func record(_ text: String, _ path: String) throws {
    if unsafe getenv("WGFENCE_RECORD") != nil, let file = unsafe fopen(path, "wb") {
      unsafe fputs(text, file)
      unsafe fclose(file)
      Issue.record("recorded \(path)")
    }
  }

  @Test("the file is what the program prints")
  func file() throws {
    try record(PolicySchema.text, Self.path)
    #expect(contents(Self.path).map { String(decoding: $0, as: UTF8.self) } == PolicySchema.text)
  }

  /// The part of the schema for a map.
  private func schema(of map: LanguageMap, in root: JSONValue) -> JSONValue {
    func values(_ key: String) -> JSONValue { root["properties", key, "additionalProperties"] }
    func lines(_ key: String) -> JSONValue { root["properties", key, "items"] }
    return switch map {
    case .policy: root
    case .tunnel: values("tunnels")
    case .machine: values("machines")
    case .zone: values("machines")["properties", "zones", "additionalProperties"]
    case .listFile: values("lists")["anyOf"].elements.last ?? .null
    case .grant: lines("allow")
    case .failsafe: lines("failsafe")
    case .encryption: lines("encrypt")
    case .translation: lines("translate")
    case .confinement: lines("confine")["anyOf"].elements.last ?? .null
    case .test: lines("tests")
    }
  }

  @Test(
    "has the decoder's keys, each with a description, and the same required keys",
    arguments: LanguageMap.allCases)
  func keys(map: LanguageMap) throws {
    let schema = schema(of: map, in: try schema().root)
    #expect(Set(schema["properties"].members.keys) == Set(map.keys))
    #expect(Set(schema["required"].elements.compactMap(\.string)) == Set(map.required))
    #expect(schema["additionalProperties"] == .truth(false))
    #expect(schema["description"].string != nil)
    for (key, value) in schema["properties"].members {
      #expect((value["description"].string?.utf8.count ?? 0) > 10, "\(key)")
    }
  }

  @Test("lists the services of the catalogue")
  func services() throws {
    let service = try schema().root["definitions", "service", "anyOf"].elements.first ?? .null
    let names = service["enum"].elements.compactMap(\.string)
    #expect(Set(names) == Set(ServiceCatalogue.services.map(\.name) + ["esp", "gre", "any"]))
    #expect(service["enumDescriptions"].elements.count == names.count)
  }

  @Test("accepts the policies that come with the program", arguments: ShippedPolicies.names)
  func shipped(name: String) throws {
    let bytes = try #require(contents("\(repository)/policies/\(name).yaml"))
    let value = try #require(parsed(bytes))
    #expect(try schema().complaint(value) == nil)
  }

  @Test("accepts what the decoder accepts", arguments: GoldenCase.all("accepted") + GoldenCase.all("warned"))
  func accepted(golden: GoldenCase) throws {
    guard let bytes = contents("\(golden.path)/policy.yaml") else {
      #expect(golden.point.hasPrefix("shipped-"))
      return
    }
    let value = try #require(parsed(bytes))
    #expect(try schema().complaint(value) == nil)
  }

  @Test("catches these of the rejected policies, and no others")
  func rejected() throws {
    let schema = try schema()
    let text = try GoldenCase.all("rejected").map { golden in
      let bytes = try #require(contents("\(golden.path)/policy.yaml"))
      let outcome =
        if let value = parsed(bytes) { try schema.complaint(value)?.description ?? "-" } else {
          "rejected by the YAML reader"
        }
      return "\(golden.point): \(outcome)\n"
    }.joined()
    let path = "\(repository)/Tests/Golden/schema-catches.txt"
    try record(text, path)
    let recorded = String(decoding: try #require(contents(path)), as: UTF8.self).split(separator: "\n")
    let found = text.split(separator: "\n")
    #expect(found.count == recorded.count)
    for (one, other) in zip(found, recorded) where one != other {
      Issue.record("recorded «\(other)», now «\(one)»")
    }
  }

  /// A policy with every key of the language once, in which no line depends on the value that a test changes.
  private static let full = """
    version: 1
    tunnels: { wg0: { prefixes: [10.1.0.0/24], listen: 51820, hub: a }, wg1: { prefixes: 10.2.0.0/24, listen: "0" } }
    machines:
      a:
        addresses: { wg0: 10.1.0.1 }
        endpoint: 192.0.2.1
        key: "b2ZmaWNlIG9mIHRoZSB0d28gdHVubmVscyBleGFtcGw="
        subnets: [192.168.1.0/24]
        zones: { lan: { interfaces: [eth1, "wl*"], prefixes: 192.168.1.0/24 } }
      b: { addresses: { wg0: 10.1.0.2 } }
    groups: { both: [a, b] }
    services: { mine: [7000/tcp, 8000-8010/udp, ip/89, esp] }
    lists: { bad: [198.51.100.0/24], filed: { file: lists/drop.txt } }
    block: bad
    allow: [{ to: a, services: mine, from: [b, internet, 198.51.100.0/25], because: 42, until: 2027-06-30 }]
    encrypt: [{ between: both, tunnel: wg0 }]
    failsafe: [{ to: a, services: ssh, from: b, because: a way in }]
    tests: [{ from: b, to: a, over: wg0, allow: [ssh], deny: [25/tcp] }]
    """

  /// Replaces one part of the full policy: the old text, and the new one.
  @Test(
    "and the decoder agree on the form of",
    arguments: [
      ("version: 1", "version: \"1\"", true), ("version: 1", "version: 2", false),
      ("listen: \"0\"", "listen: \"51821\"", true), ("listen: \"0\"", "listen: 0", false),
      ("listen: \"0\"", "listen: 65536", false), ("listen: \"0\"", "listen: 0051821", true),
      ("block: bad", "block: []", true), ("block: bad", "block: { bad: 1 }", false),
      ("because: 42", "because: [x]", false), ("because: 42", "because: \"a\\nb\"", false),
      ("because: 42", "because: \"a\\n\"", true), ("because: 42", "because: yes", true),
      ("because: 42", "because: true", true), ("because: 42", "because: ''", false),
      ("2027-06-30", "2027-6-30", false), ("2027-06-30", "2028-02-29", true),
      ("2027-06-30", "1969-01-01", false),
      ("7000/tcp", "65535/sctp", true), ("7000/tcp", "65536/tcp", false), ("7000/tcp", "007000/tcp", true),
      ("7000/tcp", "0/tcp", false), ("7000/tcp", "7000", false), ("7000/tcp", "tcp", false),
      ("7000/tcp", "gre", true), ("7000/tcp", "7000/TCP", false), ("7000/tcp", "all", false),
      ("mine: [7000", "all: [7000", false), ("mine: [7000", "udp: [7000", false),
      ("\"wl*\"", "\"*\"", false), ("\"wl*\"", "\"w*l\"", false), ("\"wl*\"", "eth1.100", true),
      ("\"wl*\"", "a23456789012345", true), ("\"wl*\"", "a234567890123456", false),
      ("\"wl*\"", "'[x]~^!'", true), ("lan: {", "internet: {", false), ("both: [a", "internet: [a", false),
      ("endpoint: 192.0.2.1", "endpoint: live", true), ("endpoint: 192.0.2.1", "endpoint: [live]", false),
      ("endpoint: 192.0.2.1", "endpoint: 192.0.2.1/32", false),
      ("endpoint: 192.0.2.1", "endpoint: 192.0.2.256", false),
      ("endpoint: 192.0.2.1", "endpoint: ['2001:db8::1', '::ffff:192.0.2.7']", true),
      ("endpoint: 192.0.2.1", "endpoint: a.example.org", false),
      ("lists/drop.txt", "../drop.txt", false), ("lists/drop.txt", "a/../drop.txt", false),
      ("lists/drop.txt", "/drop.txt", false), ("lists/drop.txt", "a/..", false),
      ("lists/drop.txt", "a..b/c", true),
      ("bad: [198.51.100.0/24]", "bad: []", true), ("[198.51.100.0/24]", "[198.51.100.0/33]", false),
      ("[198.51.100.0/24]", "['2001:db8::/129']", false), ("[198.51.100.0/24]", "['2001:db8::/32']", true),
      ("from: [b, internet", "from: [", false), ("allow: [{ to: a", "allow: { to: a", false),
      ("allow: [ssh]", "allow: []", true), ("allow: [ssh]", "allow: ssh", true),
      ("allow: [ssh], deny: [25/tcp]", "deny: [all]", true),
      ("allow: [ssh], deny: [25/tcp]", "deny: all", true), ("deny: [25/tcp]", "deny: [25]", false),
      ("b2Zm", "b2Z", false), ("GFtcGw=", "GFtcG=", false), ("GFtcGw=", "GFtcGx=", false),
      ("groups: { both: [a, b] }", "groups: { both: [] }", false),
      ("version: 1\n", "", false), ("prefixes: [10.1.0.0/24], ", "", false), (", hub: a", "", true),
      (", listen: \"0\"", "", true), ("interfaces: [eth1, \"wl*\"], ", "", false),
      (", prefixes: 192.168.1.0/24", "", true), ("file: lists/drop.txt", "", false),
      ("to: a, services: mine", "services: mine", false), ("services: mine, ", "", false),
      ("from: [b, internet, 198.51.100.0/25], ", "", false), (", because: 42", "", true),
      (", until: 2027-06-30", "", true), ("between: both, ", "", false), (", tunnel: wg0", "", false),
      (", because: a way in", ", until: 2027-06-30", false), ("to: a, services: ssh", "services: ssh", false),
      ("from: b, to: a, over", "to: a, over", false), ("from: b, to: a, over", "from: b, over", false),
      ("over: wg0, ", "", true), (", allow: [ssh], deny: [25/tcp]", "", false),
      (", deny: [25/tcp]", "", true),
      ("tests: [", "test: [", false), ("addresses: { wg0: 10.1.0.1 }", "addresses: 10.1.0.1", false),
    ])
  func form(old: String, new: String, fits: Bool) throws {
    #expect(Self.full.contains(old))
    // The port "0" is out of range: only the cases that replace it themselves test it.
    let text = Self.full.replacing(old, with: new).replacing("listen: \"0\"", with: "listen: 51821")
    let value = parsed(Array(text.utf8))
    let complaint = try value.flatMap { try schema().complaint($0) }
    #expect((value != nil && complaint == nil) == fits, "\(complaint?.description ?? "fits")")
    let decoded = decode(text, files: ["lists/drop.txt": "", "a..b/c": ""])
    #expect(
      decoded.isValid == fits,
      "\(DiagnosticText().render(decoded.diagnostics.filter { $0.severity == .error }))")
  }

  @Test("is rejected by the validator if it has an unknown keyword")
  func unknownKeyword() throws {
    let schema = try JSONSchema(Array(#"{ "properties": { "a": { "oneOf": [] } } }"#.utf8))
    #expect(try schema.complaint(.object([:])) == nil)
    #expect(throws: JSONSchema.Complaint.self) { try schema.complaint(.object(["a": .null])) }
  }
}

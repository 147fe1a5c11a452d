// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// The JSON Schema of the language. With it, editors complete, explain and check a policy while it is typed.
///
/// It is generated from the decoder's own tables (``LanguageMap``, ``ServiceCatalogue``) and describes only
/// the form of a policy. The decoder checks what names mean and whether they fit together. The schema accepts
/// everything that the decoder accepts, except names that YAML itself reads as another type (`true`, `null`).
/// The schema is draft-07, the newest one that the YAML language server of editors supports completely. A key
/// has its description next to its schema and not next to a `$ref`, where draft-07 would ignore it.
public enum PolicySchema {
  /// The text of the schema, equal to `docs/policy-1.schema.json`.
  public static var text: String { schema.document }

  private static var schema: JSONTree {
    let root: JSONTree = [
      "$schema": "http://json-schema.org/draft-07/schema#",
      "$id": "urn:wgfence:policy:1",
      "title": "wgfence policy",
    ]
    return root.with(members(of: .policy)).with([("definitions", ["service": service])])
  }

  /// The schema of a map of the language.
  static func map(_ map: LanguageMap) -> JSONTree { .object(members(of: map)) }

  private static func members(of map: LanguageMap) -> [(String, JSONTree)] {
    var members: [(String, JSONTree)] = [
      ("description", .text(words(for: map))),
      ("type", "object"),
      ("additionalProperties", false),
    ]
    if !map.required.isEmpty { members.append(("required", .texts(map.required))) }
    switch map {
    case .test: members.append(("anyOf", [["required": ["allow"]], ["required": ["deny"]]]))
    case .machine:
      members.append(("if", ["required": ["endpoint"], "properties": ["endpoint": ["const": "live"]]]))
      members.append(("then", ["required": ["key"]]))
    case .translation:
      members.append(("anyOf", .list(["masquerade", "forward", "map"].map { ["required": [.text($0)]] })))
    case .grant, .failsafe:
      members.append(("if", ["required": ["burst"]]))
      members.append(("then", ["required": ["limit"]]))
    case .policy, .tunnel, .zone, .listFile, .encryption, .confinement: break
    }
    let properties = map.keys.compactMap { key in property(key, of: map).map { (key, $0) } }
    return members + [("properties", .object(properties))]
  }

  /// The schema of a map from names of this form to values.
  static func names(_ pattern: String, _ values: JSONTree, except taken: [String] = []) -> JSONTree {
    var form: [(String, JSONTree)] = [("pattern", .text("^(?:\(pattern))$"))]
    if !taken.isEmpty { form.append(("not", ["enum": .texts(taken)])) }
    return ["type": "object", "propertyNames": .object(form), "additionalProperties": values]
  }

  /// The schema of a text that matches one of these patterns.
  package static func text(_ patterns: String..., expected: String) -> JSONTree {
    [
      "type": "string", "pattern": .text("^(?:\(patterns.joined(separator: "|")))$"),
      "patternErrorMessage": .text("Not \(expected)."),
    ]
  }

  /// The schema of one item, or of a list of items that is not empty.
  static func oneOrMore(_ item: JSONTree) -> JSONTree {
    ["anyOf": [item, ["type": "array", "minItems": 1, "items": item]]]
  }

  /// The schema of a list of items, which can be empty.
  static func list(of item: JSONTree) -> JSONTree { ["type": "array", "items": item] }

  /// The schema of a service, by name or written in place. The names of the catalogue are listed, so editors
  /// offer them.
  private static var service: JSONTree {
    let known =
      ServiceCatalogue.services.map { ($0.name, $0.ports.map(Self.text).joined(separator: ", ")) }
      + [IPProtocol.esp, .gre].map { ("\($0)", "IP protocol \($0.number)") }
      + [("any", "every protocol and port")]
    return [
      "description":
        "A service: a name of the catalogue or of 'services', or written in place: 8080/tcp, 6000-6010/udp, ip/89.",
      "anyOf": [
        ["enum": .texts(known.map(\.0)), "enumDescriptions": .texts(known.map(\.1))],
        text(
          "\(Pattern.port)(?:-\(Pattern.port))?/(?:tcp|udp|sctp)", "ip/[0-9]{1,3}",
          expected: "a port like 8080/tcp"),
        text(Pattern.name, expected: "the name of a service").with([
          ("not", ["enum": .texts(reservedServices.filter { !["esp", "gre", "any"].contains($0) })])
        ]),
      ],
    ]
  }

  /// Words that cannot name a service of the policy's own.
  static let reservedServices = ["all", "any"] + IPProtocol.allNames

  private static func text(_ port: ServicePort) -> String {
    switch port {
    case .ports(let transport, let range): "\(range)/\(transport)"
    case .protocol(let number): "IP protocol \(number.number)"
    case .echoRequest: "ICMP and ICMPv6 echo requests"
    case .everything: "every protocol and port"
    }
  }

  /// Patterns of the language's words, in the common subset of the regular expressions of JSON Schema (ECMA
  /// 262) and Swift.
  enum Pattern {
    static let name = "[A-Za-z][A-Za-z0-9_-]{0,62}"
    static let tunnel = "[A-Za-z0-9_=+.-]{1,15}"
    static let interface = #"[!#-)+-.0-9;-\[\]-~]{1,15}\*?"#
    static let port =
      "0*(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
    private static let octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    private static let ipv4 = #"(?:\#(octet)\.){3}\#(octet)"#
    /// Approximate: the decoder checks the exact form.
    private static let ipv6 = "[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*"
    static let address = "\(ipv4)|\(ipv6)"
    static let prefix =
      "\(ipv4)(?:/(?:3[0-2]|[12]?[0-9]))?|\(ipv6)(?:/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9]))?"
    /// Up to `ConnectionLimit.range`.
    static let burst = "0*(?:100000|[1-9][0-9]{0,4})"
    static let rate = "\(burst)/(?:second|minute|hour)"
    static let date = "(?:19[7-9][0-9]|[2-9][0-9]{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    static let key = "[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="
    /// Inside the policy's folder: a relative path without `..`.
    static let file = #"(?!/)(?!(?:.*/)?\.\.(?:/.*)?$).+"#
    static let oneLine = #"[^\n]+\s*"#
  }
}

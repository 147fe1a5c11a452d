// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import Glibc
import NetworkModel
import OutboundAnalysis
@testable import Reports
import TestSupport
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

@Suite struct AuditPageTests {
  // MARK: What is shown

  @Test func `the sections are in the documented order`() {
    let html = AuditedSites.research.html
    let wanted = [
      "<h1>Audit of onprem</h1>", "/etc/wgfence/policy.yaml", "3f9a1c07d2b84e65", "2026-11-24 18:56:41 UTC",
      ">sockets<", ">Findings</h2>", ">error</strong>", ">warning</strong>", ">information</strong>",
      ">Who reaches what</h2>", "role=\"img\"", "3 sockets not reachable from outside",
      ">Sockets and published ports</h2>",
      "<caption>", ">Outbound traffic</h2>", ">Connections to other hosts</h2>", ">Temporary grants</h2>",
      "the migration", ">What could not be determined</h2>",
      "bridge l2",
      "<footer>", "wgfence 0.1.0",
    ]
    var rest = html[...]
    for text in wanted {
      guard let range = rest.firstRange(of: text) else {
        Issue.record("\(text) is missing or out of order")
        continue
      }
      rest = rest[range.upperBound...]
    }
  }

  @Test func `every socket and each of its sides is a row of the table`() {
    var page = AuditedSites.research
    page.outbound = .nothing
    let html = page.html
    let rows = page.exposures.reduce(0) { $0 + max(1, $1.reachable.count) }
    #expect(html.ranges(of: "<tbody>").count == page.exposures.count)
    #expect(html.ranges(of: "<tr>").count == rows + 1)
    for text in [
      "image nginx:1.27", "Compose shop/web", "unit postgresql@15-main.service",
      "→ 172.17.0.2:80",
      "only this host", "accept, exposed",
    ] { #expect(html.contains(">\(text)<"), "\(text)") }
  }

  @Test func `every sender, what it may send, and every connection is a row`() {
    let page = AuditedSites.research
    var without = page
    without.outbound = .nothing
    let (html, rest) = (page.html, without.html)
    #expect(!rest.contains("Outbound traffic"))
    // Two headings, three senders with four rows, and two connections.
    #expect(html.ranges(of: "<tr>").count - rest.ranges(of: "<tr>").count == 2 + 3 + 4 + 2)
    #expect(html.ranges(of: "<tbody>").count - rest.ranges(of: "<tbody>").count == 3 + 2)
    for text in [
      "onprem, with the containers on its network: exporter", "confine: line 24", "may send only",
      "containers on docker0, br-5e1f0a: shop-web-1, minio, db, cache, queue, worker-1 and 1 more",
      "confine: line 25 towards 169.254.169.254, fd00:ec2::254", "may send everything, except",
      "6000-6010/udp",
      "scanner", "refused by the policy", "eth0 (internet)", "wg0",
    ] { #expect(html.contains(">\(text)"), "\(text)") }
    // What the policy refuses is first.
    let curl = html.firstRange(of: ">curl[812]<")
    let chrony = html.firstRange(of: ">chronyd (3)<")
    #expect(curl.flatMap { one in chrony.map { one.lowerBound < $0.lowerBound } } == true)
  }

  @Test func `the most severe finding is first`() throws {
    var page = AuditedSites.research
    page.findings.reverse()
    let html = page.html
    let error = try #require(html.firstRange(of: ">error</strong>"))
    let information = try #require(html.firstRange(of: ">information</strong>"))
    #expect(error.lowerBound < information.lowerBound)
  }

  @Test func `the page shows whether the policy is enforced`() {
    var page = AuditedSites.research
    #expect(page.html.contains("yes: the kernel has the ruleset of the policy"))
    page.drift = .operations(3)
    #expect(page.html.contains("no: the kernel differs by 3 operations"))
    page.drift = .notLoaded
    #expect(page.html.contains("no: the ruleset is not loaded"))
    page.policy = nil
    #expect(page.html.contains("no policy to enforce"))
  }

  @Test func `the same parts give the same bytes`() {
    #expect(AuditedSites.research.html == AuditedSites.research.html)
  }

  // MARK: Texts from outside

  @Test func `no text from outside becomes markup`() {
    let html = AuditedSites.hostilePage().html
    let start = html.firstRange(of: "</style>")?.upperBound ?? html.startIndex
    let body = html[start...]
    for text in [
      "<script>alert", "<img", "onerror=alert(1)>", " onload='", "</svg></style>", "<i>", "<!--", "\u{202e}",
      "\u{1b}",
    ] {
      #expect(!body.contains(text), "\(text)")
    }
    #expect(body.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && body.contains("&amp;lt;i&amp;gt;"))
    #expect(body.contains("\\u{202e}txt.exe\\u{1b}[2J\\u{a}"))
    #expect(body.ranges(of: "<script>").count == 1)
  }

  @Test func `the page is well-formed`() throws {
    // Apart from the doctype and void elements the page is XML, so a strict parser can read it.
    for page in [
      AuditedSites.research, AuditedSites.hostilePage(), AuditedSites.large(zones: 8, services: 60),
    ] {
      var html = page.html.replacing("<!DOCTYPE html>", with: "")
      html = html.replacing(" hidden>", with: " hidden=\"\">")
      html = html.replacing(/<(?:meta|input|br)(?: [^>]*)?>/) { "\($0.output.dropLast())/>" }
      html = html.replacing("<script>", with: "<script><![CDATA[")
        .replacing("</script>", with: "]]></script>")
      let result = try run(
        [
          "python3", "-c",
          "import sys, xml.dom.minidom; xml.dom.minidom.parseString(sys.stdin.buffer.read())",
        ],
        input: html)
      #expect(result.status == 0, "\(result.errors)")
    }
  }

  @Test func `ids are unique, and every reference has an id`() throws {
    let html = AuditedSites.research.html
    let ids = try Self.matches(" id=\"([^\"]+)\"", html)
    #expect(Set(ids).count == ids.count)
    let references =
      try Self.matches(" (?:aria-(?:labelled|described)by|for)=\"([^\"]+)\"", html)
      + Self.matches(" href=\"#([^\"]+)\"", html)
    #expect(!references.isEmpty && Set(references).isSubset(of: ids))
  }

  // MARK: What the browser may do

  @Test(arguments: [
    (PageStyle.text.description, PageStyle.hash), (PageScript.text.description, PageScript.hash),
  ]) func `the Content Security Policy has both hashes`(_ text: String, _ hash: String) throws {
    let result = try run(
      [
        "python3", "-c",
        "import sys, hashlib, base64; print(base64.b64encode(hashlib.sha256(sys.stdin.buffer.read()).digest()).decode())",
      ], input: text)
    #expect(result.status == 0 && "\(hash)\n" == "sha256-\(result.output)")
    #expect(AuditedSites.research.html.contains(">\(text)</"))
  }

  @Test func `nothing is loaded, and styles and scripts are permitted only by hash`() {
    let html = AuditedSites.research.html
    #expect(html.contains("content=\"default-src &#39;none&#39;; style-src &#39;sha256-"))
    for text in ["unsafe", "http://", "https://", " src=", "url(", "@import", " style=\"", " onclick"] {
      #expect(!html.contains(text), "\(text)")
    }
  }

  // MARK: Colours

  static let texts = ["ink", "dim", "tunnel", "clear", "exposed", "undetermined"]

  @Test(arguments: ["light", "dark"], texts) func `text colours have enough contrast on both backgrounds`(
    _ scheme: String, _ name: String
  ) throws {
    let style = PageStyle.text.description
    let parts = style.split(separator: "prefers-color-scheme: dark").map { String($0) }
    try #require(parts.count == 2)
    let variables = try Self.variables(scheme == "light" ? parts[0] : parts[1])
    let colour = try #require(variables[name])
    for ground in ["paper", "panel"] {
      let ratio = Self.contrast(colour, try #require(variables[ground]))
      #expect(ratio >= 4.5, "\(name) on \(ground): \(ratio)")
    }
  }

  @Test func `colours are only defined as variables`() throws {
    let style = PageStyle.text.description
    let named = try Self.matches("(#[0-9a-f]{3,8})\\b(?!-)", style).count
    #expect(named == 18)
  }

  private static func variables(_ style: String) throws -> [String: String] {
    let names = try matches("--([a-z]+): #[0-9a-f]{6};", style)
    let values = try matches("--[a-z]+: (#[0-9a-f]{6});", style)
    return Dictionary(zip(names, values)) { first, _ in first }
  }

  /// WCAG 2.2, "contrast ratio" and "relative luminance".
  private static func contrast(_ one: String, _ two: String) -> Double {
    func luminance(_ colour: String) -> Double {
      let number = Int(colour.dropFirst(), radix: 16) ?? 0
      let channels = [16, 8, 0].map { shift -> Double in
        let value = Double(number >> shift & 0xff) / 255
        return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
      }
      return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]
    }
    let (first, second) = (luminance(one), luminance(two))
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)
  }

  /// The first group of every match of a pattern.
  private static func matches(_ pattern: String, _ text: String) throws -> [String] {
    text.matches(of: try Regex(pattern)).compactMap { $0.output[1].substring.map { String($0) } }
  }

  // MARK: Pages for a browser

  @Test(.enabled(if: getenv("WGFENCE_PAGES") != nil))
  func `the pages are written to a folder for tests in a browser`() throws {
    let folder = String(cString: try #require(getenv("WGFENCE_PAGES")))
    let pages = [
      ("research", AuditedSites.research), ("hostile", AuditedSites.hostilePage()),
      ("large", AuditedSites.large(zones: 8, services: 60)),
      ("small", AuditedSites.large(zones: 3, services: 8)),
    ]
    for (name, page) in pages {
      #expect(try run(["cp", "/dev/stdin", "\(folder)/\(name).html"], input: page.html).status == 0)
    }
  }
}

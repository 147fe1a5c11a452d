// SPDX-License-Identifier: GPL-3.0-or-later

public import HostAnalysis
public import OutboundAnalysis
internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// An audit as an HTML page: a single file that loads nothing from the network and can be read without its script.
public struct AuditPage: Sendable {
  /// The machine of the policy that was audited; nil without a policy.
  public var machine: String?
  /// The policy; nil without one.
  public var policy: PolicyName?
  /// The difference between the kernel's ruleset and the policy's.
  public var drift: Audit.Drift
  /// The sides from which packets come, in their order.
  public var sides: [Side]
  /// The sockets and published ports.
  public var exposures: [Exposure]
  /// What the host and its guests send.
  public var outbound = Outbound.nothing
  /// The findings that are shown.
  public var findings: [AuditFinding]
  /// The number of findings that are in the baseline; they are not in `findings`.
  public var known: Int
  /// The temporary grants, a line each.
  public var temporaryGrants: [String]
  /// What could not be determined, as sentences.
  public var notes: [String]
  /// The time of the audit, in seconds since 1970-01-01T00:00:00Z.
  public var time: Int
  /// The program's version.
  public var version: String

  /// A policy's path and its digest.
  public struct PolicyName: Sendable, Hashable {
    /// The path from which it was read.
    public let path: String
    /// The digest of its bytes.
    public let digest: String

    /// The file's name, without its folder.
    var name: Substring { path.split(separator: "/").last ?? "" }

    /// Creates a name from its parts.
    public init(path: String, digest: String) {
      self.path = path
      self.digest = digest
    }
  }

  /// A side from which packets come.
  public struct Side: Sendable, Hashable {
    /// The zone's or the interface's name.
    public let name: String
    /// The kind of the side.
    public let kind: Ingress.Kind
    /// Whether it is a zone of a policy or an interface.
    public let origin: Origin

    /// What a side represents.
    public enum Origin: Sendable, Hashable {
      case zone
      case interface
    }

    /// Creates a side from its parts.
    public init(name: String, kind: Ingress.Kind, origin: Origin) {
      self.name = name
      self.kind = kind
      self.origin = origin
    }

    /// Its kind in words, for the map; empty if its name is the same word.
    var words: String {
      let words =
        switch kind {
        case .tunnel: "tunnel"
        case .containers: "containers"
        case .network: "network"
        }
      return words == name ? "" : words
    }

    /// The heading of all sides of this origin.
    var heading: String {
      switch origin {
      case .zone: "Zones and senders"
      case .interface: "Interfaces and senders"
      }
    }
  }

  /// Creates a page from its parts.
  public init(
    machine: String?, policy: PolicyName?, drift: Audit.Drift, sides: [Side], exposures: [Exposure],
    findings: [AuditFinding], known: Int = 0, temporaryGrants: [String], notes: [String], time: Int,
    version: String
  ) {
    self.machine = machine
    self.policy = policy
    self.drift = drift
    self.sides = sides
    self.exposures = exposures
    self.findings = findings
    self.known = known
    self.temporaryGrants = temporaryGrants
    self.notes = notes
    self.time = time
    self.version = version
  }

  /// The file: HTML in UTF-8. The same parts give the same bytes.
  public var html: String {
    let title = machine.map { "Audit of \($0)" } ?? "Audit of this host"
    let page = Markup.element(
      "html", ["lang": "en"],
      [
        .element(
          "head", [:],
          [
            .element("meta", ["charset": "utf-8"]),
            .element(
              "meta", ["http-equiv": "Content-Security-Policy", "content": Self.contentSecurityPolicy]),
            .element("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
            .element("meta", ["name": "referrer", "content": "no-referrer"]),
            .element("meta", ["name": "color-scheme", "content": "light dark"]),
            .element("meta", ["name": "generator", "content": "wgfence \(version)"]),
            .element("title", text: title),
            .element("style", [:], [.constant(PageStyle.text)]),
          ]),
        .element(
          "body", [:],
          [
            .element("a", ["class": "skip", "href": "#main"], text: "Skip to the findings"),
            head(title),
            .element(
              "main", ["id": "main", "tabindex": "-1"],
              [
                findingsSection, mapSection, tableSection, outboundSection, temporaryGrantsSection,
                notesSection,
              ]),
            .element(
              "footer", [:],
              [
                .element(
                  "p", text: "wgfence \(version), wgfence audit --format html. This file needs no other file."
                )
              ]),
            .element("script", [:], [.constant(PageScript.text)]),
          ]),
      ])
    return "<!DOCTYPE html>\n" + page.html + "\n"
  }

  /// Forbids the browser to load anything, and permits only this style and this script, by hash.
  static let contentSecurityPolicy =
    "default-src 'none'; style-src '\(PageStyle.hash)'; script-src '\(PageScript.hash)'; "
    + "base-uri 'none'; form-action 'none'"

  /// The time as `2026-11-24 18:56:41 UTC`.
  var clock: String {
    func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let second = time % 86_400
    let parts = [second / 3_600, second / 60 % 60, second % 60].map(padded)
    return "\(CalendarDate(secondsSince1970: time)) \(parts.joined(separator: ":")) UTC"
  }
}

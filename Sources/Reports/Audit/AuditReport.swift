// SPDX-License-Identifier: GPL-3.0-or-later

package import HostAnalysis
package import NetworkModel
package import OutboundAnalysis
internal import PacketWalk
internal import PolicyAnalysis
package import TemporaryGrants
internal import Ruleset

/// An audit as a report. Text and JSON are written here; the other formats have their own files.
package struct AuditReport {
  /// The machine of the policy that this host is; nil without a policy.
  let machine: String?
  let policy: AuditPage.PolicyName?
  let drift: Audit.Drift
  let audit: Audit
  /// What the host and its guests send.
  let outbound: Outbound
  /// The findings that are reported: all, or those that are not in the baseline.
  package let findings: [AuditFinding]
  /// The number of findings that are in the baseline and not reported.
  var known = 0
  /// The temporary grants that the kernel has.
  let temporaryGrants: [TemporaryGrant]
  let notes: [String]

  /// Creates a report from its parts.
  package init(
    machine: String?, policy: AuditPage.PolicyName?, drift: Audit.Drift, audit: Audit,
    outbound: Outbound = .nothing, findings: [AuditFinding], known: Int = 0,
    temporaryGrants: [TemporaryGrant], notes: [String]
  ) {
    self.machine = machine
    self.policy = policy
    self.drift = drift
    self.audit = audit
    self.outbound = outbound
    self.findings = findings
    self.known = known
    self.temporaryGrants = temporaryGrants
    self.notes = notes
  }

  /// Whether the ruleset in the kernel is the policy's; false without a policy.
  var isEnforced: Bool { policy != nil && drift == .none }

  package var exposures: [Exposure] { audit.exposures }

  private var undetermined: Int { exposures.count(where: \.isUndetermined) }

  /// The report without the findings of a baseline.
  package func leavingOut(_ baseline: AuditBaseline?) -> AuditReport {
    guard let baseline else { return self }
    let new = findings.filter { !baseline.fingerprints.contains($0.fingerprint) }
    return AuditReport(
      machine: machine, policy: policy, drift: drift, audit: audit, outbound: outbound, findings: new,
      known: findings.count - new.count, temporaryGrants: temporaryGrants, notes: notes)
  }

  // MARK: Text

  /// The report for people: for each socket a line for each result, accepted senders first. Then the findings.
  package var text: PrintableText {
    var table = AlignedTable([
      .left("SOCKET"), .left("SERVICE"), .left("WHO"), .left(policy == nil ? "INTERFACE" : "ZONE"),
      .left("FROM"),
      .left("VERDICT"), .left("BECAUSE"),
    ])
    for row in AuditRow.rows(of: exposures, audit.summary) {
      var head = [row.place, row.service, row.who]
      if row.lines.isEmpty { table.append(head + ["(local only)"]) }
      for line in row.lines {
        // Which file it is, is said below the table.
        let because =
          policy.map { line.because.replacing("\($0.path):", with: "\($0.name):") } ?? line.because
        table.append(
          head + [line.zones, line.from, line.verdict, because],
          line.verdict == "ACCEPT" ? .boldRed : nil)
        head = ["", "", ""]
      }
    }
    var text: PrintableText = ""
    if drift == .observing {
      text +=
        "OBSERVE MODE: nothing is dropped or rejected. The verdicts are those of the rules that are loaded now.\n\n"
    } else if let policy, drift != .none {
      text +=
        "NOT ENFORCED: the kernel does not have the ruleset of \(policy.path). The verdicts are those of the "
        + "rules that are loaded now.\n\n"
    }
    text += table.text()
    text += outboundText
    let exposed = exposures.count(where: \.isExposed)
    text +=
      "\n\(exposures.count) sockets and published ports, \(exposed) exposed, \(undetermined) undetermined.\n"
    for grant in temporaryGrants { text += "temporary grant: \(grant.line)\n" }
    if let policy, let machine, isEnforced {
      text += "The kernel enforces \(policy.path) for \(machine).\n"
    }
    if !findings.isEmpty { text += "\n" }
    for finding in findings {
      let severity = FindingText.severity(finding.severity)
      text += "\(severity): \(finding.found) [\(finding.check.rawValue)]\n"
      text += "  fix: \(finding.fix)\n"
    }
    if known > 0 {
      text +=
        "\(known) finding\(known == 1 ? "" : "s") of the baseline \(known == 1 ? "is" : "are") not shown.\n"
    }
    for note in notes { text += "note: \(note)\n" }
    return text
  }

  /// The socket, and the destination to which NAT translates its packets.
  static func place(_ exposure: Exposure) -> String {
    exposure.socket + (exposure.published.map { " -> \($0.text)" } ?? "")
  }

  /// The process or container that answers.
  static func who(_ exposure: Exposure) -> String {
    let process = exposure.listener.process.map { "\($0.name)[\($0.pid)]" }
    let network = exposure.network.map { "(\($0))" }
    if let container = exposure.container {
      return ["\(container)", process, network].compactMap { $0 }.joined(separator: " ")
    }
    let who =
      process
      ?? (exposure.published != nil
        ? "(published)" : exposure.listener.isKernelSocket ? "(kernel)" : "(unknown)")
    return exposure.place == .host
      ? who : ["\(who) in \(exposure.place)", network].compactMap { $0 }.joined(separator: " ")
  }

  // MARK: JSON

  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/audit/1")
      object.put("machine", machine)
      object.put("enforced", isEnforced)
      if let policy {
        object.object("policy") { object in
          object.put("path", policy.path)
          object.put("digest", policy.digest)
        }
      } else {
        object.null("policy")
      }
      object.array("listeners") { array in
        for exposure in exposures { array.object { write(exposure, to: &$0) } }
      }
      writeOutbound(to: &object)
      object.array("findings") { array in
        for finding in findings { array.object { Self.write(finding, to: &$0) } }
      }
      object.array("openings") { array in
        for grant in temporaryGrants { array.object { grant.put(in: &$0) } }
      }
      object.object("summary") { object in
        object.put("listeners", exposures.count)
        object.put("exposed", exposures.count(where: \.isExposed))
        object.put("undetermined", undetermined)
        object.put("known_findings", known)
      }
      object.put("notes", each: notes)
    }
  }

  private static func write(_ finding: AuditFinding, to object: inout JSONWriter.Object) {
    object.put("check", finding.check.rawValue)
    object.put("severity", finding.severity.rawValue)
    object.put("subject", finding.subject)
    object.put("found", finding.found)
    object.put("fix", finding.fix)
    object.put("line", finding.line)
    object.put("fingerprint", finding.fingerprint)
  }

  private func write(_ exposure: Exposure, to object: inout JSONWriter.Object) {
    let listener = exposure.listener
    object.put("protocol", listener.protocol.description)
    object.put("address", listener.address.description)
    object.put("port", listener.port)
    object.put("last_port", exposure.lastPort == listener.port ? nil : exposure.lastPort)
    object.put("dual_stack", listener.isDualStack)
    object.put("interface", listener.boundInterface?.description)
    object.put("service", exposure.service)
    object.put("process", listener.process?.name)
    object.put("pid", listener.process?.pid)
    object.put("user", listener.process?.userID)
    object.put("unit", listener.process?.unit)
    object.put("container", exposure.container?.description)
    if let container = exposure.container {
      object.object("container_details") { object in
        object.put("id", container.id)
        object.put("name", container.name)
        object.put("image", container.image)
        object.put("compose_project", container.composeProject)
        object.put("compose_service", container.composeService)
        object.put("swarm_service", container.swarmService)
      }
    }
    object.put("network", exposure.network)
    object.put("namespace", exposure.place.description)
    if let published = exposure.published {
      object.object("published") { object in
        object.put("address", published.address?.description)
        object.put("port", published.address == nil ? nil : published.port)
        object.put("last_port", published.lastPort == published.port ? nil : published.lastPort)
        object.put("namespace", published.place?.description)
      }
    }
    object.array("reachable") { array in
      for reach in exposure.reachable {
        array.object { object in
          object.put("zone", reach.zone)
          object.put("from", each: reach.from)
          object.put("verdict", reach.verdict.rawValue)
          object.put("because", reach.because)
          object.put("reason", reach.reason)
          object.put("standing", reach.standing.rawValue)
        }
      }
    }
    object.put("exposed", exposure.isExposed)
  }
}

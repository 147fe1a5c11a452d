// SPDX-License-Identifier: GPL-3.0-or-later
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import DropAnalysis
import Foundation
import LinuxHost
import OutboundAnalysis
import NetworkModel
import PolicyDifference
import PolicyImport
@testable import Reports
import PolicyLanguage
import Testing

@testable import Enforcement
@testable import PolicyAnalysis
@testable import PolicyProof
@testable import HostAnalysis
@testable import ImpactAnalysis
@testable import Ruleset
@testable import PacketWalk
@testable import wgfence
@testable import FleetCommands
import ReleaseTestSupport
import Releases
@testable import PolicyFiles
@testable import DaemonService
import PolicyCompiler

/// Every report with hostile text in every field that can come from outside.
enum HostileReports {
  static let x = Hostile.text
  static let folder = "\(NSTemporaryDirectory())/wgfence-history-\(getpid())"
  static let address = IPAddress("192.0.2.1")!
  static let packet = Packet(
    source: address, destination: address, transport: .tcp, sourcePort: 1, destinationPort: 22, input: nil)

  static let policy = policy("allow:\n  - { to: hub, services: [ssh], from: internet }\n")
  static let closed = policy("")

  static func policy(_ sections: String) -> Policy {
    let text = "version: 1\nmachines:\n  hub: {}\n\(sections)"
    let decoded = PolicyDecoder.decode(bytes: Array(text.utf8), path: x, today: Today.date) { _ in
      .unreadable(reason: "none")
    }
    return decoded.policy!
  }

  static let rule = KernelRule(
    expressions: [], userdata: Userdata.text(String(x.prefix(60)), type: 0), handle: 7)

  static let trace: Trace = {
    var trace = Trace()
    let outcomes: [TraceOutcome] = [
      .counted(x), .opened(x), .verdict(.jump(chain: x)), .assumed(x), .unroutable(x),
      .undetermined(expression: x),
    ]
    trace.steps = outcomes.map {
      TraceStep(
        table: x, family: NFT.familyInet, chain: x, base: nil, rule: 1, source: rule, sets: [], outcome: $0)
    }
    return trace
  }()

  static let listener = Listener(
    protocol: .tcp, address: address, port: 80,
    process: ProcessIdentity(pid: 1, name: x, userID: 0, unit: x, container: x), inode: 1)

  static var exposure: Exposure {
    let reach = Exposure.Reach(
      zone: x, from: [x, x], verdict: .accept, because: x, reason: x, standing: .ungranted)
    let container = ContainerIdentity(
      id: x, name: x, image: x, composeProject: x, composeService: x, swarmService: x)
    return Exposure(
      listener: listener, place: .named(x), container: container, network: x, service: x, reachable: [reach])
  }

  static let outbound: Outbound = {
    let judgement = OutboundJudgement(verdict: .reject, because: x, reason: x, standing: .unjudged)
    let container = ContainerIdentity(id: x, name: x, image: x)
    let interface = InterfaceName("eth0")!
    let reach = OutboundSender.Reach(
      to: [x, x], families: [.ipv4], services: [x, x], interface: interface, zone: x, judgement: judgement)
    let scopes: [OutboundSender.Scope] = [.everything, .listed]
    return Outbound(
      senders: [OutboundSender.Kind.host, .containers, .bypassing].flatMap { kind in
        scopes.map { scope in
          OutboundSender(
            kind: kind, interfaces: [interface], guests: [x], confinements: [.init(place: x, towards: nil)],
            scope: scope, allowed: [reach], refused: [reach])
        }
      },
      connections: [nil, container].map { container in
        OutboundConnection(
          process: listener.process, place: .named(x), container: container, transport: .tcp,
          destination: address, port: 80, receiver: x, service: x, now: judgement, policy: judgement,
          advice: x)
      }, notes: [x])
  }()

  static let finding = AuditFinding(check: .exposed, severity: .error, subject: x, found: x, fix: x)

  static let audit = AuditReport(
    machine: x, policy: AuditPage.PolicyName(path: x, digest: x), drift: .operations(3),
    audit: Audit(exposures: [exposure], notes: [x]), outbound: outbound, findings: [finding],
    temporaryGrants: [], notes: [x])

  static let differences: [SiteDifference] = {
    let (one, other) = (CompiledSite(policy, today: Today.date), CompiledSite(closed, today: Today.date))
    return [(one, one), (one, other), (other, one)].map { SiteDifference(from: $0.0, to: $0.1) }
  }()

  static let diagnostic = Diagnostic(
    severity: .error, location: PolicyLanguage.SourceLocation(file: x, line: 1, column: 3), message: x,
    help: x,
    sourceLine: x, length: 4)

  static let failure = PolicyTestRun.Failure(
    location: diagnostic.location, expectation: x, packet: packet, over: x, machine: x, trace: trace, part: x,
    because: x, fix: x)

  static let explanation = Explanation(paths: [
    Explanation.Path(
      packet: packet, zone: x, source: x,
      hops: [
        Explanation.Hop(machine: x, role: .sender, trace: trace, verdict: .accept, because: x, reason: x),
        Explanation.Hop(machine: x, role: .receiver, trace: trace, verdict: .drop, because: x, reason: x),
      ])
  ])

  static let table: KernelTable = {
    let chain = KernelChain(
      name: x, base: BaseChain(hook: 1, priority: 0, policy: .drop), rules: [rule])
    return KernelTable(
      family: NFT.familyInet, name: "wgfence", chains: [chain],
      objects: [KernelObject(name: x, type: NFT.objectCounter)])
  }()

  static let drop: DropReport = {
    var key = DropKey(prefix: x, zone: x, place: x, direction: .through)
    (key.source, key.destination, key.transport, key.port) = (address, address, .tcp, 1)
    return DropReport(
      DropRecord(key, first: 1_000_000, last: 1_000_000, count: 2), sender: .machine(x), services: [x],
      counter: x, reason: x,
      remedy: .grant(
        GrantLine(to: .machine(x), service: Service(name: x, ports: [.echoRequest]), from: .list(x))))
  }()

  static let summary: DropSummary = {
    var reporter: DropReporter?
    return DropSummary([drop.record], &reporter)
  }()

  static let suggestion = SuggestionReport(
    [
      SuggestedLine(
        line: .init(to: .machine(x), service: Service(name: x, ports: [.echoRequest]), from: .list(x)),
        evidence: [drop], risks: [.internet])
    ],
    since: 0, path: x, notes: [x])

  static let cut = CutFlow(
    LiveFlow(
      transport: .tcp,
      original: FlowTuple(source: address, destination: address, sourcePort: 1, destinationPort: 2),
      reply: FlowTuple(source: address, destination: address, sourcePort: 2, destinationPort: 1)),
    FlowAnswer(
      .unknown(x), service: x, FlowEnds(direction: .in, machine: x, zone: x, interface: nil), because: x,
      refusal: x
    ))

  static let impact = Impact(
    findings: [
      Impact.Finding(name: x, kind: x, weight: .essential, breaks: x, because: x, fix: x),
      Impact.Finding(name: x, kind: "session", weight: .essential, breaks: x, because: x, fix: nil),
      Impact.Finding(name: x, kind: x, weight: .notable, breaks: x, because: x, fix: x),
    ], gaps: [x])

  static let cuts: CutReport = {
    var flows = CutFlows()
    flows.cut = [cut, cut]
    flows.undetermined = [cut]
    return CutReport(found: flows, now: 0)
  }()

  /// A host without routes.
  private struct Routeless: HostEnvironment {
    func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? { .unicast }
    func route(_ question: RouteQuestion) -> RouteAnswer { .unknown }
    func facts(of interface: InterfaceName) -> InterfaceFacts? { nil }
    func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? { nil }
  }

  static let imported: ImportReport = {
    let chain = KernelChain(
      name: x, base: BaseChain(hook: NFT.hookInput, priority: 0, policy: .accept), rules: [rule])
    let host = AuditedHost(
      survey: HostSurvey(
        host: NamespaceSnapshot(
          identity: 1, kind: .host, snapshot: HostSnapshot(interfaces: [], listeners: [listener])),
        others: []),
      tables: [KernelTable(family: NFT.familyInet, name: x, chains: [chain])], environment: Routeless(),
      tunnels: [], tunnelPorts: [])
    var first = FirstPolicy.Basis(
      name: "hub", today: "2026-11-29", audit: Audit(of: host, by: nil, senders: [:]), interfaces: [],
      devices: [], uplinks: [], forwarding: .off)
    first.host = host
    let basis = PolicyImport.Basis(host: first, tool: .nft, today: Today.date)
    return ImportReport(try! PolicyImport(basis), path: x, notes: [x])
  }()

  /// The text of each report, in every format. A test fails if a report is missing here.
  static let all: [String: [String]] = [
    "AuditReport": [
      audit.text.description, coloured(audit.text), audit.json, audit.sarif,
      audit.page(at: 0),
    ],
    "AuditPage": [audit.page(at: 0)],
    "ImpactReport": {
      let report = ImpactReport(impact)
      return [
        report.text.description, report.brokenText.description, "\(report.refusal(accepting: []) ?? "")",
        report.accessLost?.description ?? "", JSONWriter.object { report.put(in: &$0) },
      ]
    }(),
    "CheckReport": [
      {
        var report = CheckReport()
        report.diagnostics = [diagnostic]
        report.failures = [failure]
        return report.json
      }()
    ],
    "CutReport": [cuts.text.description, JSONWriter.object { cuts.put(in: &$0) }],
    "DiagnosticText": [
      DiagnosticText().render([diagnostic]).description,
      coloured(DiagnosticText().render([diagnostic])),
    ],
    "DifferenceReport": differences.flatMap { difference in
      let report = DifferenceReport(old: x, new: x, difference: difference)
      return [report.text.description, report.json, report.markdown]
    },
    "DoctorReport": {
      var result = CheckResult(.handshake, lookedAt: x)
      result.find(.error, x, fix: x)
      result.miss(x)
      let report = DoctorReport(
        machine: x, policy: x, digest: x,
        diagnosis: Diagnosis(results: [result, CheckResult(.mtu, lookedAt: x)]), notes: [x])
      return [report.text.description, coloured(report.text), report.json]
    }(),
    "DropReport": [DropReportText.json(drop)],
    "DropReportText": [
      DropReportText.journal(drop).description, DropReportText.lines([drop]).description,
      DropReportText.json(drop),
      Journal.entries(.info, DropReportText.journal(drop), .journal).replacing("<6>", with: ""),
    ],
    "DropSummaryReport": {
      let report = DropSummaryReport(summary, since: 0, notes: [x])
      return [report.text.description, report.json]
    }(),
    "ServicesReport": {
      let own = HostileReports.policy("services: { own: 7/tcp }\n")
      let report = ServicesReport(ServiceDirectory(own).entries, policy: x)
      return [report.text.description, report.json]
    }(),
    "SuggestionReport": {
      let change = PolicyInsertion(Array("allow:\n".utf8), policy, entries: suggestion.entries)
      return [
        suggestion.text(change).description, suggestion.text(nil).description, suggestion.json(change),
        suggestion.json(nil),
      ]
    }(),
    "ExplanationReport": {
      let target = Question(
        sources: [.machine(x)], target: .machine(x), service: Service(name: x, ports: []), over: x)
      let report = ExplanationReport(
        machine: x, question: target, explanation: explanation, notes: [x], isLive: true)
      return [report.text.description, coloured(report.text), report.json]
    }(),
    "FindingText": [coloured(FindingText.severity(.error))],
    "ReleaseReport": {
      var statement = try! ReleaseDraft.statement()
      (statement.because, statement.commit) = (x, x)
      (statement.policy, statement.lists) = (.init([], name: x), [.init([], name: x)])
      statement.waves = [Statement.Wave(name: x, floor: 1, members: [x])]
      // By value, a key may have any name: a trust file that is read has none of these characters.
      let named = try! NamedKey(line: "\(try! ReleaseDraft.anna.key.line) \(x)")
      let signers = TrustFile.Signers(threshold: 1, keys: [named])!
      let trust = TrustFile(fleet: statement.fleet, epoch: 1, publishers: signers, roots: signers)
      let signed = ReleaseDraft.bundle(try! ReleaseDraft.statement(), by: [ReleaseDraft.anna])
      var foreign = signed
      foreign.signatures = [ReleaseDraft.anna.sign(signed.statement, x)]
      return [signed, foreign].flatMap { bundle in
        let report = ReleaseReport(bundle, statement, by: ReleaseCheck(first: trust, ratchet: nil))
        return [
          report.text.description, report.json("fleet-verify"),
          report.nextStep(ChannelFolder(path: x)).description,
        ]
      }
    }(),
    "HistoryReport": {
      let from = Provenance(kind: .policy, path: x, digest: x, machine: x, by: x, since: 0)
      let directory = StateDirectory(folder)
      try? directory.write(
        StoredRuleset(Lowering.table(PolicyCompiler.lastResort), from), number: 1, holding: [])
      defer { try? FileManager.default.removeItem(atPath: folder) }
      return [
        HistoryReport.rolledBack(to: from).description,
        FirewallRequest.PanicChange.end.report(from).description,
        HistoryReport(directory, PersistedState()).text.description,
        HistoryReport(directory, PersistedState()).json,
      ]
    }(),
    "ImportReport": [imported.text.description, imported.policy, imported.json],
    "PlanReport": [
      PlanReport(
        Plan(desired: table, observed: nil), to: table, before: nil, generation: 1, cut: cuts,
        impact: ImpactReport(nil)),
      PlanReport(
        Plan(desired: Lowering.table(PolicyCompiler.lastResort), observed: table),
        to: Lowering.table(PolicyCompiler.lastResort), before: table,
        generation: 1, cut: cuts, impact: ImpactReport(nil)),
    ].flatMap { [$0.text.description, $0.json] },
    "ApplyReport": {
      let report = ApplyReport(
        policy: x, machine: x, digest: x, operations: 1, generation: 1, storage: .failed, trial: x, cut: cuts)
      return [report.text.description, report.json]
    }(),
    "ChangeReport": {
      let result = FirewallResult(text: "\(x)\n", warnings: ["\(x)"], operations: 1)
      let order = try! TemporaryGrantOrder(service: x, from: x, to: x, lasting: "90s", because: x)
      let requests: [FirewallRequest] = [
        .open(order), .close(service: x, from: x), .accept(digest: x),
      ]
      return requests.map { ChangeReport($0, result).json }
    }(),
    "EditReport": {
      let candidate = try! Candidate(
        policy, machine: "hub", digest: x, today: Today.date, live: LiveFacts())
      return differences.flatMap { difference in
        let trial = EditReport.Trial(
          candidate, DifferenceReport(old: x, new: x, difference: difference), FirewallResult(text: ""))
        return [EditReport.Outcome.confirmed(trial), .notConfirmed(trial, copy: x), .unchanged].map {
          EditReport(x, $0).json
        }
      }
    }(),
    "BootReport": {
      let provenance = Provenance(kind: .policy, path: x, digest: x, machine: x, by: x, since: 0)
      return [BootReport(source: .boot, provenance: provenance).json]
    }(),
    "FirstPolicyReport": {
      let report = FirstPolicyReport(machine: x, text: x, impact: ImpactReport(nil), notes: [x])
      return [report.json(writtenTo: x), report.json(writtenTo: nil)]
    }(),
    "PolicyRejectionText": [
      PolicyRejection.unreadable(reason: x), .invalid([diagnostic]), .tooMuchWork(x),
      .failedTests([failure], count: 2),
      .disproved(Proof(CompiledSite(policy, today: Today.date)), machine: x),
      .lockedOut(explanation: x),
    ].flatMap { rejection in
      let text = PolicyRejectionText(rejection, path: x)
      return [text.answer.description, coloured(text.report)]
    },
    "RulesetReport": {
      let origin = Origin(file: x, lines: [1], reason: x)
      let ruleset = Ruleset(
        chains: [RuleChain(name: x, rules: [Rule([], action: .drop, origin: origin)])], sets: [],
        counters: [NamedCounter(name: x, purpose: .drop(DropCause(.blocked, x)), origin: origin)])
      return [RulesetReport.json(ruleset, machine: x)]
    }(),
    "ProofReport": [ProofReport.text(Proof(CompiledSite(policy, today: Today.date)), path: x).description],
    "StoredReport": [StoredReport.Change.apply, .confirm, .rollback, .panic, .endPanic, .unload].flatMap {
      change in
      [nil, x].flatMap { notPersisted in
        let report = StoredReport(done: "\(x)", change: change, notPersisted: notPersisted, remedy: "\(x)")
        return [report.text.description, report.warning?.description ?? ""]
      }
    },
    "TestFailureText": [
      TestFailureText(lines: nil).render([failure]).description,
      coloured(TestFailureText(lines: nil).render([failure])),
    ],
    // `show` prints a document in nft's syntax.
    "RulesetText": {
      let origin = Origin(file: x, lines: [1], reason: x)
      let rule = Rule([], action: .drop, origin: origin)
      return [RulesetText.text(rule), origin.comment]
    }(),
  ]

  /// Types with such a name that print nothing themselves: their texts are values inside other reports.
  static let parts: Set<String> = [
    "ClearText", "ExpressionText", "ImportText", "MapText", "OperationText", "PrefixText", "PrintableText",
    "RuleText",
    "SourceText", "TimeText", "WalkText",
    "XtablesText", "YamlText",
    // One of the others, as a verb prints it.
    "HostReport",
    // Needs a running daemon: the lab tests it (`Tests/Lab/cases/hostile.sh`).
    "StatusReport",
  ]
}

@Suite("Hostile text in reports")
struct HostileReportTests {
  @Test(
    "no report has a control or bidirectional character from a value, or a line that begins with a value",
    arguments: HostileReports.all.keys.sorted())
  func safe(report: String) throws {
    let written = try #require(HostileReports.all[report])
    #expect(!written.isEmpty)
    for text in written { Hostile.expectSafe(text, report) }
    #expect(
      written.contains { $0.contains("forged") } || report == "FindingText", "the hostile text is missing")
  }

  @Test("every report type is tested here")
  func complete() throws {
    let pattern = try Regex(
      "^ *(?:public |package )?(?:struct|enum|final class|class) ([A-Z][A-Za-z]*(?:Report|Text|Page))\\b"
    )
    .anchorsMatchLineEndings()
    var found: Set<String> = []
    for file in Sources.all {
      for match in file.text.matches(of: pattern) { found.insert(String(match.output[1].substring ?? "")) }
    }
    #expect(found.subtracting(HostileReports.parts) == Set(HostileReports.all.keys))
  }

  @Test("JSON stays valid, and its decoded strings equal the values")
  func validJSON() throws {
    for (report, written) in HostileReports.all {
      for text in written where text.hasPrefix("{") {
        let value = try JSONSerialization.jsonObject(with: Data(text.utf8))
        #expect(Self.strings(in: value).contains { $0.contains(Hostile.text) }, "\(report)")
      }
    }
  }

  @Test("metrics have no control or bidirectional character from a value")
  func metrics() {
    var metrics = Metrics()
    metrics.counters = ["drop-x": CounterState(packets: 1, bytes: 1)]
    metrics.named = [
      NamedCounter(
        name: "drop-x", purpose: NamedCounter.Purpose(counterNamed: "drop-x"),
        origin: Origin(file: Hostile.text, lines: [1], reason: Hostile.text))
    ]
    metrics.peers = [
      Metrics.Peer(machine: Hostile.text, tunnel: InterfaceName("wg0")!, handshakeAge: 1)
    ]
    Hostile.expectSafe(metrics.text, "metrics")
    #expect(metrics.text.contains("forged"))
  }

  private static func strings(in value: Any) -> [String] {
    switch value {
    case let text as String: [text]
    case let list as [Any]: list.flatMap { strings(in: $0) }
    case let object as [String: Any]: object.values.flatMap { strings(in: $0) }
    default: []
    }
  }

  @Test("a journal entry is one line, and its severity is the program's")
  func journal() {
    let text: PrintableText = "opened, by eve: \(Hostile.text)\nreport"
    #expect(
      Journal.entries(.notice, text, .journal).unicodeScalars.split(separator: "\n").map {
        String($0.prefix(3))
      }
        == ["<5>", "<5>"])
    for line in Journal.entries(.notice, text, .terminal(time: "T")).unicodeScalars.split(separator: "\n") {
      #expect(String(line).hasPrefix("T notice: "))
    }
    Hostile.expectSafe(Journal.entries(.notice, text, .terminal(time: "T")), "the journal")
  }
}

@Suite("Output of the program")
struct SinkTests {
  @Test("only the console and the journal write to standard output or error")
  func sinks() {
    let users = Sources.all.filter { file in
      [
        "write(STDOUT", "write(STDERR", "fputs(", "fwrite(", "perror(", "FileHandle", "Swift.print",
        "debugPrint(",
      ]
      .contains { file.text.contains($0) }
        || file.text.contains(try! Regex("(?m)^\\s*print\\("))
    }
    #expect(Set(users.map(\.name)) == ["Journal.swift"])
  }

  @Test("only the files named here treat a whole text as printable lines")
  func wholes() {
    let users = Sources.all.filter { $0.text.contains("PrintableText(lines:") }.map(\.name)
    #expect(
      Set(users) == [
        "Console.swift", "Program.swift",
        "FirewallResult.swift",
        // A statement or a trust file that was parsed, before it is signed.
        "FleetSign.swift",
        // JSON, and the diff of a policy file.
        "DropQuestion.swift", "SuggestionReport.swift",
      ])
  }

  @Test("a document for programs comes from a writer that escapes")
  func documents() {
    let pattern = try! Regex("(?:document|, or): ([A-Za-z.]+)")
    var found: Set<String> = []
    // `document:` has another meaning in these two files.
    for file in Sources.all where !["JSONTree.swift", "YamlReader.swift"].contains(file.name) {
      for match in file.text.matches(of: pattern) {
        found.insert("\(file.name) \(match.output[1].substring ?? "")")
      }
    }
    #expect(
      found == [
        "ApplyVerb.swift report.json", "HostReport.swift report.json", "HostReport.swift report.page",
        "HostReport.swift report.sarif", "HostReport.swift json", "HostReport.swift String",
        "HostReport+Console.swift let", "HostReport+Console.swift text",
        "ReportService.swift let", "ReportMessage.swift lines.text",
        "CheckVerb.swift report.json",
        "Console.swift json", "ControlClient.swift DropReportText.json",
        "BootVerb.swift report.json", "EditVerb.swift EditReport", "EditVerb.swift report.json",
        "StateOptions.swift ChangeReport",
        "ControlFrame.swift String", "ControlRequest.swift lines.text", "Daemon+Requests.swift report.json",
        "FirewallResult.swift lines.text",
        "DiffVerb.swift report.json", "DiffVerb.swift report.markdown",
        "ExplainVerb.swift report.json", "ImportVerb.swift report.json", "ImportVerb.swift report.policy",
        "InitVerb.swift first.json", "InitVerb.swift first.text",
        "RollbackVerb.swift report.json", "SchemaVerb.swift PolicySchema.text",
        "ServicesVerb.swift report.json",
        "ShowVerb.swift ExpressionText.text",
        "ShowVerb.swift RulesetText.text", "ShowVerb.swift RulesetReport.json",
        "FleetChange.swift format", "FleetCommand.swift String", "FleetPublish.swift format",
        "FleetTrust.swift format",
        "FleetVerify.swift format", "StateOptions.swift document",
      ])
  }
}

/// The program's own source files.
enum Sources {
  struct File {
    let name: String
    let text: String
  }

  static let all: [File] = {
    let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" } + "/Sources"
    let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
    return names.filter { $0.hasSuffix(".swift") }.compactMap { path in
      guard let data = FileManager.default.contents(atPath: "\(root)/\(path)") else { return nil }
      return File(
        name: String(path.split(separator: "/").last ?? ""), text: String(decoding: data, as: UTF8.self))
    }
  }()
}

private func coloured(_ text: PrintableText) -> String { text.text(columns: nil, colours: .written) }

// SPDX-License-Identifier: GPL-3.0-or-later

public import HostAnalysis
internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyAnalysis
public import PolicyLanguage
internal import Ruleset

/// Writes a policy for a host from the rules that another program has loaded there, by walks of packets through them: it
/// grants what listens and is reached now, from the sources that reach it now, and nothing else. What the rules do and the
/// policy does not is in its comments.
public struct PolicyImport: Sendable {
  /// The input: what is known of the host.
  public struct Basis {
    /// The host, as for a first policy. Its tables are those that are loaded.
    public var host: FirstPolicy.Basis
    /// The program whose rules are imported.
    public var tool: ImportTool
    /// The day for which the policy is compiled.
    public var today: CalendarDate
    /// The live facts that a policy needs on this host, which is the named machine of it.
    public var live: (Policy, String) -> LiveFacts

    /// Creates the input from its parts.
    public init(
      host: FirstPolicy.Basis, tool: ImportTool, today: CalendarDate,
      live: @escaping (Policy, String) -> LiveFacts = { _, _ in LiveFacts() }
    ) {
      self.host = host
      self.tool = tool
      self.today = today
      self.live = live
    }
  }

  /// The program whose rules were imported.
  public let tool: ImportTool
  /// The tables that were read, each as family and name.
  public let tables: [String]
  /// The tables of other programs. Only their address translation was walked: their filters stay beside the policy.
  public let otherTables: [String]
  /// The name of the host's machine in the policy.
  public let machine: String
  /// The policy's text.
  public let text: String
  /// Its grants.
  public let grants: [ImportedGrant]
  /// What the rules do and the policy does not.
  public let remarks: [ImportRemark]
  /// How the rules and the compiled policy differ.
  public let comparison: ImportComparison

  /// Imports the rules.
  public init(_ basis: Basis) throws(ImportError) {
    guard let host = basis.host.host else {
      throw ImportError.notLoaded(basis.tool, expected: "a host whose tables were read")
    }
    let tables = try ImportedTables(host.tables, of: basis.tool)
    let skeleton = PolicySkeleton(basis.host)
    let frame = try ImportFrame("version: 1\n\n\(skeleton.sections)allow: []\n", skeleton.machine, basis)
    let reach = try ImportedReach(basis, host, tables, frame)
    var writer = ImportWriter(basis, tables, frame, skeleton.sections, reach)
    let decided = try ImportFrame(writer.text, skeleton.machine, basis)
    comparison = ImportComparison(basis, host, tables, decided, reach)
    writer.remarks += comparison.remarks(beside: writer.remarks)
    tool = basis.tool
    self.tables = tables.read.map(RuleText.name(of:))
    otherTables = tables.others.map(RuleText.name(of:))
    machine = skeleton.machine
    grants = writer.grants
    remarks = writer.remarks
    text = writer.text
  }
}

/// A policy's text, decoded and compiled for this host.
struct ImportFrame {
  let policy: Policy
  let view: SiteView

  init(_ text: String, _ machine: String, _ basis: PolicyImport.Basis) throws(ImportError) {
    let decoded = PolicyDecoder.decode(bytes: Array(text.utf8), path: "policy.yaml", today: basis.today) {
      _ in .unreadable(reason: "no lists here")
    }
    guard let policy = decoded.policy, let own = policy.machine(named: machine) else {
      throw ImportError.invalidPolicy("\(DiagnosticText().render(decoded.diagnostics))")
    }
    let site = CompiledSite(policy, today: basis.today, live: basis.live(policy, machine))
    self.policy = site.policy
    view = site.view(of: own)
  }
}

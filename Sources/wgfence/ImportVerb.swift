// SPDX-License-Identifier: GPL-3.0-or-later

public import ArgumentParser
import DaemonService
import Enforcement
import PolicyFiles
public import PolicyImport
import Reports

/// `wgfence import`: writes a policy from the rules that another firewall has loaded.
struct ImportVerb: Verb {
  static let configuration = verb(
    "import",
    "Write a policy from the rules of ufw, firewalld, nft or iptables that are loaded on this host.",
    discussion: """
      Walks packets through the loaded rules and grants what reaches a socket or published port now. Comments say what is \
      not kept. If the compiled policy would let in more, it is not written. Nothing is put in force. Needs root.

      Exit status: 0 the policy was written; 1 the rules cannot be imported, or the policy would let in more.
      """)

  @Argument(help: "The program: ufw, firewalld, iptables, or nft (every table that is not wgfence's).")
  var tool: ImportTool
  @Option(help: "The machine's name in the policy (default: the host name).") var machine: String?
  @Option(name: .shortAndLong, help: "The new file for the policy.", completion: .file(extensions: ["yaml"]))
  var output: String?
  @Option(help: "The report: text, on standard error; or json, with the policy if there is no --output.")
  var format: ReportFormat = .text
  @OptionGroup var places: StateOptions
  func run() throws {
    let report = try HostReading.policyImport(
      of: tool, named: machine, to: output, storedIn: places.directory, policy: PolicyOptions.defaultPath)
    if report.isEqual, let output { try NewFile.write(report.policy, to: output) }
    if format == .json { Console.print(document: report.json) } else { Console.note(report.text) }
    guard report.isEqual else { throw ExitCode(1) }
    if output == nil, format == .text { Console.print(document: report.policy) }
  }
}
extension ImportTool: ExpressibleByArgument {}

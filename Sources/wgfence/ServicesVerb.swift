// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Enforcement
import Glibc
import NetworkModel
import PolicyFiles
import PolicyLanguage
import Reports

/// `wgfence services`: the names of services that a policy can use.
struct ServicesVerb: Verb {
  static let configuration = verb(
    "services", "List the services that a policy can name, or find one by its name or port.",
    discussion: """
      Lists the catalogue and the services that the policy defines itself. With a port, it lists the services that have \
      it, those with the fewest ports first. Needs no root and changes nothing.

        wgfence services postgres
        wgfence services 3000
        wgfence services 5353/udp

      Exit status: 0 found; 1 no service has this name or port, or the policy could not be read; 2 the policy is not \
      valid.
      """)

  @Argument(
    help: "The name of a service, or PORT, PORT/PROTOCOL or ip/NUMBER.",
    completion: .list(ServiceCatalogue.services.map(\.name)))
  var word: String?

  @Option(
    help: "The policy file (default: \(PolicyOptions.defaultPath), if it can be read).",
    completion: .file(extensions: ["yaml", "yml"]))
  var policy: String?

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws {
    let policy = try known()
    let entries: [ServiceDirectory.Entry]
    switch ServiceDirectory(policy).search(word) {
    case .found(let found): entries = found
    case .nothing(let sentence): throw Refusal("\(sentence)")
    }
    let report = ServicesReport(entries, policy: policy?.path)
    Console.print(report.text, or: report.json, as: format)
  }

  /// The policy that was named, or that of this host; nil if none was named and this host's cannot be read.
  private func known() throws -> Policy? {
    let path = policy ?? PolicyOptions.defaultPath
    do {
      return try PolicyFile.load(path).validPolicy(path)
    } catch let error as PolicyFileError {
      if policy != nil { throw error }
      if access(path, F_OK) == 0 { Console.warn("only the catalogue is listed: \(error)") }
      return nil
    }
  }
}

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
    let directory = ServiceDirectory(policy)
    var entries = directory.entries
    if let word {
      guard let found = directory.find(word) else {
        let nearest = directory.suggestion(for: word)
        throw Refusal(
          "no service is called '\(word)'\(nearest.map { ": did you mean '\($0)'?" } ?? "; wgfence services lists them")"
        )
      }
      if found.isEmpty {
        throw Refusal(
          "no service has the port '\(word)': write it in place in a grant, as in services: [\(inPlace(word))]"
        )
      }
      entries = found
    }
    let report = ServicesReport(entries, policy: policy?.path)
    switch format {
    case .text: Console.print(report.text)
    case .json: Console.print(document: report.json)
    }
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

  /// A port as a grant writes it.
  private func inPlace(_ word: String) -> String { UInt16(word) == nil ? word : "\(word)/tcp" }
}

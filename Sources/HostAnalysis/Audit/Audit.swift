// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset

/// Everything that answers on a host, and who reaches it: judged by walks of packets through everything that its kernel
/// has loaded, and not by what a policy says.
public struct Audit: Sendable {
  /// What answers: the host's own sockets and published ports, then those of other namespaces.
  public let exposures: [Exposure]
  /// The sides from which packets come.
  public let approaches: [Ingress]
  /// What keeps the answer from being whole, as sentences.
  public let notes: [String]

  /// Audits a host. With a view of the machine in a policy the sides are the policy's zones, and grants have a say in what
  /// is exposed; without one they are the host's interfaces.
  public init(of host: AuditedHost, by view: SiteView?) {
    var notes: [String] = []
    if let view {
      let found = Ingress.all(of: host.survey.host.snapshot, by: view)
      approaches = found.approaches
      notes += found.absent.map { "no interface of \($0) is up: nobody comes that way" }
    } else {
      approaches = Ingress.all(of: host.survey.host.snapshot, tunnels: host.tunnels)
    }
    let judge = ReachJudge(host, approaches, view)
    let published = PublishedPorts(judge)
    var exposures = host.survey.host.snapshot.listeners.map { listener in
      judge.exposure(of: listener, published: published.target(of: listener))
    }
    exposures += published.unheard(by: host.survey.host.snapshot.listeners).map(judge.exposure(of:))
    for other in host.survey.others {
      exposures += other.snapshot.listeners.map { judge.exposure(of: $0, in: other) }
    }
    if !judge.outcomes.unwalked.isEmpty {
      notes.append("not walked, and might drop it: \(judge.outcomes.unwalked.joined(separator: ", "))")
    }
    notes += host.survey.notes.map(\.description)
    for namespace in host.survey.namespaces {
      let place = namespace.kind == .host ? "" : "\(namespace.kind): "
      // Of a protocol that nothing can speak there is nothing to tell.
      notes += namespace.snapshot.notes.filter { $0 != .protocolNotLoaded(.sctp) }.map {
        place + $0.description
      }
    }
    self.exposures = exposures
    self.notes = notes.unique
  }

  /// An audit of these exposures.
  init(exposures: [Exposure], approaches: [Ingress] = [], notes: [String] = []) {
    self.exposures = exposures
    self.approaches = approaches
    self.notes = notes
  }
}

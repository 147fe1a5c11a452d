// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset

/// All listening sockets and published ports of a host, and who reaches them. The verdicts come from walks of packets
/// through every table that the kernel has loaded, not from the policy.
public struct Audit: Sendable {
  /// The host's own sockets and published ports, then those of other network namespaces.
  public let exposures: [Exposure]
  /// The sides from which packets come.
  public let ingresses: [Ingress]
  /// What could not be evaluated, as sentences.
  public let notes: [String]

  /// Audits a host. With a view of the machine in a policy, the sides are the policy's zones, and a socket that a
  /// grant opens is not exposed. Without one, the sides are the host's interfaces, and `senders` are machines in its
  /// tunnels, by their addresses.
  public init(
    of host: AuditedHost, by view: SiteView?, senders: [InterfaceName: [IPAddress: String]] = [:]
  ) {
    var notes: [String] = []
    if let view {
      let found = Ingress.all(of: host.survey.host.snapshot, by: view, devices: host.devices)
      ingresses = found.ingresses
      notes += found.absent.map { "no interface of \($0) is up: no packets arrive from that zone" }
    } else {
      ingresses = Ingress.all(of: host.survey.host.snapshot, tunnels: host.tunnels, senders: senders)
    }
    let judge = ReachJudge(host, ingresses, view)
    let published = PublishedPorts(judge)
    var exposures = host.survey.host.snapshot.listeners.map { listener in
      judge.exposure(of: listener, published: published.target(of: listener))
    }
    exposures +=
      published.unheard(by: host.survey.host.snapshot.listeners).map(judge.exposure(of:))
      .joiningRanges
    for other in host.survey.others {
      exposures += other.snapshot.listeners.map { judge.exposure(of: $0, in: other) }
    }
    notes += host.survey.notes.map(\.description)
    for namespace in host.survey.namespaces {
      let place = namespace.kind == .host ? "" : "\(namespace.kind): "
      // A host whose kernel has no SCTP has no SCTP sockets: nothing is missing.
      notes += namespace.snapshot.notes.filter { $0 != .protocolNotLoaded(.sctp) }.map {
        place + $0.description
      }
    }
    self.exposures = exposures
    self.notes = notes.unique
  }

  /// Creates an audit from its parts.
  init(exposures: [Exposure], ingresses: [Ingress] = [], notes: [String] = []) {
    self.exposures = exposures
    self.ingresses = ingresses
    self.notes = notes
  }
}

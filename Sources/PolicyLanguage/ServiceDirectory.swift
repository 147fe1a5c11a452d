// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// The services that a policy can name: those of the catalogue, and those that it defines itself.
public struct ServiceDirectory: Sendable {
  /// A service, and where it comes from.
  public struct Entry: Sendable, Hashable {
    /// The service.
    public let service: Service
    /// Where its definition is.
    public let origin: Origin
  }

  /// Where the definition of a service is.
  public enum Origin: String, Sendable, Hashable {
    /// In the catalogue of this program.
    case catalogue
    /// In the policy, under a name that the catalogue does not have.
    case policy
    /// In the policy, under a name that the catalogue defines differently.
    case redefined
  }

  /// By name.
  public let entries: [Entry]

  /// The services of the catalogue, and those of a policy.
  public init(_ policy: Policy?) {
    var entries = ServiceCatalogue.services.map { Entry(service: $0, origin: .catalogue) }
    // Services that are written in place have no name of their own.
    for service in policy?.services ?? [] where Service(written: service.name) == nil {
      guard let index = entries.firstIndex(where: { $0.service.name == service.name }) else {
        entries.append(Entry(service: service, origin: .policy))
        continue
      }
      if entries[index].service != service { entries[index] = Entry(service: service, origin: .redefined) }
    }
    self.entries = entries.sorted { $0.service.name < $1.service.name }
  }

  /// What a word asks for: the service of this name; else the services with a port, where the word is a port (`5432`) of
  /// any protocol or a port of one (`5432/tcp`, `ip/89`), those with the fewest ports first. Nil for any other word.
  public func find(_ word: String) -> [Entry]? {
    if let entry = entries.first(where: { $0.service.name == word }) { return [entry] }
    let asked: [ServicePort]
    if let port = UInt16(word), let range = PortRange(port) {
      asked = [IPProtocol.tcp, .udp, .sctp].map { .ports($0, range) }
    } else if let service = Service(written: word) {
      asked = service.ports
    } else {
      return nil
    }
    return entries.filter { entry in asked.contains { entry.service.holds($0) } }
      .enumerated().sorted {
        ($0.element.service.portCount, $0.offset) < ($1.element.service.portCount, $1.offset)
      }.map(\.element)
  }

  /// The result of a search.
  public enum Finding: Sendable, Hashable {
    case found([Entry])
    /// Nothing was found: a sentence that says why, and what to do.
    case nothing(String)
  }

  /// Searches for a word; without one, finds everything.
  public func search(_ word: String?) -> Finding {
    guard let word else { return .found(entries) }
    guard let found = find(word) else {
      let nearest = Suggestion.nearest(to: word, among: entries.map(\.service.name))
      return .nothing(
        "no service is called '\(word)'\(nearest.map { ": did you mean '\($0)'?" } ?? "; wgfence services lists them")"
      )
    }
    if !found.isEmpty { return .found(found) }
    let port = UInt16(word) == nil ? word : "\(word)/tcp"
    return .nothing(
      "no service has the port '\(word)': write it in place in a grant, as in services: [\(port)]")
  }
}
